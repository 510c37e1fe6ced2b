// Light smoothing on the grid.
#pragma once
#include "carry.cuh"
#include "grid.cuh"

#include "common/light_smoothing.h"

namespace rt {

FN float least_rate() {
    const int cells = ((frame.width + CELL - 1) / CELL) * ((frame.height + CELL - 1) / CELL);
    return least_rate(*frame.state.scene, cells, frame.time.light);
}

FN float sum_by_all(float *space, float mine) {
    return joined_by_all(space, mine, [](float a, float b) { return a + b; });
}

// The light that was shown last, where it is now: it moves along with the picture.
template <int SCALE> struct KeptLight {
    const Grid<SCALE> kept;
    const bool carried;

    METHOD KeptLight() : kept{frame.state.light}, carried(frame.state.motion.found->moved > 0) {}
    METHOD float at(int channel, int row, int column) const {
        if (!carried) return kept.at(channel, row, column);
        const float x = (column + 0.5f) * SCALE, y = (row + 0.5f) * SCALE;
        const Vector by = motion_at(x, y);
        return bilinear(kept, channel, (y + by.y) / SCALE - 0.5f, (x + by.x) / SCALE - 0.5f);
    }
};

// `light` <- what is shown of `now` (N channels of log2 t); `changed` <- of each block, the sum of its changes.
template <int N, int SCALE>
FN void follow(float *memory, const Grid<SCALE> &now, const Grid<SCALE> &light, float *changed) {
    const KeptLight<SCALE> kept;
    const float least = least_rate();
    float mine = 0;
    for_cells(now, [&](int x, int y) {
        for (int c = 0; c < N; c++) {
            auto change = [&](int v, int u) { return change_of_light(now.at(c, v, u), kept.at(c, v, u)); };
            if (least >= 1) { // what is kept may be nothing yet
                light.at(c, y, x) = now.at(c, y, x);
                continue;
            }
            // The neighbours' too, so that the light around what changed changes with it.
            float largest = 0;
            for (int v = max(y - 1, 0); v <= min(y + 1, now.height() - 1); v++)
                for (int u = max(x - 1, 0); u <= min(x + 1, now.width() - 1); u++) largest = max(largest, change(v, u));
            light.at(c, y, x) = followed(kept.at(c, y, x), now.at(c, y, x), least, largest);
            mine += change(y, x);
        }
    });
    const float all = sum_by_all(memory, mine);
    if (threadIdx.x == 0) changed[blockIdx.y * gridDim.x + blockIdx.x] = all;
}

// One block: what is one number for the whole frame follows as the light does in the mean.
FN void follow_whole(float *memory, const float *changed, int parts, int values, Exposure *exposure) {
    float mine = 0;
    for (int i = threadIdx.x; i < parts; i += THREADS) mine += changed[i];
    const float all = sum_by_all(memory, mine);
    if (threadIdx.x != 0) return;
    follow_exposure(*frame.state.scene, *exposure, least_rate(), all / values);
}

// Keeps what is shown, and takes the part of the pixel's own light out of it, which a guide does by itself.
template <int N, int SCALE, bool GUIDED> FN void keep_light(const Light<N, SCALE, GUIDED> &light) {
    const Grid<SCALE> kept{frame.state.light};
    for_cells(light.grid, [&](int x, int y) {
        for (int c = 0; c < N; c++) {
            float &shown = light.grid.at(c, y, x);
            kept.at(c, y, x) = shown;
            if (!GUIDED) shown *= 1 - light.exposure->own;
        }
    });
}

} // namespace rt
