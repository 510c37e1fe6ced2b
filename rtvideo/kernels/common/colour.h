// Samples to RGB in 0..1 and back, by the matrix and range in `Format` (ITU-T H.273). A chroma sample holds for the block
// of pixels that it was averaged over, and becomes that average again.
#pragma once
#include "common/pixel_format.h"

namespace rt {

// Luma of a sample, or red, green or blue of one that is RGB already.
template <class V> FN V luma_of(const Format &f, V sample) { return sample * f.luma_gain + f.luma_bias; }

// What chroma adds to luma in red, green and blue.
template <class V> FN void tint_of(const Format &f, V u, V v, V &red, V &green, V &blue) {
    u = u - f.chroma_zero, v = v - f.chroma_zero;
    red = v * f.red_v, green = u * f.green_u + v * f.green_v, blue = u * f.blue_u;
}

// Code of luma, less that of black.
template <class V> FN V luma_code(const Format &f, V red, V green, V blue) {
    return red * f.red + green * f.green + blue * f.blue;
}

// Red or blue less luma, in codes of luma: of a pixel, or of sums over some.
template <class V> FN V colour_difference(const Format &f, V colour, V luma_code) {
    return colour * f.scale - luma_code;
}

// Code of chroma; `per_difference` is `code_u` or `code_v` over the pixels that were summed up.
template <class V> FN V chroma_code(const Format &f, V difference, float per_difference) {
    return difference * per_difference + f.neutral;
}

// Rounded to nearest once the fraction is cut off.
FN float rounded(float code, float low, float high) { return min(max(code + 0.5f, low), high); }

} // namespace rt
