// Noise removal at half size, between pixels and blocks of 2x2 pixels. Kernels have one size: what they read of the other
// is made of it pixel by pixel.
#pragma once
#include "tile.cuh"

#include "common/blocks.h"

namespace rt {

// The pixels of a block. The last row and column repeat where the picture has an odd number of them.
FN void read_block(const Plane<3> &from, int origin, int x, int y, float (&pixels)[4][3]) {
    const Block picture = {0, 0, frame.width, frame.height, origin, frame.rows};
    UNROLL for (int k = 0; k < 4; k++)
        from.read(picture, min(2 * x + k % 2, picture.width - 1), min(2 * y + k / 2, picture.height - 1), pixels[k]);
}

// What the network sees of blocks.
struct BlocksSeen {
    static constexpr int CHANNELS = BLOCK_CHANNELS;
    Plane<3> image;

    METHOD void read(const Block &block, int x, int y, float (&v)[CHANNELS]) const {
        float pixels[4][3];
        read_block(image, 2 * block.origin, x, y, pixels);
        see_block(pixels, v);
    }
};
FN BlocksSeen see_blocks(const Plane<3> &image) { return {image}; }

// The noise of pixels, of what the network says of their blocks.
struct NoiseInBlocks {
    static constexpr int CHANNELS = 3;
    Plane<3> image;
    Plane<BLOCK_CHANNELS> said;

    METHOD void read(const Block &block, int x, int y, float (&v)[CHANNELS]) const {
        const Block half = {0, 0, (block.width + 1) / 2, 0, block.origin / 2, (block.rows + 1) / 2};
        float pixels[4][3], pixel[3], mean[3], of[BLOCK_CHANNELS];
        read_block(image, block.origin, x >> 1, y >> 1, pixels);
        image.read(block, x, y, pixel);
        said.read(half, x >> 1, y >> 1, of);
        UNROLL for (int c = 0; c < 3; c++)
            mean[c] = mean_of_block(pixels[0][c], pixels[1][c], pixels[2][c], pixels[3][c]), v[c] = of[c];
        noise_of(details_of(pixel, mean), share_of_noise(of[3]), share_of_noise(of[4]), v);
    }
};
// Of a quad, which is a block: what it is made of is read once.
template <class S, int B, int A> FN Values<3, 4> fetch(const NoiseInBlocks &from, const QuadRun<S, B, A> &p) {
    Values<3, 4> noise = {};
    if (!p.inside(0)) return noise;
    Values<3, 4> image = fetch(from.image, p);
    UNROLL for (int c = 0; c < 3; c++) {
        if (!p.inside(1)) image.v[c][1] = image.v[c][0], image.v[c][3] = image.v[c][2];
        if (!p.inside(2)) image.v[c][2] = image.v[c][0], image.v[c][3] = image.v[c][1];
    }
    const Block half = {0, 0, (p.block.width + 1) / 2, 0, p.block.origin / 2, (p.block.rows + 1) / 2};
    float of[BLOCK_CHANNELS], mean[3];
    from.said.read(half, p.x() / 2, p.y(0) / 2, of);
    const float of_luma = share_of_noise(of[3]), of_colour = share_of_noise(of[4]);
    UNROLL for (int c = 0; c < 3; c++)
        mean[c] = mean_of_block(image.v[c][0], image.v[c][1], image.v[c][2], image.v[c][3]);
    UNROLL for (int i = 0; i < 4; i++) {
        const float pixel[3] = {image.v[0][i], image.v[1][i], image.v[2][i]};
        float v[3] = {of[0], of[1], of[2]};
        noise_of(details_of(pixel, mean), of_luma, of_colour, v);
        UNROLL for (int c = 0; c < 3; c++) noise.v[c][i] = v[c];
    }
    return noise;
}
FN NoiseInBlocks noise_in_blocks(const Plane<3> &image, const Plane<BLOCK_CHANNELS> &said) { return {image, said}; }

} // namespace rt
