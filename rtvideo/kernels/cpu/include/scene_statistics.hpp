// Scene statistics in strips: sums over patches, then quantiles of them.
#pragma once
#include "frame.hpp"

#include "common/scene_statistics.h"

namespace rt {

// A row of luma.
FN void read_luma(const Format &f, const Planes &planes, int row, const Tile &tile, Rows<2> spare, float *to) {
    auto read = [&](int c, float *line) {
        read_codes(f, planes, channel(f, c), row, tile.picture_width, tile.picture_height, tile.left, tile.width, line);
    };
    read(0, to);
    if (!is_rgb(f)) return;
    float *green = spare.at(0, 0), *blue = spare.at(1, 0);
    read(1, green), read(2, blue);
    for (int x = 0; x < tile.width; x++) to[x] = grey_of(to[x], green[x], blue[x]);
}

// Every second row of patches: level, change and spread.
static void measure_patches(const Tile &tile, Frame &frame, Arena arena) {
    TemporalState &state = frame.state;
    Rows<5> rows = arena.rows<5>(tile.width, 1);
    Rows<2> spare = arena.rows<2>(tile.width, 1);
    float *now = rows.at(0, 0), *before = rows.at(1, 0);
    float *level = rows.at(2, 0), *change = rows.at(3, 0), *square = rows.at(4, 0);
    const Planes &picture = state.picture[state.now];
    int end = min(tile.picture_width, tile.last) - tile.left;
    for (int top = tile.top; top + PATCH <= min(tile.bottom, tile.picture_height); top += 2 * PATCH) {
        for (int c = 2; c < 5; c++) memset(rows.at(c, 0), 0, sizeof(float) * tile.width);
        for (int row = top; row < top + PATCH; row++) {
            if (int next = row + 2 * PATCH; next < tile.picture_height) {
                prefetch(frame.read, frame.in, next, tile.first, tile.last);
                prefetch(state.format, picture, next, tile.first, tile.last);
            }
            read_luma(frame.read, frame.in, row, tile, spare, now);
            read_luma(state.format, picture, row, tile, spare, before);
            for (int x = 0; x < tile.width; x += LANES) {
                vec s = load(before + x), d = load(now + x) - s;
                store(level + x, load(level + x) + s);
                store(change + x, load(change + x) + d);
                store(square + x, load(square + x) + d * d);
            }
        }
        int64_t at = (int64_t)(top / PATCH / 2) * state.patches_wide + tile.first / PATCH;
        for (int x = tile.first - tile.left; x < end; x += PATCH, at++) {
            float l = 0, c = 0, q = 0;
            int columns = min(PATCH, end - x);
            for (int i = x; i < x + columns; i++) l += level[i], c += change[i], q += square[i];
            patch_statistics(PATCH * columns, l, c, q);
            state.level[at] = l, state.change[at] = c, state.spread[at] = q;
        }
    }
}

template <int COUNT> struct Histogram {
    Bins bins;
    int n, counts[COUNT];

    void add(float value) { counts[bins.of(value)]++, n++; }
    float quantile(float share) const {
        float wanted = share * n;
        int below = 0;
        for (int i = 0; i < COUNT; i++) {
            if (counts[i] && below + counts[i] >= wanted) return bins.value(i + (wanted - below) / counts[i]);
            below += counts[i];
        }
        return bins.value(COUNT);
    }
};

// From the patches: noise, exposure curve, gains of light, and true if this is another scene.
static bool estimate_scene(TemporalState &state, int height, float frames) {
    Scene &scene = state.scene;
    int patches = state.patches_wide * ((height / PATCH + 1) / 2);
    if (!patches) return false;
    Histogram<1024> change[LEVELS];
    Histogram<256> spread[LEVELS];
    for (int k = 0; k < LEVELS; k++) change[k] = {change_bins(), 0, {}}, spread[k] = {spread_bins(), 0, {}};
    for (int i = 0; i < patches; i++) {
        int k = level_of(state.level[i]);
        change[k].add(state.change[i]), spread[k].add(state.spread[i]);
    }
    Level levels[LEVELS] = {};
    for (int k = 0; k < LEVELS; k++) {
        Level &one = levels[k];
        one.count = change[k].n;
        if (one.count < ENOUGH) continue;
        one.lower = change[k].quantile(0.25f), one.middle = change[k].quantile(0.5f);
        one.upper = change[k].quantile(0.75f), one.quiet = spread[k].quantile(QUIET_SHARE);
    }
    learn(scene, levels, patches, frames);
    for (int i = 0; i <= 256; i++) scene.curve[i] = scene.exposure_changed ? exposure_at(levels, i) : 0;

    int off = 0, lit = 0, both = 0;
    float share = share_of_frame(scene, frames), black = black_of(state.format);
    for (int i = 0; i < patches; i++) {
        Verdict one = verdict(scene, black, share, state.level[i], state.change[i], state.spread[i]);
        state.gain[i] = one.gain;
        off += one.off, lit += one.lit, both += one.off && one.lit;
    }
    scene.light_changed = lit > LIGHT_SHARE * patches;
    return is_cut(patches, off, both);
}

} // namespace rt
