// Light and image at full size, a row at a time (section 3.1.1 of the paper).
#pragma once
#include "rows.hpp"

namespace rt {

// One function of vectors, column by column and channel by channel.
template <int C, class F> INLINE void pointwise(const Tile &tile, const Rows<C> &out, int row, F f) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < C; c++) {
        float *target = out.at(c, row);
        for (int x = 0; x < tile.width; x += LANES) store(target + x, f(c, x));
    }
    trim(tile, out, row);
}

// Equation 1: the maximum over the window; outside the picture is zero. SIZE 2 looks right and down only.
template <int SIZE> ROW_FUNCTION window_max(const Tile &tile, const Rows<3> &in, const Rows<3> &out, int row) {
    pointwise(tile, out, row, [&](int c, int x) __attribute__((always_inline)) {
        vec m = splat(0.0f);
        UNROLLED for (int i = SIZE == 3 ? -1 : 0; i <= 1; i++) {
            const float *p = in.at(c, row + i) + x;
            m = max(m, max(load(p), load(p + 1)));
            if (SIZE == 3) m = max(m, load(p - 1));
        }
        return m;
    });
}

// Equation 2: t = warm - C(x).
ROW_FUNCTION subtract(const Tile &tile, const Rows<3> &warm, const Rows<3> &cell, const Rows<3> &t, int row) {
    pointwise(tile, t, row, [&](int c, int x) __attribute__((always_inline)) {
        return load(warm.at(c, row) + x) - load(cell.at(c, row) + x);
    });
}

// u = clamp(y / max(t, t_min), 0, 1).
ROW_FUNCTION divide(const Tile &tile, const Rows<3> &y, const Rows<3> &t, const Rows<3> &u, int row, float t_min) {
    pointwise(tile, u, row, [&](int c, int x) __attribute__((always_inline)) {
        return min(load(y.at(c, row) + x) / max(load(t.at(c, row) + x), splat(t_min)), splat(1.0f));
    });
}

// The released form, t = clamp(sigmoid(z), 1/1000, 1), as its inverse: min(1 + exp(-z), 1000).
// The cell delivers -z log2(e), which the fusion's weights contain.
ROW_FUNCTION inverse_sigmoid(const Tile &tile, const Rows<3> &cell, const Rows<3> &gain, int row) {
    pointwise(tile, gain, row, [&](int c, int x) __attribute__((always_inline)) {
        return min(exp2(clamp(load(cell.at(c, row) + x), -100.0f, 100.0f)) + 1.0f, splat(1000.0f));
    });
}

// t of a gain, where a later stage starts from it.
ROW_FUNCTION inverse(const Tile &tile, const Rows<3> &gain, const Rows<3> &t, int row) {
    pointwise(tile, t, row, [&](int c, int x) __attribute__((always_inline)) { return 1.0f / load(gain.at(c, row) + x); });
}

// u = clamp(y * gain, 0, 1): no division.
ROW_FUNCTION multiply(const Tile &tile, const Rows<3> &y, const Rows<3> &gain, const Rows<3> &u, int row) {
    pointwise(tile, u, row, [&](int c, int x) __attribute__((always_inline)) {
        return min(load(y.at(c, row) + x) * load(gain.at(c, row) + x), splat(1.0f));
    });
}

// The residual of the warm start: max over the window of u, minus gamma (u - y).
template <int SIZE>
ROW_FUNCTION residual(const Tile &tile, const Rows<3> &u, const Rows<3> &y, const Rows<3> &out, int row, float gamma) {
    if (blank(tile, out, row)) return;
    window_max<SIZE>(tile, u, out, row);
    pointwise(tile, out, row, [&](int c, int x) __attribute__((always_inline)) {
        return load(out.at(c, row) + x) - gamma * (load(u.at(c, row) + x) - load(y.at(c, row) + x));
    });
}

// What turns y into u_K at full size: log2 of the gain (positive where it brightens), before strength.
// From t = warm - C, clamped to t_min..1.
ROW_FUNCTION gain_of_light(const Tile &tile, const Rows<3> &t, const Rows<3> &gain, int row, float t_min) {
    pointwise(tile, gain, row, [&](int c, int x) __attribute__((always_inline)) {
        return -log2(clamp(load(t.at(c, row) + x), t_min, 1.0f));
    });
}
// From the inverse sigmoid.
ROW_FUNCTION gain_of_inverse(const Tile &tile, const Rows<3> &inverse, const Rows<3> &gain, int row, float t_min) {
    pointwise(tile, gain, row, [&](int c, int x) __attribute__((always_inline)) {
        return log2(clamp(load(inverse.at(c, row) + x), 1.0f, 1.0f / t_min));
    });
}

// u_K = clamp(y * 2^(strength * gain), 0, 1).
template <int G>
ROW_FUNCTION amplify(const Tile &tile, const Rows<3> &y, const Rows<G> &gain, const Rows<3> &u, int row, float strength) {
    if (blank(tile, u, row)) return;
    for (int x = 0; x < tile.width; x += LANES) {
        vec factor[G];
        UNROLLED for (int c = 0; c < G; c++) factor[c] = exp2(load(gain.at(c, row) + x) * strength);
        UNROLLED for (int c = 0; c < 3; c++)
            store(u.at(c, row) + x, min(load(y.at(c, row) + x) * factor[G == 1 ? 0 : c], splat(1.0f)));
    }
}

