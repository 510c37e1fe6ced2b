// Guided upsampling on the grid, a cell a thread.
#pragma once
#include "grid.cuh"

#include "common/guide.h"

namespace rt {

// What the nine cells around one are above it, edges repeated.
template <int SCALE, class Read>
FN void around(const Grid<SCALE> &grid, int row, int column, Read read, float (&above)[9]) {
    const float centre = read(row, column);
    UNROLL for (int i = 0; i < 9; i++) {
        const int r = clamp(row + i / 3 - 1, 0, grid.height() - 1), c = clamp(column + i % 3 - 1, 0, grid.width() - 1);
        above[i] = read(r, c) - centre;
    }
}

// slope, intercept <- those of the lines of the light over the cells' own, `log`: the largest channel if N is 1.
template <int N, int SCALE>
FN void fit_lines(const Grid<SCALE> &log, const Grid<SCALE> &light, const Grid<SCALE> &slope,
                  const Grid<SCALE> &intercept) {
    for_cells(log, [&](int x, int y) {
        for (int c = 0; c < N; c++) {
            auto own = [&](int v, int u) {
                return N == 3 ? log.at(c, v, u) : largest_of(log.at(0, v, u), log.at(1, v, u), log.at(2, v, u));
            };
            auto wanted = [&](int v, int u) { return light.at(c, v, u); };
            float d_own[9], d_light[9];
            around(log, y, x, own, d_own), around(log, y, x, wanted, d_light);
            fit_line(own(y, x), 0, wanted(y, x), d_own, d_light, slope.at(c, y, x), intercept.at(c, y, x));
        }
    });
}

// The light's grids <- means of the lines, the pixel's own part mixed in.
template <int N, int SCALE>
FN void average_lines(const Grid<SCALE> &slope, const Grid<SCALE> &intercept, const Light<N, SCALE, true> &light) {
    const float own = light.exposure->own, rest = 1 - own;
    for_cells(slope, [&](int x, int y) {
        for (int c = 0; c < N; c++) {
            auto smooth = [&](const Grid<SCALE> &grid) {
                float above[9];
                around(grid, y, x, [&](int v, int u) { return grid.at(c, v, u); }, above);
                return grid.at(c, y, x) + mean(above);
            };
            light.grid.at(c, y, x) = rest * smooth(intercept);
            light.slope.at(c, y, x) = rest * smooth(slope) + own;
        }
    });
}

} // namespace rt
