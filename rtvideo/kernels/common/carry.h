// Carrying: the picture so far is read where it was, between samples if need be.
#pragma once
#include "common/motion.h"

namespace rt {

constexpr int CARRIED = 8; // samples of a side of a tile, which are read with one displacement
constexpr float HIGHEST = 65535; // sample
constexpr float AGREE = 0.5f; // pixels of half the size, by which neighbouring blocks may differ that move as one
constexpr float LOSS = 0.1f,
                UNLIKE = 2.0f; // of an age, for each time the noise that more is left of a block than so many

// Of a place in the picture the motion in pixels: linear between the middles of wide x high blocks, where they agree.
FN Vector motion_at(const Vector *vectors, int wide, int high, float x, float y) {
    constexpr int SIDE = 2 * MOTION_BLOCK;
    const float u = clamp(x / SIDE - 0.5f, 0.0f, wide - 1.0f), v = clamp(y / SIDE - 0.5f, 0.0f, high - 1.0f);
    const int left = min((int)u, max(wide - 2, 0)), top = min((int)v, max(high - 2, 0));
    const Vector *a = vectors + top * wide + left, *b = top + 1 < high ? a + wide : a;
    const int next = left + 1 < wide;
    const Vector nearest = (v - top < 0.5f ? a : b)[u - left < 0.5f ? 0 : next];
    bool agree = moves(nearest);
    const Vector around[4] = {a[0], a[next], b[0], b[next]};
    for (const Vector &one : around) agree &= max(abs(one.x - nearest.x), abs(one.y - nearest.y)) < AGREE;
    if (!agree) return 2.0f * nearest;
    const float across = u - left, down = v - top;
    const Vector upper = a[0] + across * (a[next] - a[0]), lower = b[0] + across * (b[next] - b[0]);
    return 2.0f * (upper + down * (lower - upper));
}

// The share of its age that a block loses which is not what it was thought to be. `left` is what is left of it.
FN float loss_of(float left, float noise) { return LOSS * max(left / noise - UNLIKE, 0.0f); }

// The age of a cell that was carried. It may be off by `unsure` (squared pixels), which is as good as noise where the
// picture is steep; `steepness` is the squared gradient in codes a pixel.
template <class V> FN V age_carried(V age, V steepness, V unsure, V loss, V noise) {
    const V variance = noise * noise;
    return age * variance / (variance + age * (steepness * unsure + loss * variance));
}

// Lanczos's window of three, for a sixteenth of a pixel up to a half: the taps of the pixels from the second one before.
constexpr int TAPS = 6, TAPS_BEFORE = TAPS / 2 - 1, FRACTIONS = 16;
TABLE float LANCZOS[FRACTIONS / 2 + 1][TAPS] = {
    {0, 0, 1, 0, 0, 0},
    {0.0115939f, -0.0471242f, 0.993138f, 0.0561145f, -0.0141716f, 0.000449587f},
    {0.0204563f, -0.0849939f, 0.972647f, 0.12065f, -0.0305978f, 0.00183865f},
    {0.0265846f, -0.113619f, 0.938934f, 0.192699f, -0.0487712f, 0.00417304f},
    {0.0301123f, -0.133275f, 0.892771f, 0.271011f, -0.0679973f, 0.00737827f},
    {0.031289f, -0.144483f, 0.835298f, 0.354006f, -0.0874035f, 0.0112939f},
    {0.0304584f, -0.147996f, 0.768006f, 0.43982f, -0.105962f, 0.0156736f},
    {0.0280313f, -0.144759f, 0.692696f, 0.526365f, -0.122524f, 0.0201916f},
    {0.0244565f, -0.13587f, 0.611413f, 0.611413f, -0.13587f, 0.0244565f},
};

// Tap `k` of a fraction, of which those above a half are mirrored.
FN float tap_of(int fraction, int k) {
    return fraction <= FRACTIONS / 2 ? LANCZOS[fraction][k] : LANCZOS[FRACTIONS - fraction][TAPS - 1 - k];
}

// A whole number of samples and sixteenths.
struct Shift {
    int whole, sixteenths;
};
FN Shift shift_of(float by) {
    constexpr int FAR = 1 << 20; // samples are no negative numbers then
    const int all = (int)((by + FAR / FRACTIONS) * FRACTIONS + 0.5f);
    return Shift{all / FRACTIONS - FAR / FRACTIONS, all % FRACTIONS};
}

// Cells from one to the nearest that is so many pixels off.
FN int cells_of(float by) { return shift_of(by / CELL + 0.5f).whole; }

// How a tile moves: its samples, and its cells.
struct TileMotion {
    Shift across, down;
    int u, v;
};
// Of the tile from (x, y) on of a channel that is subsampled by 2^chroma_x and 2^chroma_y.
FN TileMotion motion_of_tile(const Vector *vectors, int wide, int high, int chroma_x, int chroma_y, int x, int y) {
    const Vector by = motion_at(vectors, wide, high, (x + CARRIED / 2) << chroma_x, (y + CARRIED / 2) << chroma_y);
    return TileMotion{shift_of(by.x / (1 << chroma_x)), shift_of(by.y / (1 << chroma_y)), cells_of(by.x),
                      cells_of(by.y)};
}

} // namespace rt
