// Transfer curves as tables (rtvideo/transfer.py): codes in 0..1 to what a network sees, and back.
#pragma once
#include "common/pixel_format.h"

namespace rt {

enum { CURVE_STEPS = 1 << 14 };

// The place of a code in `seen`, once the fraction is cut off.
template <class V> FN V step_of(V code) { return code * (float)CURVE_STEPS + 0.5f; }

// The place of a value in `coded`: its root is finer where it is dark, and where the curve is steep.
template <class V> FN V step_of_root(const Format &f, V value) {
    return step_of(sqrt(clamp(value * (1.0f / f.peak), 0.0f, 1.0f)));
}

template <class V> FN void mix(const float (&rows)[3][3], V (&rgb)[3]) {
    const V red = rgb[0], green = rgb[1], blue = rgb[2];
    UNROLL for (int c = 0; c < 3; c++) rgb[c] = red * rows[c][0] + green * rows[c][1] + blue * rows[c][2];
}

template <class V> FN V largest(const V (&rgb)[3]) { return max(max(rgb[0], rgb[1]), rgb[2]); }

// An enhanced pixel with what was outside 0..1, where a network cannot see: that has the gain of the largest channel,
// too. Lights stay as light as they were, for their gain is 1, and strong colours stay strong.
template <class V> FN void put_back(const Format &f, const V (&whole)[3], V (&rgb)[3]) {
    V inside[3];
    UNROLL for (int c = 0; c < 3; c++) inside[c] = clamp(whole[c], 0.0f, 1.0f);
    const V gain = largest(rgb) / max(largest(inside), 1e-6f);
    UNROLL for (int c = 0; c < 3; c++) rgb[c] = rgb[c] + (whole[c] - inside[c]) * gain;
    mix(f.from_view, rgb);
}

} // namespace rt
