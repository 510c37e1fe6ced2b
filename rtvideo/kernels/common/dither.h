// Dither, where debanding made a dark gradient finer than codes of 8 bits and the light then raised it: rounded, it would
// show bands. What is added first is a pattern that never moves, the additive recurrence R2 (Roberts, "The Unreasonable
// Effectiveness of Quasirandom Sequences", 2018): nearly as even as blue noise, and without a table.
#pragma once
#include "common/debanding.h"

namespace rt {

constexpr unsigned R2_X = 3242174889u, R2_Y = 2447445414u; // 2^32 / g and 2^32 / g^2, where g^3 = g + 1
constexpr float TURN = 0x1p-32f;

// The place of a pixel in the recurrence; a turn is 2^32.
FN unsigned r2(int x, int y) { return (unsigned)x * R2_X + (unsigned)y * R2_Y; }

// A code before it is rounded, of a sample that was `seen`, both in codes of 8 bits. Full where that was dark, as bands
// are, and was raised by two codes or more; none where it was raised by one or less. `place` is that of r2(), signed.
template <class V> FN V dithered(V code, V seen, V place, float black, float amount) {
    const V raised = clamp(code - seen - 1.0f, 0.0f, 1.0f);
    const V dark = clamp(2.0f - (seen - black) * (1 / DARK), 0.0f, 1.0f);
    return code + place * (TURN * amount) * raised * dark;
}

} // namespace rt
