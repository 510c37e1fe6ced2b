// What became of the picture since the last frame, by blocks: its noise, a change of exposure, of light, a cut.
// The noise of one level is a low quantile over its blocks, since what moves only ever adds to it.
#pragma once
#include "history.hpp"

namespace rt {

constexpr int LEVELS = 10;
constexpr float EDGES[LEVELS + 1] = {0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256};
constexpr int ENOUGH = 16;          // blocks, for a level to be judged
constexpr float QUIET_SHARE = 0.3f; // of the blocks of a level are taken to be without motion
constexpr float RISE = 1.25f;       // noise of a level above that of the next darker one, at most: more is motion
constexpr float NOISE_RATE = 0.2f;  // of the way to a new estimate in a frame
constexpr float BELIEVED = 1;       // codes: a smaller change of exposure is an encoder's whim
constexpr float LOWEST = 1.1f, HIGHEST = 6; // noise in codes: encoders hide it, motion mimics it
constexpr float CUT_DEVIATIONS = 4, CUT_SHARE = 0.4f; // so many blocks are off by that much
constexpr float LIT_SHARE = 0.05f; // of the blocks, on which light changed: on fewer it may be a thing that moves
constexpr float FOOT = 8; // codes below black from which light counts, so that noise near black is not multiplied

INLINE float noise_at(const History &h, float level) {
    return clamp(h.noise + h.slope * level, LOWEST, HIGHEST);
}

// Adds a row of luma to `sum`: of RGB a quarter of red and blue and half of green.
INLINE void luma_codes(const Format &f, const Planes &planes, float code, int row, const Tile &tile, float *spare,
                       float *to) {
    read_codes(f, planes, channel(f, is_rgb(f) ? 1 : 0), code, row, tile.picture_width, tile.picture_height, tile.left,
               tile.width, to);
    if (!is_rgb(f)) return;
    for (int c = 0; c < 3; c += 2) {
        read_codes(f, planes, channel(f, c), code, row, tile.picture_width, tile.picture_height, tile.left, tile.width,
                   spare);
        for (int x = 0; x < tile.width; x++) to[x] = c ? (to[x] + 0.5f * spare[x]) * 0.5f : to[x] + 0.5f * spare[x];
    }
}

// Every second row of blocks: level, change and spread.
static void survey(const Tile &tile, History &h, const Format &format, const Planes &in, Arena arena) {
    Rows<6> rows = arena.rows<6>(tile.width, 1);
    float *now = rows.at(0, 0), *before = rows.at(1, 0), *spare = rows.at(2, 0);
    float *level = rows.at(3, 0), *change = rows.at(4, 0), *square = rows.at(5, 0);
    const Planes &picture = h.picture[h.now];
    int end = min(tile.picture_width, tile.last) - tile.left;
    for (int top = tile.top; top + SIDE <= min(tile.bottom, tile.picture_height); top += 2 * SIDE) {
        for (int c = 3; c < 6; c++) memset(rows.at(c, 0), 0, sizeof(float) * tile.width);
        for (int row = top; row < top + SIDE; row++) {
            if (int next = row + 2 * SIDE; next < tile.picture_height) {
                prefetch(format, in, next, tile.first, tile.last);
                prefetch(h.kept, picture, next, tile.first, tile.last);
            }
            luma_codes(format, in, h.code, row, tile, spare, now);
            luma_codes(h.kept, picture, 1 / UNIT, row, tile, spare, before);
            for (int x = 0; x < tile.width; x += LANES) {
                vec s = load(before + x), d = load(now + x) - s;
                store(level + x, load(level + x) + s);
                store(change + x, load(change + x) + d);
                store(square + x, load(square + x) + d * d);
            }
        }
        int64_t at = (int64_t)(top / SIDE / 2) * h.blocks_wide + tile.first / SIDE;
        for (int x = tile.first - tile.left; x < end; x += SIDE, at++) {
            float l = 0, c = 0, q = 0;
            int columns = min(SIDE, end - x);
            for (int i = x; i < x + columns; i++) l += level[i], c += change[i], q += square[i];
            float share = 1.0f / (SIDE * columns);
            l *= share, c *= share, q = q * share - c * c;
            h.level[at] = l, h.change[at] = c, h.spread[at] = __builtin_sqrtf(q > 0 ? q : 0);
        }
    }
}

// Values counted in steps, for quantiles.
template <int COUNT> struct Counts {
    float low, step;
    int n, counts[COUNT];

    void add(float value) { counts[clamp((int)((value - low) / step), 0, COUNT - 1)]++, n++; }
    float quantile(float share) const {
        float wanted = share * n;
        int below = 0;
        for (int i = 0; i < COUNT; i++) {
            if (counts[i] && below + counts[i] >= wanted) return low + step * (i + (wanted - below) / counts[i]);
            below += counts[i];
        }
        return low + step * COUNT;
    }
};

INLINE int level_of(float code) {
    int k = 0;
    while (k < LEVELS - 1 && code >= EDGES[k + 1]) k++;
    return k;
}

// Between the middles of the levels that are `known`; beyond them the last one.
INLINE float between(const float *values, const bool *known, float code) {
    int below = -1, above = -1;
    for (int k = 0; k < LEVELS; k++) {
        if (!known[k]) continue;
        float middle = (EDGES[k] + EDGES[k + 1]) / 2;
        if (middle <= code) below = k;
        if (middle > code && above < 0) above = k;
    }
    if (below < 0) return values[above];
    if (above < 0) return values[below];
    float a = (EDGES[below] + EDGES[below + 1]) / 2, b = (EDGES[above] + EDGES[above + 1]) / 2;
    return values[below] + (values[above] - values[below]) * (code - a) / (b - a);
}

// How much of a block's change is light: 1 if it changed by more than noise does, and evenly, since what moves has
// texture. `sigma` is the deviation of the difference of a pixel that noise alone makes.
INLINE float lightness(float change, float spread, float sigma) {
    float size = change < 0 ? -change : change;
    float seen = size / sigma - 1.25f, even = 3.5f + (0.8f * size - 2 * spread) / sigma;
    return clamp(seen, 0.0f, 1.0f) * clamp(even, 0.0f, 1.0f);
}

// By how much a level was multiplied that became another one.
INLINE float brightening(const History &h, float from, float to) {
    float none = h.black - FOOT, was = from - none;
    return clamp((to - none) / (was < 1 ? 1 : was), 0.25f, 4.0f);
}

// From the blocks: noise, exposure curve, gains of light, and true if this is another scene.
static bool judge(History &h, int height, float frames) {
    int blocks = h.blocks_wide * ((height / SIDE + 1) / 2);
    if (!blocks) return false;
    Counts<1024> change[LEVELS];
    Counts<256> spread[LEVELS];
    for (int k = 0; k < LEVELS; k++) change[k] = {-128, 0.25f, 0, {}}, spread[k] = {0, 1.0f / 16, 0, {}};
    for (int i = 0; i < blocks; i++) {
        int k = level_of(h.level[i]);
        change[k].add(h.change[i]), spread[k].add(h.spread[i]);
    }
    float curve[LEVELS], noise[LEVELS], darker = 1e30f;
    bool exposed[LEVELS] = {}, judged[LEVELS];
    int agree = 0;
    for (int k = 0; k < LEVELS; k++) {
        judged[k] = change[k].n >= ENOUGH;
        if (!judged[k]) continue;
        curve[k] = change[k].quantile(0.5f);
        float size = curve[k] < 0 ? -curve[k] : curve[k];
        // Believed where half of the blocks lie closer together than they lie from zero.
        exposed[k] = size >= BELIEVED && change[k].quantile(0.75f) - change[k].quantile(0.25f) < 0.5f * size;
        if (exposed[k]) agree += change[k].n;
        float quiet = 1.05f * spread[k].quantile(QUIET_SHARE);
        noise[k] = quiet < RISE * darker ? quiet : RISE * darker;
        darker = noise[k];
    }
    h.exposed = agree > 0.6f * blocks;
    for (int i = 0; i <= 256; i++) h.curve[i] = h.exposed ? between(curve, exposed, i) : 0;

    // A line through the noise of the levels, each as heavy as it is common.
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    float share = 1 / __builtin_sqrtf(1 + 1 / (h.seen < frames ? (float)h.seen : frames)); // the kept picture's own
    for (int k = 0; k < LEVELS; k++) {
        if (!judged[k]) continue;
        double l = (EDGES[k] + EDGES[k + 1]) / 2, v = noise[k] * share;
        n += change[k].n, x += change[k].n * l, y += change[k].n * v, xx += change[k].n * l * l, xy += change[k].n * l * v;
    }
    double base = 1, slope = 0;
    if (n > 0) {
        double variance = xx - x * x / n;
        slope = variance > 1e-3 * n ? (xy - x * y / n) / variance : 0;
        base = (y - slope * x) / n;
    }
    float rate = h.seen > 1 ? NOISE_RATE : 1;
    h.noise += rate * ((float)base - h.noise), h.slope += rate * ((float)slope - h.slope);

    int off = 0, lit = 0, both = 0;
    for (int i = 0; i < blocks; i++) {
        float level = h.level[i], step = h.curve[clamp((int)(level + 0.5f), 0, 256)], c = h.change[i] - step;
        float sigma = noise_at(h, level), of_light = lightness(c, h.spread[i], sigma / share);
        h.gain[i] = 1 + of_light * (brightening(h, level + step, level + h.change[i]) - 1);
        bool is_lit = of_light > 0.5f, is_off = (c < 0 ? -c : c) > CUT_DEVIATIONS * sigma;
        lit += is_lit, off += is_off, both += is_lit && is_off;
    }
    h.shone = lit > LIT_SHARE * blocks;
    return off > CUT_SHARE * blocks && 2 * both <= off; // or somebody switched on the light
}

} // namespace rt
