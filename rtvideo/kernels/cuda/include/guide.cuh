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
    const Block block = block_of<Square>(log.width(), log.height());
    for (Run<Square, 0, 0> p(block); p.more(); p.next()) {
        for (int i = 0; i < p.ROWS; i++) {
            if (!p.inside(i)) continue;
            for (int c = 0; c < N; c++) {
                auto own = [&](int row, int column) {
                    if (N == 3) return log.at(c, row, column);
                    return largest_of(log.at(0, row, column), log.at(1, row, column), log.at(2, row, column));
                };
                auto wanted = [&](int row, int column) { return light.at(c, row, column); };
                const int x = p.x(), y = p.y(i);
                float d_own[9], d_light[9];
                around(log, y, x, own, d_own), around(log, y, x, wanted, d_light);
                fit_line(own(y, x), 0, wanted(y, x), d_own, d_light, slope.at(c, y, x), intercept.at(c, y, x));
            }
        }
    }
}

// The light's grids <- means of the lines, the pixel's own part mixed in.
template <int N, int SCALE>
FN void average_lines(const Grid<SCALE> &slope, const Grid<SCALE> &intercept, const Light<N, SCALE, true> &light) {
    const Block block = block_of<Square>(slope.width(), slope.height());
    const float own = light.exposure->own, rest = 1 - own;
    for (Run<Square, 0, 0> p(block); p.more(); p.next()) {
        for (int i = 0; i < p.ROWS; i++) {
            if (!p.inside(i)) continue;
            for (int c = 0; c < N; c++) {
                auto smooth = [&](const Grid<SCALE> &grid) {
                    float above[9];
                    around(grid, p.y(i), p.x(), [&](int row, int column) { return grid.at(c, row, column); }, above);
                    return grid.at(c, p.y(i), p.x()) + mean(above);
                };
                light.grid.at(c, p.y(i), p.x()) = rest * smooth(intercept);
                light.slope.at(c, p.y(i), p.x()) = rest * smooth(slope) + own;
            }
        }
    }
}

} // namespace rt
