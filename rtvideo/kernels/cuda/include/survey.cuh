// What became of the picture since the last frame, by patches: its noise, a change of exposure, of light, a cut. As
// survey.hpp, which says why; patches are counted while they are surveyed, in whole numbers, so that their order does
// not matter.
#pragma once
#include "history.cuh"

namespace rt {

constexpr int LEVELS = 10;
static __constant__ const float EDGES[LEVELS + 1] = {0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256};
constexpr int ENOUGH = 16;          // patches, for a level to be judged
constexpr float QUIET_SHARE = 0.3f; // of the patches of a level are taken to be without motion
constexpr float RISE = 1.25f;       // noise of a level above that of the next darker one, at most: more is motion
constexpr float NOISE_RATE = 0.2f;  // of the way to a new estimate in a frame
constexpr float BELIEVED = 1;       // codes: a smaller change of exposure is an encoder's whim
constexpr float LOWEST = 1.1f, HIGHEST = 6; // noise in codes: encoders hide it, motion mimics it
constexpr float CUT_DEVIATIONS = 4, CUT_SHARE = 0.4f; // so many patches are off by that much
constexpr float LIT_SHARE = 0.05f; // of the patches, on which light changed: on fewer it may be a thing that moves
constexpr float FOOT = 8; // codes below black from which light counts, so that noise near black is not multiplied

constexpr int SURVEYED = 256; // columns that a block of threads surveys

// Values counted in steps, for quantiles; of a level, changes lie before spreads.
struct Counted {
    float low, step;
    int first, count;
};
constexpr int CHANGES = 1024, SPREADS = 256, BINS = CHANGES + SPREADS, CHUNK = 32, CHUNKS = BINS / CHUNK;
DEVICE Counted changes() { return Counted{-128, 0.25f, 0, CHANGES}; }
DEVICE Counted spreads() { return Counted{0, 1.0f / 16, CHANGES, SPREADS}; }

DEVICE int patches_wide() { return (frame.width + PATCH - 1) / PATCH; }
DEVICE int patches() { return patches_wide() * ((frame.height / PATCH + 1) / 2); }

DEVICE int level_of(float code) {
    int k = 0;
    while (k < LEVELS - 1 && code >= EDGES[k + 1]) k++;
    return k;
}

DEVICE float noise_at(const Scene &scene, float level) {
    return clamp(scene.noise + scene.slope * level, LOWEST, HIGHEST);
}

// Deviation of the difference of two frames for one of a frame: the kept picture has noise of its own.
DEVICE float of_difference(const Scene &scene) {
    return sqrtf(1 + 1 / fminf((float)scene.seen, frame.pace.frames));
}

DEVICE void count(int level, const Counted &of, float value) {
    const int bin = clamp((int)((value - of.low) / of.step), 0, of.count - 1);
    atomicAdd(&frame.history.counts[level * BINS + of.first + bin], 1);
}

// Every second row of patches: level, change and spread.
DEVICE void survey(float *memory) {
    const int left = blockIdx.x * SURVEYED, top = blockIdx.y * 2 * PATCH, columns = min(SURVEYED, frame.width - left);
    if (forgotten() || top + PATCH > frame.height) return;
    float *level = memory, *change = memory + SURVEYED, *square = memory + 2 * SURVEYED;
    for (int column = threadIdx.x; column < columns; column += THREADS) {
        float l = 0, c = 0, q = 0;
        for (int row = top; row < top + PATCH; row++) {
            const float s = luma(Before{}, left + column, row), d = luma(Now{}, left + column, row) - s;
            l += s, c += d, q += d * d;
        }
        level[column] = l, change[column] = c, square[column] = q;
    }
    barrier();
    for (int patch = threadIdx.x; patch * PATCH < columns; patch += THREADS) {
        const int first = patch * PATCH, last = min(first + PATCH, columns);
        float l = 0, c = 0, q = 0;
        for (int i = first; i < last; i++) l += level[i], c += change[i], q += square[i];
        const float share = 1.0f / (PATCH * (last - first));
        l *= share, c *= share, q = sqrtf(fmaxf(q * share - c * c, 0));
        const int at = blockIdx.y * patches_wide() + left / PATCH + patch, k = level_of(l);
        frame.history.level[at] = l, frame.history.change[at] = c, frame.history.spread[at] = q;
        count(k, changes(), c), count(k, spreads(), q);
    }
}

// Of the values of a level; `sums` are those of its chunks of bins.
DEVICE float quantile(int level, const Counted &of, const int *sums, int n, float share) {
    const int *bins = frame.history.counts + level * BINS + of.first;
    const float wanted = share * n;
    int below = 0;
    for (int chunk = 0; chunk < of.count / CHUNK; chunk++) {
        const int all = sums[level * CHUNKS + of.first / CHUNK + chunk];
        if (all == 0 || below + all < wanted) {
            below += all;
            continue;
        }
        for (int i = chunk * CHUNK; i < (chunk + 1) * CHUNK; i++) {
            if (bins[i] && below + bins[i] >= wanted) return of.low + of.step * (i + (wanted - below) / bins[i]);
            below += bins[i];
        }
    }
    return of.low + of.step * of.count;
}

// What the patches of a level say.
struct Level {
    int n;
    float middle, quarter, three_quarters, quiet; // quantiles of changes, and of spreads
    float noise;
    bool exposed;
};

// Between the middles of the levels where the exposure changed; beyond them the last one.
DEVICE float between(const Level *levels, float code) {
    int below = -1, above = -1;
    for (int k = 0; k < LEVELS; k++) {
        if (!levels[k].exposed) continue;
        const float middle = (EDGES[k] + EDGES[k + 1]) / 2;
        if (middle <= code) below = k;
        if (middle > code && above < 0) above = k;
    }
    if (below < 0) return levels[above].middle;
    if (above < 0) return levels[below].middle;
    const float a = (EDGES[below] + EDGES[below + 1]) / 2, b = (EDGES[above] + EDGES[above + 1]) / 2;
    return levels[below].middle + (levels[above].middle - levels[below].middle) * (code - a) / (b - a);
}

// How much of a patch's change is light.
DEVICE float lightness(float change, float spread, float sigma) {
    const float size = fabsf(change);
    const float seen = size / sigma - 1.25f, even = 3.5f + (0.8f * size - 2 * spread) / sigma;
    return clamp(seen, 0.0f, 1.0f) * clamp(even, 0.0f, 1.0f);
}

// By how much a level was multiplied that became another one.
DEVICE float brightening(float from, float to) {
    const float none = frame.history.black - FOOT;
    return clamp((to - none) / fmaxf(from - none, 1), 0.25f, 4.0f);
}

// One thread: which levels changed their exposure, and the noise.
DEVICE void learn(Scene &scene, Level *levels) {
    float darker = 1e30f;
    int agree = 0;
    double n = 0, x = 0, y = 0, xx = 0, xy = 0; // for a line through the noise, each level as heavy as it is common
    const float share = 1 / of_difference(scene);
    for (int k = 0; k < LEVELS; k++) {
        Level &one = levels[k];
        one.exposed = false;
        if (one.n < ENOUGH) continue;
        // Believed where half of the patches lie closer together than they lie from zero.
        const float size = fabsf(one.middle);
        one.exposed = size >= BELIEVED && one.three_quarters - one.quarter < 0.5f * size;
        if (one.exposed) agree += one.n;
        darker = one.noise = fminf(1.05f * one.quiet, RISE * darker);
        const double l = (EDGES[k] + EDGES[k + 1]) / 2, v = one.noise * share;
        n += one.n, x += one.n * l, y += one.n * v, xx += one.n * l * l, xy += one.n * l * v;
    }
    scene.exposed = agree > 0.6f * patches();
    double base = 1, slope = 0;
    if (n > 0) {
        const double variance = xx - x * x / n;
        slope = variance > 1e-3 * n ? (xy - x * y / n) / variance : 0;
        base = (y - slope * x) / n;
    }
    const float rate = scene.seen > 1 ? NOISE_RATE : 1;
    scene.noise += rate * ((float)base - scene.noise), scene.slope += rate * ((float)slope - scene.slope);
}

// One block: from the patches noise, exposure curve, gains of light, and whether this is another scene. Leaves all
// counts at zero.
DEVICE void judge(float *memory) {
    Scene &scene = *frame.history.scene;
    const History &h = frame.history;
    const bool judged = !forgotten() && patches();
    Level *levels = (Level *)memory;
    int *sums = (int *)(levels + LEVELS), *off = sums + LEVELS * CHUNKS, *lit = off + 1, *both = off + 2;
    for (int i = threadIdx.x; i < LEVELS * CHUNKS; i += THREADS) {
        int sum = 0;
        UNROLL for (int k = 0; k < CHUNK; k++) sum += judged ? h.counts[i * CHUNK + k] : 0;
        sums[i] = sum;
    }
    if (threadIdx.x == 0) *off = *lit = *both = 0;
    barrier();
    for (int k = threadIdx.x; k < LEVELS; k += THREADS) {
        levels[k].n = 0;
        for (int i = 0; i < CHANGES / CHUNK; i++) levels[k].n += sums[k * CHUNKS + i];
    }
    barrier();
    for (int i = threadIdx.x; i < LEVELS * 4; i += THREADS) {
        Level &one = levels[i / 4];
        if (one.n < ENOUGH) continue;
        switch (i % 4) {
        case 0: one.middle = quantile(i / 4, changes(), sums, one.n, 0.5f); break;
        case 1: one.quarter = quantile(i / 4, changes(), sums, one.n, 0.25f); break;
        case 2: one.three_quarters = quantile(i / 4, changes(), sums, one.n, 0.75f); break;
        default: one.quiet = quantile(i / 4, spreads(), sums, one.n, QUIET_SHARE);
        }
    }
    barrier();
    if (judged) {
        if (threadIdx.x == 0) learn(scene, levels);
        barrier();
        for (int i = threadIdx.x; i <= 256; i += THREADS) scene.curve[i] = scene.exposed ? between(levels, i) : 0;
        for (int i = threadIdx.x; i < LEVELS * BINS; i += THREADS) h.counts[i] = 0;
        barrier();
        const float pair = of_difference(scene);
        int mine[3] = {};
        // One block must wait for all of them: the more at once the better.
        UNROLL_BY(4) for (int i = threadIdx.x; i < patches(); i += THREADS) {
            const float level = h.level[i], step = scene.curve[clamp((int)(level + 0.5f), 0, 256)];
            const float c = h.change[i] - step, sigma = noise_at(scene, level);
            const float of_light = lightness(c, h.spread[i], sigma * pair);
            h.gain[i] = 1 + of_light * (brightening(level + step, level + h.change[i]) - 1);
            const bool is_off = fabsf(c) > CUT_DEVIATIONS * sigma, is_lit = of_light > 0.5f;
            mine[0] += is_off, mine[1] += is_lit, mine[2] += is_off && is_lit;
        }
        atomicAdd(off, mine[0]), atomicAdd(lit, mine[1]), atomicAdd(both, mine[2]);
        barrier();
    }
    if (threadIdx.x != 0) return;
    scene.shone = judged && *lit > LIT_SHARE * patches();
    // Much is off, and it is not that somebody switched on the light.
    const bool cut = *off > CUT_SHARE * patches() && 2 * *both <= *off;
    if (forgotten() || cut) scene.seen = scene.exposed = scene.shone = scene.lit = 0;
    scene.fresh = scene.seen == 0, scene.moving = 0;
    scene.seen += scene.seen < 1 << 20;
}

} // namespace rt