// The pixel's own maximum over 3x3, over channels too if there is one illumination for all.
template <int G> ROW_FUNCTION own_max(const Tile &tile, const Rows<3> &y, const Rows<G> &m, int row) {
    if (blank(tile, m, row)) return;
    for (int c = 0; c < G; c++) {
        for (int x = 0; x < tile.width; x += LANES) {
            vec v = splat(0.0f);
            UNROLLED for (int k = c; k < (G == 1 ? 3 : c + 1); k++) {
                UNROLLED for (int i = -1; i <= 1; i++) {
                    const float *p = y.at(k, row + i) + x;
                    v = max(v, max(load(p - 1), max(load(p), load(p + 1))));
                }
            }
            store(m.at(c, row) + x, v);
        }
    }
}

// A reduced illumination (log2 t on a grid of cells of SCALE pixels), for one row of pixels: bilinear, half-pixel centres.
struct Grid {
    float *data; // channels, one after another
    int width, height;

    inline __attribute__((always_inline)) float *at(int channel, int row) const {
        return data + ((int64_t)channel * height + row) * width;
    }
};

template <int SCALE> INLINE void upsample(const Tile &tile, const Grid &grid, int channel, int row, float *line) {
    if (SCALE == 1) {
        const float *source = grid.at(channel, row);
        for (int x = max(0, -tile.left), end = min(tile.width, grid.width - tile.left); x < end; x++)
            line[x] = source[tile.left + x];
        return;
    }
    float at = (row + 0.5f) / SCALE - 0.5f;
    int above = at < 0 ? -1 : (int)at;
    float share = at - above;
    const float *upper = grid.at(channel, max(above, 0)), *lower = grid.at(channel, min(above + 1, grid.height - 1));

    // Between the centres of two cells lie SCALE pixels.
    int begin = (tile.left + SCALE / 2) / SCALE - 2, end = (tile.left + tile.width) / SCALE + 2;
    float left = 0;
    for (int cell = begin; cell < end; cell++) {
        int clamped = clamp(cell, 0, grid.width - 1);
        float right = upper[clamped] + (lower[clamped] - upper[clamped]) * share;
        int x = (cell - 1) * SCALE + SCALE / 2 - tile.left; // where the segment between `left` and `right` begins
        if (cell > begin && x > -SCALE && x < tile.width)
            UNROLLED for (int i = 0; i < SCALE; i++) line[x + i] = left + (right - left) * ((i + 0.5f) / SCALE);
        left = right;
    }
}

struct Mix {
    float own;   // a, the share of the pixel's own maximum; the grid holds (1 - a) log2 t already
    float floor; // added before the logarithm
    float knee;  // k^2 of the chroma floor
    float log_t_min;
    float strength;
};

// Application in the log domain: `gain` <- log2 of the gain with strength, u <- u_K.
template <int SCALE, int G, bool MIX, bool KNEE>
ROW_FUNCTION apply_log(const Tile &tile, const Rows<3> &y, const Rows<G> &m, const Grid &grid, const Rows<G> &gain,
                       const Rows<3> &u, int row, float *line, const Mix &mix) {
    if (blank(tile, gain, row)) {
        blank(tile, u, row);
        return;
    }
    constexpr int M = KNEE || MIX ? G : 1;
    UNROLLED for (int c = 0; c < G; c++) {
        upsample<SCALE>(tile, grid, c, row, line);
        for (int x = 0; x < tile.width; x += LANES) {
            vec light = load(line + x);
            if (MIX) light += mix.own * log2(load(m.at(c, row) + x) + mix.floor);
            store(gain.at(c, row) + x, clamp(light, mix.log_t_min, 0.0f) * -mix.strength);
        }
    }
    for (int x = 0; x < tile.width; x += LANES) {
        vec factor[G], v[3];
        UNROLLED for (int c = 0; c < G; c++) factor[c] = exp2(load(gain.at(c, row) + x));
        UNROLLED for (int c = 0; c < 3; c++)
            v[c] = min(load(y.at(c, row) + x) * factor[G == 1 ? 0 : c], splat(1.0f));
        if (KNEE) {
            vec grey = (v[0] + v[1] + v[2]) * (1.0f / 3);
            UNROLLED for (int c = 0; c < 3; c++) {
                vec own = load(m.at(M == 1 ? 0 : c, row) + x), square = own * own;
                v[c] = grey + (v[c] - grey) * (square / (square + mix.knee));
            }
        }
        UNROLLED for (int c = 0; c < 3; c++) store(u.at(c, row) + x, v[c]);
    }
    trim(tile, u, row);
}

// How much noise removal takes away: denoise * strength, times 1 - t if it is guided by the gain.
template <int G, bool GUIDED>
ROW_FUNCTION removal_weight(const Tile &tile, const Rows<G> &gain, const Rows<G> &weight, int row, float scale,
                            float amount) {
    pointwise(tile, weight, row, [&](int c, int x) __attribute__((always_inline)) {
        return GUIDED ? amount * (1.0f - exp2(load(gain.at(c, row) + x) * -scale)) : splat(amount);
    });
}

// Equation 3: x = u - weight * noise; the last one is clamped to 0..1.
template <int G, bool LAST>
ROW_FUNCTION remove(const Tile &tile, const Rows<3> &u, const Rows<G> &weight, const Rows<3> &noise,
                    const Rows<3> &out, int row) {
    pointwise(tile, out, row, [&](int c, int x) __attribute__((always_inline)) {
        vec v = load(u.at(c, row) + x) - load(weight.at(G == 1 ? 0 : c, row) + x) * load(noise.at(c, row) + x);
        return LAST ? clamp(v, 0.0f, 1.0f) : v;
    });
}

} // namespace rt
