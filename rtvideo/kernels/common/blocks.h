// Noise removal at half size (step 9 of rtvideo/models/description.py): what the network sees of a block of 2x2 pixels,
// and what it says of the noise of each.
#pragma once
#include "common/exposure.h"

namespace rt {

// Means of red, green and blue, then of details: the size of luma's and of colour's, or how much of them is noise.
constexpr int BLOCK_CHANNELS = 5;

template <class V> FN V mean_of_block(V a, V b, V c, V d) { return (a + b + (c + d)) * 0.25f; }

// What a pixel has beside the means of its block: luma, the mean of the channels, and in each channel the rest.
template <class V> struct Details {
    V luma, colour[3];
};
template <class V> FN Details<V> details_of(const V (&pixel)[3], const V (&mean)[3]) {
    Details<V> d;
    UNROLL for (int c = 0; c < 3; c++) d.colour[c] = pixel[c] - mean[c];
    d.luma = mean_of(d.colour[0], d.colour[1], d.colour[2]);
    UNROLL for (int c = 0; c < 3; c++) d.colour[c] -= d.luma;
    return d;
}

template <class V> FN void see_block(const V (&pixels)[4][3], V (&seen)[BLOCK_CHANNELS]) {
    V mean[3], luma[4], colour[4];
    UNROLL for (int c = 0; c < 3; c++)
        seen[c] = mean[c] = mean_of_block(pixels[0][c], pixels[1][c], pixels[2][c], pixels[3][c]);
    UNROLL for (int k = 0; k < 4; k++) {
        const Details<V> d = details_of(pixels[k], mean);
        luma[k] = abs(d.luma), colour[k] = mean_of(abs(d.colour[0]), abs(d.colour[1]), abs(d.colour[2]));
    }
    seen[3] = mean_of_block(luma[0], luma[1], luma[2], luma[3]);
    seen[4] = mean_of_block(colour[0], colour[1], colour[2], colour[3]);
}

// How much of some details is noise. The head delivers -z log2(e), which its weights contain.
template <class V> FN V share_of_noise(V z) { return 1.0f / (exp2(clamp(z, -100.0f, 100.0f)) + 1.0f); }

// The noise of a pixel, of that of its block's means and of the shares of its details.
template <class V> FN void noise_of(const Details<V> &d, V of_luma, V of_colour, V (&noise)[3]) {
    UNROLL for (int c = 0; c < 3; c++) noise[c] += of_luma * d.luma + of_colour * d.colour[c];
}

} // namespace rt
