// Debanding near black, in front of the network. A compressed night has a handful of codes in its dark parts, constant over
// blocks, whose borders the gain would show as a mosaic. There a pixel moves towards a smooth picture: a pyramid of
// means, coarse to fine, which keeps whatever stands out of the few codes that an encoder may be wrong by.
#pragma once
#include "common/pixel_format.h"

namespace rt {

constexpr int DEBAND_CELL = 4, DEBAND_LEVELS = 4; // pixels of the finest cells; each level doubles them

// Of a cell: luma above black, colour, how fine its codes are, noise of colour.
enum { FINE = 3, NOISE, MEANS };
constexpr int SMOOTH = 4; // the smooth picture's luma and colour, and noise of colour

// In codes: up to where a picture is dark, by how much cells of it may be wrong, and a sample by itself: one that stands
// out by GATE times as much stays, as a star does.
constexpr float DARK = 12, TOLERANCE = 3.5f, OF_SAMPLE = 2.0f, GATE = 3;
constexpr float DARK_COLOUR = 31, COLOUR_TOLERANCE = 2.5f, COLOUR_NOISE = 3, EDGE = 2;

// Of a frame, in codes of 8 bits: the size of its own codes, the levels of black and of neutral chroma.
struct Debanding {
    float code, black, zero;
};

// Codes of more than 9 bits are finer than an encoder's steps.
FN Debanding debanding_of(const Format &f) {
    return Debanding{max(f.code * (1 << f.shift), 0.5f), black_of(f), f.chroma_zero * f.code};
}

// How much is left of a code's size after the noise of a frame has spread it over `age` frames: a clean picture that
// stands has the same codes in all of them, a noisy one others in each.
template <class V> FN V fineness(V age, V noise) {
    const V spread = min(4 * noise * noise, 1.0f);
    return 1 / sqrt(1 + max(age - 1, 0.0f) * spread);
}

// exp(-x), for x from 0 on.
template <class V> FN V falling(V x) { return exp2(max(x * -1.44269504f, -100.0f)); }

// Share that a smooth picture gets: where it is dark, and the picture deviates by no more than an encoder does.
// `level` is above black; `deviation` of luma, in codes.
template <class V> FN V share_of_smooth(V level, V deviation, V fine, float code) {
    const V dark = max(level, 0.0f) * (1 / (DARK * code)), off = deviation / (fine * (TOLERANCE * code));
    return falling(dark * dark + off * off);
}

// By how much colour may be wrong: by codes, and by `noise`, what its samples differ by within a cell.
template <class V> FN V colour_tolerance(V noise, float code) { return COLOUR_NOISE * noise + COLOUR_TOLERANCE * code; }

// The same for colour, which stays within edges of luma.
template <class V> FN V share_of_smooth_colour(V level, V deviation, V of_colour, V tolerance, float code) {
    const V light = max(level, 0.0f), limit = 0.5f * light + EDGE * code;
    const V edge = deviation / limit, off = of_colour / tolerance;
    const float knee = DARK_COLOUR * DARK_COLOUR * code * code;
    return falling(edge * edge + off * off) * (knee / (light * light + knee));
}

// A sample on its way to the smooth one, unless it stands out.
template <class V> FN V debanded(V sample, V smooth, V share, V per_tolerance) {
    const V way = smooth - sample;
    return sample + share * clamp(GATE - abs(way) * per_tolerance, 0.0f, 1.0f) * way;
}

} // namespace rt
