// Pyramids of luma: each level has half the size of the one before.
#pragma once
#include "motion_state.cuh"

#include "common/blocks.h"

namespace rt {

// All levels of the picture so far and of the frame, over a region of whole cells of the coarsest one. The filter left
// the first level of the picture so far.
FN void build_pyramids(float *memory) {
    constexpr int COLUMNS = Region::WIDTH / 2, ROWS = Region::HEIGHT / 2, SIDE = 1 << (PYRAMID - 1);
    static_assert(COLUMNS % SIDE == 0 && ROWS % SIDE == 0, "whole cells");
    if (threadIdx.x == 0 && blockIdx.x == 0 && blockIdx.y == 0) frame.state.motion.found->moved = 0;
    if (!carries()) return;
    const int first = follows() ? 0 : 1; // without a picture so far the frame's alone, for the bands of lamps
    const int left = blockIdx.x * COLUMNS, top = blockIdx.y * ROWS;
    for (int item = threadIdx.x + first * COLUMNS * ROWS; item < 2 * COLUMNS * ROWS; item += THREADS) {
        const bool of_frame = item >= COLUMNS * ROWS;
        const int x = left + item % COLUMNS, y = top + item / COLUMNS % ROWS;
        if (x >= level_width(0) || y >= level_height(0)) continue;
        if (!of_frame) {
            memory[item] = kept_layer(0).at(x, y);
            continue;
        }
        auto luma_at = [&](int i, int j) { return luma(Decoded{}, 2 * x + i, 2 * y + j); };
        memory[item] = now_layer(0).data[y * level_width(0) + x] =
            mean_of_block(luma_at(0, 0), luma_at(0, 1), luma_at(1, 0), luma_at(1, 1));
    }
    barrier();
    float *from = memory, *to = memory + 2 * COLUMNS * ROWS;
    for (int level = 1; level < PYRAMID; level++) {
        const int wide = COLUMNS >> level, high = ROWS >> level;
        // The last samples of the level before, which repeat.
        const int last_x = level_width(level - 1) - 1 - (left >> (level - 1));
        const int last_y = level_height(level - 1) - 1 - (top >> (level - 1));
        for (int item = threadIdx.x + first * wide * high; item < 2 * wide * high; item += THREADS) {
            const int which = item / (wide * high), column = item % wide, row = item / wide % high;
            const int x = (left >> level) + column, y = (top >> level) + row;
            if (x >= level_width(level) || y >= level_height(level)) continue;
            auto at = [&](int i, int j) {
                return from[(which * 2 * high + min(2 * row + j, last_y)) * 2 * wide + min(2 * column + i, last_x)];
            };
            const float mean = mean_of_block(at(0, 0), at(0, 1), at(1, 0), at(1, 1));
            const Layer layer = which ? now_layer(level) : kept_layer(level);
            to[item] = layer.data[y * layer.width + x] = mean;
        }
        barrier();
        from = to, to += 2 * wide * high;
    }
}

} // namespace rt
