// Guided upsampling on the grid: lines of log2 t over the light of a cell, fitted around each cell and averaged.
// The fast guided filter (He and Sun, arXiv:1505.00996) with radius 1; step 7 of the description.
#pragma once
#include "grid.cuh"

namespace rt {

constexpr float GUIDE_EPSILON = 0.002f * 2.0813689810056077f; // in squared log2

// What the nine cells around one are above it, edges repeated: differences are small where values are not, which keeps
// their products exact.
template <int SCALE, class Read>
FN void around(const Grid<SCALE> &grid, int row, int column, Read read, float (&above)[9]) {
    const float centre = read(row, column);
    UNROLL for (int i = 0; i < 9; i++) {
        const int r = clamp(row + i / 3 - 1, 0, grid.height() - 1), c = clamp(column + i % 3 - 1, 0, grid.width() - 1);
        above[i] = read(r, c) - centre;
    }
}

FN float mean(const float (&v)[9]) {
    float sum = v[0];
    UNROLL for (int i = 1; i < 9; i++) sum += v[i];
    return sum * (1.0f / 9);
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
                    return fmaxf(fmaxf(log.at(0, row, column), log.at(1, row, column)), log.at(2, row, column));
                };
                auto wanted = [&](int row, int column) { return light.at(c, row, column); };
                float dl[9], dt[9], products[9], squares[9];
                around(log, p.y(i), p.x(), own, dl), around(log, p.y(i), p.x(), wanted, dt);
                const float l_mean = mean(dl), t_mean = mean(dt);
                UNROLL for (int k = 0; k < 9; k++) {
                    products[k] = (dl[k] - l_mean) * (dt[k] - t_mean);
                    squares[k] = (dl[k] - l_mean) * (dl[k] - l_mean);
                }
                const float line = mean(products) / (mean(squares) + GUIDE_EPSILON);
                slope.at(c, p.y(i), p.x()) = line;
                intercept.at(c, p.y(i), p.x()) =
                    wanted(p.y(i), p.x()) + t_mean - line * (own(p.y(i), p.x()) + l_mean);
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
