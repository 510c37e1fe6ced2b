// Light over time, in logarithms on its own grid: steady.hpp, which says why.
#pragma once
#include "grid.cuh"
#include "history.cuh"

namespace rt {

constexpr float STILL = 0.1f, MOVING = 0.2f;   // share of cells that move
constexpr float WHIM = 0.03f, CHANGE = 0.145f; // of log2 t

// Share of its way that light goes where nothing else is known; 1 where it goes all of it.
DEVICE float base_of(const Scene &scene) {
    const int cells = ((frame.width + CELL - 1) / CELL) * ((frame.height + CELL - 1) / CELL);
    const float moving = clamp(((float)scene.moving / cells - STILL) / (MOVING - STILL), 0.0f, 1.0f);
    return scene.lit ? 1 - moving * (1 - frame.pace.light) : 1;
}

DEVICE float sum_of_all(float *space, float mine) {
    space[threadIdx.x] = mine;
    barrier();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) space[threadIdx.x] += space[threadIdx.x + half];
        barrier();
    }
    return space[0];
}

// `light` <- what is shown of `now` (N channels of log2 t); `changed` <- of each block, the sum over its gates.
template <int N, int SCALE>
DEVICE void follow(float *memory, const Grid<SCALE> &now, const Grid<SCALE> &light, float *changed) {
    const Block block = block_of<Square>(now.width(), now.height());
    const Grid<SCALE> kept{frame.history.light};
    const float base = base_of(*frame.history.scene);
    float mine = 0;
    for (Run<Square, 0, 0> p(block); p.more(); p.next()) {
        for (int i = 0; i < p.ROWS; i++) {
            if (!p.inside(i)) continue;
            const int x = p.x(), y = p.y(i);
            for (int c = 0; c < N; c++) {
                auto gate = [&](int row, int column) {
                    return clamp((fabsf(now.at(c, row, column) - kept.at(c, row, column)) - WHIM) / (CHANGE - WHIM), 0.0f,
                                 1.0f);
                };
                if (base >= 1) { // what is kept may be nothing yet
                    light.at(c, y, x) = now.at(c, y, x);
                    continue;
                }
                // The neighbours' too, so that the light around what changed changes with it.
                float largest = 0;
                for (int v = max(y - 1, 0); v <= min(y + 1, block.height - 1); v++)
                    for (int u = max(x - 1, 0); u <= min(x + 1, block.width - 1); u++)
                        largest = fmaxf(largest, gate(v, u));
                const float was = kept.at(c, y, x);
                light.at(c, y, x) = was + (base + (1 - base) * largest) * (now.at(c, y, x) - was);
                mine += gate(y, x);
            }
        }
    }
    const float all = sum_of_all(memory, mine);
    if (threadIdx.x == 0) changed[blockIdx.y * gridDim.x + blockIdx.x] = all;
}

// One block: the share of a pixel's own light follows as the light does on the whole.
DEVICE void follow_own(float *memory, const float *changed, int parts, int values, Exposure *exposure) {
    float mine = 0;
    for (int i = threadIdx.x; i < parts; i += THREADS) mine += changed[i];
    const float all = sum_of_all(memory, mine);
    if (threadIdx.x != 0) return;
    Scene &scene = *frame.history.scene;
    const float base = base_of(scene), rate = base >= 1 ? 1 : base + (1 - base) * (all / values);
    exposure->own = scene.own = rate < 1 ? scene.own + rate * (exposure->own - scene.own) : exposure->own;
    scene.lit = 1;
}

// Keeps what is shown, and takes the part of the pixel's own light out of it, which a guide does by itself.
template <int N, int SCALE, bool GUIDED> DEVICE void keep_light(const Light<N, SCALE, GUIDED> &light) {
    const Block block = block_of<Square>(light.grid.width(), light.grid.height());
    const Grid<SCALE> kept{frame.history.light};
    for (Run<Square, 0, 0> p(block); p.more(); p.next()) {
        for (int i = 0; i < p.ROWS; i++) {
            if (!p.inside(i)) continue;
            for (int c = 0; c < N; c++) {
                float &shown = light.grid.at(c, p.y(i), p.x());
                kept.at(c, p.y(i), p.x()) = shown;
                if (!GUIDED) shown *= 1 - light.exposure->own;
            }
        }
    }
}

} // namespace rt
