// Scene statistics on the device. Patches are counted while they are measured, in whole numbers, so that their order
// does not matter.
#pragma once
#include "temporal_state.cuh"

#include "common/scene_statistics.h"

namespace rt {

constexpr int MEASURED = 256; // columns that a block of threads measures

// Of a level, the counts of changes lie before those of spreads. Sums are of chunks of them.
constexpr int CHANGES = 1024, SPREADS = 256, BINS = CHANGES + SPREADS, CHUNK = 32, CHUNKS = BINS / CHUNK;

FN int patches_wide() { return (frame.width + PATCH - 1) / PATCH; }
FN int patches() { return patches_wide() * ((frame.height / PATCH + 1) / 2); }

FN void count(int level, int first, int bin) { atomicAdd(&frame.state.counts[level * BINS + first + bin], 1); }

// Every second row of patches: level, change and spread.
FN void measure_patches(float *memory) {
    const int left = blockIdx.x * MEASURED, top = blockIdx.y * 2 * PATCH, columns = min(MEASURED, frame.width - left);
    if (is_reset() || top + PATCH > frame.height) return;
    const Before before;
    const Now now;
    float *level = memory, *change = memory + MEASURED, *square = memory + 2 * MEASURED;
    for (int column = threadIdx.x; column < columns; column += THREADS) {
        float l = 0, c = 0, q = 0;
        for (int row = top; row < top + PATCH; row++) {
            const float s = luma(before, left + column, row), d = luma(now, left + column, row) - s;
            l += s, c += d, q += d * d;
        }
        level[column] = l, change[column] = c, square[column] = q;
    }
    barrier();
    for (int patch = threadIdx.x; patch * PATCH < columns; patch += THREADS) {
        const int first = patch * PATCH, last = min(first + PATCH, columns);
        float l = 0, c = 0, q = 0;
        for (int i = first; i < last; i++) l += level[i], c += change[i], q += square[i];
        patch_statistics(PATCH * (last - first), l, c, q);
        const int at = blockIdx.y * patches_wide() + left / PATCH + patch, k = level_of(l);
        frame.state.level[at] = l, frame.state.change[at] = c, frame.state.spread[at] = q;
        count(k, 0, change_bins().of(c)), count(k, CHANGES, spread_bins().of(q));
    }
}

// Of `n` values that were counted; `sums` are those of chunks of bins.
FN float quantile(const int *bins, const int *sums, const Bins &of, int n, float share) {
    const float wanted = share * n;
    int below = 0;
    for (int chunk = 0; chunk < of.count / CHUNK; chunk++) {
        const int all = sums[chunk];
        if (all == 0 || below + all < wanted) {
            below += all;
            continue;
        }
        for (int i = chunk * CHUNK; i < (chunk + 1) * CHUNK; i++) {
            if (bins[i] && below + bins[i] >= wanted) return of.value(i + (wanted - below) / bins[i]);
            below += bins[i];
        }
    }
    return of.value(of.count);
}

// One block: from the patches noise, exposure curve, gains of light, and whether this is another scene. Leaves all
// counts at zero.
FN void estimate_scene(float *memory) {
    const TemporalState &state = frame.state;
    Scene &scene = *state.scene;
    const bool judged = !is_reset() && patches();
    Level *levels = (Level *)memory;
    int *sums = (int *)(levels + LEVELS), *off = sums + LEVELS * CHUNKS, *lit = off + 1, *both = off + 2;
    for (int i = threadIdx.x; i < LEVELS * CHUNKS; i += THREADS) {
        int sum = 0;
    UNROLL for (int k = 0; k < CHUNK; k++) sum += judged ? state.counts[i * CHUNK + k] : 0;
        sums[i] = sum;
    }
    if (threadIdx.x == 0) *off = *lit = *both = 0;
    barrier();
    for (int k = threadIdx.x; k < LEVELS; k += THREADS) {
        levels[k].count = 0;
        for (int i = 0; i < CHANGES / CHUNK; i++) levels[k].count += sums[k * CHUNKS + i];
    }
    barrier();
    for (int i = threadIdx.x; i < LEVELS * 4; i += THREADS) {
        Level &one = levels[i / 4];
        const int *changes = state.counts + i / 4 * BINS, *of_changes = sums + i / 4 * CHUNKS;
        auto change = [&](float share) { return quantile(changes, of_changes, change_bins(), one.count, share); };
        if (one.count < ENOUGH) continue;
        switch (i % 4) {
        case 0: one.lower = change(0.25f); break;
        case 1: one.middle = change(0.5f); break;
        case 2: one.upper = change(0.75f); break;
        default:
            one.quiet = quantile(changes + CHANGES, of_changes + CHANGES / CHUNK, spread_bins(), one.count, QUIET_SHARE);
        }
    }
    barrier();
    if (judged) {
        if (threadIdx.x == 0) learn(scene, levels, patches(), frame.time.frames);
        barrier();
        for (int i = threadIdx.x; i <= 256; i += THREADS)
            scene.curve[i] = scene.exposure_changed ? exposure_at(levels, i) : 0;
        for (int i = threadIdx.x; i < LEVELS * BINS; i += THREADS) state.counts[i] = 0;
        barrier();
        const float share = share_of_frame(scene, frame.time.frames), black = black_of(state.format);
        int mine[3] = {};
        // One block must wait for all of them: the more at once the better.
        UNROLL_BY(4) for (int i = threadIdx.x; i < patches(); i += THREADS) {
            const Verdict one = verdict(scene, black, share, state.level[i], state.change[i], state.spread[i]);
            state.gain[i] = one.gain;
            mine[0] += one.off, mine[1] += one.lit, mine[2] += one.off && one.lit;
        }
        atomicAdd(off, mine[0]), atomicAdd(lit, mine[1]), atomicAdd(both, mine[2]);
        barrier();
    }
    if (threadIdx.x != 0) return;
    scene.light_changed = judged && *lit > LIGHT_SHARE * patches();
    const bool cut = is_cut(patches(), *off, *both);
    if (cut) state.mains.found->seen = 0;
    if (is_reset() || cut) {
        scene.seen = scene.exposure_changed = scene.light_changed = scene.has_light = 0;
        state.motion.found->model.known = false;
    }
    scene.moving = 0;
    scene.seen += scene.seen < 1 << 20;
}

} // namespace rt
