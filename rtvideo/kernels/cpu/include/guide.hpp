// Guided upsampling on the grid, a row of cells at a time.
#pragma once
#include "grid.hpp"

#include "common/guide.h"

namespace rt {

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

// What the nine cells around `x` are above it.
FN void around(const Padded &grid, int row, int x, vec (&above)[9]) {
    vec centre = load(grid.at(row) + x);
    UNROLL for (int i = 0; i < 9; i++) above[i] = load(grid.at(row + i / 3 - 1) + x + i % 3 - 1) - centre;
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
                vec d_own[9], d_light[9], line, offset;
                around(l, row, x, d_own), around(t, row, x, d_light);
                fit_line(load(l.at(row) + x), n, load(t.at(row) + x), d_own, d_light, line, offset);
                store(a.at(row) + x, line), store(b.at(row) + x, offset);
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
