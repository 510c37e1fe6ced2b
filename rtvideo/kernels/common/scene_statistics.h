// Scene statistics: what became of the picture since the last frame, by patches: its noise, a change of exposure, of
// light, a cut (docs/temporal.md). All is in codes of 8 bits. Noise of a level is a low quantile over its patches, since
// what moves only ever adds to it.
#pragma once
#include "common/temporal_state.h"

namespace rt {

constexpr int LEVELS = 10;
TABLE float LEVEL_EDGES[LEVELS + 1] = {0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256};
constexpr int ENOUGH = 16; // patches, for a level to be judged
constexpr float QUIET_SHARE = 0.3f; // of the patches of a level are taken to be without motion
constexpr float QUIET = 1.05f; // their noise for that of the quantile
constexpr float RISE = 1.25f; // noise of a level above that of the next darker one, at most: more is motion
constexpr float NOISE_RATE = 0.2f; // of the way to a new estimate in a frame
constexpr float LEAST_NOISE = 1.1f, MOST_NOISE = 6; // in codes: encoders hide it, motion mimics it
constexpr float LEAST_EXPOSURE = 1; // codes: a smaller change of exposure is an encoder's whim
constexpr float EXPOSURE_SHARE = 0.6f; // of the patches, whose levels changed alike
constexpr float LIGHT_SHARE = 0.05f; // of the patches, on which light changed: on fewer it may be a thing that moves
constexpr float CUT_SHARE = 0.4f, CUT_DEVIATIONS = 4; // so many patches are off by that much
constexpr float FOOT = 8; // codes below black from which light counts, so that noise near black is not multiplied

// Values counted in steps, for quantiles.
struct Bins {
    float low, step;
    int count;

    METHOD int of(float value) const { return clamp((int)((value - low) / step), 0, count - 1); }
    METHOD float value(float bin) const { return low + step * bin; }
};
FN Bins change_bins() { return Bins{-128, 0.25f, 1024}; }
FN Bins spread_bins() { return Bins{0, 1.0f / 16, 256}; }

// What the patches of a level say.
struct Level {
    int count;
    float lower, middle, upper; // quartiles of the changes
    float quiet; // quantile QUIET_SHARE of the spreads
    bool exposed; // its exposure changed
};

FN int level_of(float code) {
    int k = 0;
    while (k < LEVELS - 1 && code >= LEVEL_EDGES[k + 1]) k++;
    return k;
}
FN float middle_of(int level) { return (LEVEL_EDGES[level] + LEVEL_EDGES[level + 1]) / 2; }

template <class V> FN V noise_at(const Scene &scene, V level) {
    return clamp(scene.noise + scene.slope * level, LEAST_NOISE, MOST_NOISE);
}

// Deviation of a frame for that of its difference to the kept picture, which has noise of its own.
FN float share_of_frame(const Scene &scene, float frames) { return 1 / sqrt(1 + 1 / min((float)scene.seen, frames)); }

// Which levels changed their exposure, and the noise of the scene: a line through that of the levels, each as heavy as
// it is common.
FN void learn(Scene &scene, Level *levels, int patches, float frames) {
    float noise = 1e30f, share = share_of_frame(scene, frames);
    int agree = 0;
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int k = 0; k < LEVELS; k++) {
        Level &one = levels[k];
        one.exposed = false;
        if (one.count < ENOUGH) continue;
        // Believed where half of the patches lie closer together than they lie from zero.
        const float size = abs(one.middle);
        one.exposed = size >= LEAST_EXPOSURE && one.upper - one.lower < 0.5f * size;
        if (one.exposed) agree += one.count;
        noise = min(QUIET * one.quiet, RISE * noise);
        const double l = middle_of(k), v = noise * share;
        n += one.count, x += one.count * l, y += one.count * v, xx += one.count * l * l, xy += one.count * l * v;
    }
    scene.exposure_changed = agree > EXPOSURE_SHARE * patches;
    double base = 1, slope = 0;
    if (n > 0) {
        const double variance = xx - x * x / n;
        slope = variance > 1e-3 * n ? (xy - x * y / n) / variance : 0;
        base = (y - slope * x) / n;
    }
    const float rate = scene.seen > 1 ? NOISE_RATE : 1;
    scene.noise += rate * ((float)base - scene.noise), scene.slope += rate * ((float)slope - scene.slope);
}

// The change of exposure at a level: between the middles of those where it is known; beyond them the last one.
FN float exposure_at(const Level *levels, float code) {
    int below = -1, above = -1;
    for (int k = 0; k < LEVELS; k++) {
        if (!levels[k].exposed) continue;
        if (middle_of(k) <= code) below = k;
        if (middle_of(k) > code && above < 0) above = k;
    }
    if (below < 0) return levels[above].middle;
    if (above < 0) return levels[below].middle;
    const float from = levels[below].middle, to = levels[above].middle, a = middle_of(below), b = middle_of(above);
    return from + (to - from) * (code - a) / (b - a);
}

// By how much a level was multiplied that became another one.
FN float brightening(float black, float from, float to) {
    const float none = black - FOOT;
    return clamp((to - none) / max(from - none, 1.0f), 0.25f, 4.0f);
}

// How much of a patch's change is light: 1 if it changed by more than noise does, and evenly, since what moves has
// texture. `sigma` is the deviation of the difference of a pixel that noise alone makes.
FN float lightness(float change, float spread, float sigma) {
    const float size = abs(change);
    const float seen = size / sigma - 1.25f, even = 3.5f + (0.8f * size - 2 * spread) / sigma;
    return clamp(seen, 0.0f, 1.0f) * clamp(even, 0.0f, 1.0f);
}

// Sums over the pixels of a patch become its level, the mean change and the spread of the changes about it.
FN void patch_statistics(int pixels, float &level, float &change, float &square) {
    const float share = 1.0f / pixels;
    level *= share, change *= share, square = square * share - change * change;
    square = sqrt(max(square, 0.0f));
}

// What a patch says of the scene, once noise and exposure are known.
struct Verdict {
    float gain; // of its light
    bool off, lit; // it is another one; it is lit in another way
};

FN Verdict verdict(const Scene &scene, float black, float share, float level, float change, float spread) {
    const float step = scene.curve[clamp((int)(level + 0.5f), 0, 256)], off = change - step;
    const float sigma = noise_at(scene, level), light = lightness(off, spread, sigma / share);
    const float gain = 1 + light * (brightening(black, level + step, level + change) - 1);
    return Verdict{gain, abs(off) > CUT_DEVIATIONS * sigma, light > 0.5f};
}

// Much is off, and it is not that somebody switched on the light.
FN bool is_cut(int patches, int off, int off_and_lit) { return off > CUT_SHARE * patches && 2 * off_and_lit <= off; }

} // namespace rt
