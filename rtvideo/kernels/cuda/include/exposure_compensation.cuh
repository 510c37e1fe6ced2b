// Exposure compensation, a cell a thread.
#pragma once
#include "scene_statistics.cuh"

#include "common/exposure_compensation.h"

namespace rt {

// The gain of light on a cell, between the middles of patches.
FN float gain(int cell_x, int cell_y) {
    const int wide = patches_wide(), high = patches() / wide;
    int x, y;
    const float across = place_of(CELL * cell_x, PATCH, wide, x), down = place_of(CELL * cell_y, 2 * PATCH, high, y);
    const float *above = frame.state.gain + y * wide, *below = frame.state.gain + min(y + 1, high - 1) * wide;
    return 1 + gain_between(above, below, x, min(x + 1, wide - 1), across, down);
}

FN void compensate() {
    const TemporalState &state = frame.state;
    const Scene &scene = *state.scene;
    if (!scene.exposure_changed && !scene.light_changed) return;
    const Block block = block_of<Region>(frame.width, frame.height);
    const float black = black_of(state.format);
    const Before before;
    for (int item = threadIdx.x; item < REGION_CELLS; item += THREADS) {
        const int x = block.left / CELL + item % REGION_CELLS_WIDE, y = block.top / CELL + item / REGION_CELLS_WIDE;
        if (CELL * x >= frame.width || CELL * y >= frame.height) continue;
        const float light = scene.light_changed ? gain(x, y) : 1;
        if (light == 1 && !scene.exposure_changed) continue;
        float level = 0;
        for (int i = 0; scene.exposure_changed && i < CELL * CELL; i++)
            level += luma(before, CELL * x + i % CELL, CELL * y + i / CELL) / 4;
        const float ratio = scene.exposure_changed ? brightening(black, level, exposed(scene, level)) : 1;
        for (int c = 0; c < channels(); c++) {
            const Channel one = channel(c);
            const bool is_luma = c == 0 && !is_rgb();
            const float zero = is_rgb() ? black : state.format.chroma_zero * state.format.code;
            const float none = is_luma || is_rgb() ? zero_of_light(black) : zero;
            for_samples(one, x, y, [&](int u, int v) {
                const float old = before(one, u, v);
                const float level = is_luma ? exposed(scene, old) : scaled(old, zero, ratio);
                keep(before.planes(), one, u, v, scaled(level, none, light));
            });
        }
    }
}

} // namespace rt
