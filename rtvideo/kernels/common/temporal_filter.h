// Temporal filter: a recursive average on the planes, in front of the network. A cell whose neighbourhood changed by no
// more than noise does is averaged over the frames that it has stood; one that changed starts anew.
#pragma once
#include "common/scene_statistics.h"

namespace rt {

constexpr float STANDS = 2, MOVES = 4.5f; // deviations: what is less is noise, what is more is motion
// Deviations of means over a neighbourhood for one of a pixel. Noise that went through a demosaicing or an encoder is
// coarser than a pixel, so that the mean of 16 varies by more than a quarter.
constexpr float OF_MEAN = 0.45f, OF_COLOUR = 0.5f;
constexpr float OF_SIZE = 0.8f; // the mean of |noise|

// The noise of a difference to a cell of that age, whose own is less: the chord of sqrt(1 + 1 / age).
template <class V> FN V noise_of_difference(V noise, V age) { return noise * (1 + 0.4142f / max(age, 1.0f)); }

// Deviations by which the 4 x 4 pixels around a cell changed, and the 3 x 3 cells' colour. `sum` and `size` are sums of
// differences and of their sizes; `per` is 1 / noise.
template <class V> FN V deviations(V sum, V size, V per) {
    return max(abs(sum) * (per * (1 / (16 * OF_MEAN))), 2 * (size * (per * (1 / (16 * OF_SIZE))) - 1));
}
template <class V> FN V colour_deviations(V sum, V per) { return abs(sum) * (per * (1 / (9 * OF_COLOUR))); }

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
