// Exposure compensation in strips.
#pragma once
#include "scene_statistics.hpp"

#include "common/exposure_compensation.h"

namespace rt {

// The gain of light on each cell of a row, between the middles of patches. Returns whether there is any.
FN bool gains(const TemporalState &state, int picture_height, int row, int left, int cells, float *to) {
    int rows = (picture_height / PATCH + 1) / 2, wide = state.patches_wide, y, x;
    float down = place_of(row, 2 * PATCH, rows, y);
    const float *above = state.gain + (int64_t)y * wide, *below = y + 1 < rows ? above + wide : above;
    bool any = false;
    for (int i = 0; i < cells; i++) {
        float across = place_of(left + CELL * i, PATCH, wide, x);
        float gain = gain_between(above, below, x, min(x + 1, wide - 1), across, down);
        to[i] = 1 + gain;
        any |= gain != 0;
    }
    return any;
}

static void compensate(const Tile &strip, Frame &frame, Arena arena) {
    TemporalState &state = frame.state;
    Tile tile = strip;
    tile.width = (tile.last - tile.first + CELL - 1) / CELL * CELL; // no more: the next strip is being written
    const Planes &picture = state.picture[state.now];
    const Scene &scene = state.scene;
    const Format &f = state.format;
    Rows<4> rows = arena.rows<4>(tile.width, 4);
    Rows<2> spare = arena.rows<2>(tile.width, 1);
    const float black = black_of(f);
    int width = tile.picture_width, height = tile.picture_height;
    for (int top = tile.top; top < tile.bottom; top += CELL) {
        float *gain = rows.at(3, 0);
        bool lit = scene.light_changed && gains(state, height, top, tile.left, tile.width / CELL, gain);
        if (!lit && !scene.exposure_changed) continue;
        float *ratio = rows.at(1, 0);
        if (scene.exposure_changed) {
            for (int i = 0; i < CELL; i++) read_luma(f, picture, top + i, tile, spare, rows.at(0, i));
            for (int x = 0; x < tile.width; x += CELL) {
                const float *a = rows.at(0, 0) + x, *b = rows.at(0, 1) + x;
                float level = (a[0] + a[1] + b[0] + b[1]) / 4;
                ratio[x / CELL] = brightening(black, level, exposed(scene, level));
            }
        }
        for (int c = channels(f) - 1; c >= 0; c--) { // luma last, since the others follow it
            Channel one = channel(f, c);
            bool luma = c == 0 && !is_rgb(f);
            float zero = is_rgb(f) ? black : f.chroma_zero * f.code;
            float none = luma || is_rgb(f) ? zero_of_light(black) : zero;
            int left = tile.left >> one.x, count = tile.width >> one.x;
            int first = tile.first >> one.x, last = (tile.last + one.x) >> one.x;
            for (int row = top >> one.y; row << one.y < min(top + CELL, tile.bottom); row++) {
                float *line = rows.at(2, 0);
                read_codes(f, picture, one, row, (width + one.x) >> one.x, (height + one.y) >> one.y, left, count,
                           line);
                for (int x = 0; scene.exposure_changed && x < count; x++)
                    line[x] = luma ? exposed(scene, line[x]) : scaled(line[x], zero, ratio[x >> (1 - one.x)]);
                for (int x = 0; lit && x < count; x++) line[x] = scaled(line[x], none, gain[x >> (1 - one.x)]);
                for (int x = 0; x < count; x++) line[x] *= UNIT;
                write_codes(state, picture, one, row, left, first, last, line);
            }
        }
    }
}

} // namespace rt
