// Guided upsampling on the grid: lines of log2 t over the light of a cell, fitted around each cell and averaged.
// The fast guided filter (He and Sun, arXiv:1505.00996) with radius 1; step 7 of the description.
#pragma once
#include "grid.hpp"

namespace rt {

constexpr float GUIDE_EPSILON = 0.002f * 2.0813689810056077f; // in squared log2

// One channel of a grid with a cell more on each side, which repeats the edge.
struct Padded {
    float *data;
    int width, height; // without the edges

    METHOD float *at(int row) const { return data + (int64_t)(row + 1) * (width + 2) + 1; }

    void repeat_edges() const {
        for (int row = 0; row < height; row++) at(row)[-1] = at(row)[0], at(row)[width] = at(row)[width - 1];
        memcpy(at(-1) - 1, at(0) - 1, sizeof(float) * (width + 2));
        memcpy(at(height) - 1, at(height - 1) - 1, sizeof(float) * (width + 2));
    }
};

// Vectors may be read and written beyond the last row.
FN int64_t padded_floats(int width, int height) { return (int64_t)(width + 2) * (height + 2) + MARGIN; }

FN void pad(const Grid &grid, int channel, const Padded &to) {
    for (int row = 0; row < grid.height; row++) memcpy(to.at(row), grid.at(channel, row), sizeof(float) * grid.width);
    to.repeat_edges();
}

// What the nine cells around `x` are above it. Differences are small where values are not, which keeps their products
// exact.
FN void around(const Padded &grid, int row, int x, vec (&above)[9]) {
    vec centre = load(grid.at(row) + x);
    UNROLL for (int i = 0; i < 9; i++) above[i] = load(grid.at(row + i / 3 - 1) + x + i % 3 - 1) - centre;
}

FN vec mean(const vec (&v)[9]) {
    vec sum = v[0];
    UNROLL for (int i = 1; i < 9; i++) sum += v[i];
    return sum * (1.0f / 9);
}

FN vec smooth(const Padded &grid, int row, int x) {
    vec above[9];
    around(grid, row, x, above);
    return load(grid.at(row) + x) + mean(above);
}

// Replace `light`, log2 t, by the intercept of its lines over `own` + n, and write their slope.
template <int C> static void fit_lines(const Grid &own, float n, const Grid &light, const Grid &slope, float *space) {
    int width = light.width, height = light.height;
    auto padded = [&] {
        Padded p = {space, width, height};
        space += padded_floats(width, height);
        return p;
    };
    Padded l = padded(), t = padded(), a = padded(), b = padded();
    for (int c = 0; c < C; c++) {
        pad(own, c, l), pad(light, c, t);
        for (int row = 0; row < height; row++) {
            for (int x = 0; x < width; x += LANES) {
                vec dl[9], dt[9], products[9], squares[9];
                around(l, row, x, dl), around(t, row, x, dt);
                vec l_mean = mean(dl), t_mean = mean(dt);
                UNROLL for (int i = 0; i < 9; i++) {
                    products[i] = (dl[i] - l_mean) * (dt[i] - t_mean);
                    squares[i] = (dl[i] - l_mean) * (dl[i] - l_mean);
                }
                vec line = mean(products) / (mean(squares) + GUIDE_EPSILON);
                store(a.at(row) + x, line);
                store(b.at(row) + x, load(t.at(row) + x) + t_mean - line * (load(l.at(row) + x) + l_mean + n));
            }
        }
        a.repeat_edges(), b.repeat_edges();
        for (int row = 0; row < height; row++) {
            for (int x = 0; x < width; x += LANES) {
                // No further than the row goes: behind the last one lies the next channel.
                vec lines[2] = {smooth(a, row, x), smooth(b, row, x)};
                size_t size = sizeof(float) * min(LANES, width - x);
                memcpy(slope.at(c, row) + x, &lines[0], size);
                memcpy(light.at(c, row) + x, &lines[1], size);
            }
        }
    }
}

} // namespace rt
