// Temporal filter: a recursive average on the planes, in front of the network. A cell whose neighbourhood changed by no
// more than noise does is averaged over the frames that it has stood; one that changed starts anew.
#pragma once
#include "common/scene_statistics.h"

namespace rt {

constexpr float STANDS = 2, MOVES = 4.5f; // deviations: what is less is noise, what is more is motion
// Deviations of means over a neighbourhood for one of a pixel. Noise that went through a demosaicing or an encoder is
// coarser than a pixel, so that the mean of 16 varies by more than a quarter.
constexpr float OF_MEAN = 0.45f;
constexpr float OF_SIZE = 0.72f; // the mean of |noise|
// Of RGB, red and blue without their luma are some 1.6 times as large as chroma of the same colour.
constexpr float OF_CHROMA = 0.5f, OF_RED_OR_BLUE = 0.8f;
// Thin things that last a frame (rain, sparks) change too little of 4 x 4 pixels, but all of a line of cells. Noise
// seldom does; what it does counts from STREAK deviations on, and faster than that of a neighbourhood.
constexpr int LINE = 5, ENDING = 3; // cells of a line, and of one that ends in a cell
constexpr float OF_LINE = 0.45f, OF_ENDING = 0.51f, STREAK = 3.5f, STEEPER = 1.6f;

// 1 / the noise of a difference to a cell of that age, whose own is less: the chord of sqrt(1 + 1 / age).
template <class V> FN V per_noise_of_difference(V noise, V age) {
    const V frames = max(age, 1.0f);
    return frames / (noise * (frames + 0.4142f));
}

// Deviations by which the 4 x 4 pixels around a cell changed, and the 3 x 3 cells' colour. `sum` and `size` are sums of
// differences and of their sizes; `per` is 1 / noise.
template <class V> FN V deviations(V sum, V size, V per) {
    return max(abs(sum) * (per * (1 / (16 * OF_MEAN))), 2 * (size * (per * (1 / (16 * OF_SIZE))) - 1));
}
FN float of_colour(bool rgb) { return rgb ? OF_RED_OR_BLUE : OF_CHROMA; }
template <class V> FN V colour_deviations(V sum, V per, float of_colour) {
    return abs(sum) * (per * (1 / (9 * of_colour)));
}

// Deviations by which a line of cells changed: `before` and `after` are sums of two differences on either side of a
// cell, `here` is its own. What falls may end there.
template <class V> FN V line_deviations(V before, V here, V after, V per, bool falls) {
    const V ends = before + here, begins = here + after;
    V size = abs(ends + after) * (1 / (LINE * OF_LINE));
    if (falls) size = max(size, max(abs(ends), abs(begins)) * (1 / (ENDING * OF_ENDING)));
    return STANDS + STEEPER * (size * per - STREAK);
}

// How much of a cell is new: 0 where it stands, 1 where it moves.
template <class V> FN V gate_of(V deviations) {
    return clamp((deviations - STANDS) * (1 / (MOVES - STANDS)), 0.0f, 1.0f);
}
FN bool moves(float gate) { return gate > 0.5f; }

// The age of a cell in frames; the newest one counts 1 / age.
template <class V> FN V next_age(V age, V gate, float frames) {
    const V older = min(age + 1, frames);
    return older + gate * (1 - older);
}

} // namespace rt
