// Light and image at full size, a row at a time (section 3.1.1 of the paper).
#pragma once
#include "rows.hpp"

namespace rt {

// One function of vectors, column by column and channel by channel.
template <int C, class F> FN void pointwise(const Tile &tile, const Rows<C> &out, int row, F f) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < C; c++) {
        float *target = out.at(c, row);
        for (int x = 0; x < tile.width; x += LANES) store(target + x, f(c, x));
    }
    trim(tile, out, row);
}

// The maximum over the window of each column of `in`, a vector at a time: use(x, maximum). Outside the picture is
// zero, and so are the margins. SIZE 2 looks right and down only.
template <int SIZE, int C, class Use>
FN void for_window_max(Rows<C> in, int channel, int row, int width, Use use) {
    const float *above = in.at(channel, row - 1), *here = in.at(channel, row), *below = in.at(channel, row + 1);
    auto column = [&](int x) __attribute__((always_inline)) {
        vec m = max(load(here + x), load(below + x));
        return SIZE == 3 ? max(m, load(above + x)) : m;
    };
    vec before = column(-LANES), now = column(0);
    for (int x = 0; x < width; x += LANES) {
        vec next = column(x + LANES), m = max(now, shifted_right(now, next, LANE));
        use(x, SIZE == 3 ? max(m, shifted_left(before, now, LANE)) : m);
        before = now, now = next;
    }
}

// Equation 1: the maximum over the window, channel by channel.
template <int SIZE, int C> ROW_FUNCTION window_max(const Tile &tile, Rows<C> in, Rows<C> out, int row) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < C; c++) {
        float *target = out.at(c, row);
        for_window_max<SIZE>(in, c, row, tile.width,
                             [=](int x, vec m) __attribute__((always_inline)) { store(target + x, m); });
    }
    trim(tile, out, row);
}

// u = clamp(y / max(t, t_min), 0, 1).
ROW_FUNCTION divide(const Tile &tile, Rows<3> y, Rows<3> t, Rows<3> u, int row, float t_min) {
    pointwise(tile, u, row, [&](int c, int x) __attribute__((always_inline)) {
        return min(load(y.at(c, row) + x) / max(load(t.at(c, row) + x), splat(t_min)), splat(1.0f));
    });
}

// The released form, t = clamp(sigmoid(z), 1/1000, 1), as its inverse: min(1 + exp(-z), 1000).
// The cell delivers -z log2(e), which the fusion's weights contain.
ROW_FUNCTION inverse_sigmoid(const Tile &tile, Rows<3> cell, Rows<3> gain, int row) {
    pointwise(tile, gain, row, [&](int c, int x) __attribute__((always_inline)) {
        return min(exp2(clamp(load(cell.at(c, row) + x), -100.0f, 100.0f)) + 1.0f, splat(1000.0f));
    });
}

// t of a gain, where a later stage starts from it.
ROW_FUNCTION inverse(const Tile &tile, Rows<3> gain, Rows<3> t, int row) {
    pointwise(tile, t, row,
              [&](int c, int x) __attribute__((always_inline)) { return 1.0f / load(gain.at(c, row) + x); });
}

// u = clamp(y * gain, 0, 1): no division.
ROW_FUNCTION multiply(const Tile &tile, Rows<3> y, Rows<3> gain, Rows<3> u, int row) {
    pointwise(tile, u, row, [&](int c, int x) __attribute__((always_inline)) {
        return min(load(y.at(c, row) + x) * load(gain.at(c, row) + x), splat(1.0f));
    });
}

// The residual of the warm start: max over the window of u, minus gamma (u - y).
template <int SIZE>
ROW_FUNCTION residual(const Tile &tile, Rows<3> u, Rows<3> y, Rows<3> out, int row, float gamma) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < 3; c++) {
        const float *image = u.at(c, row), *frame = y.at(c, row);
        float *target = out.at(c, row);
        for_window_max<SIZE>(u, c, row, tile.width, [=](int x, vec m) __attribute__((always_inline)) {
            store(target + x, m - gamma * (load(image + x) - load(frame + x)));
        });
    }
    trim(tile, out, row);
}

// The application of t (INVERSE: of its inverse, the gain): u_K = clamp(y / clamp(t, t_min, 1)^strength, 0, 1).
template <bool INVERSE>
ROW_FUNCTION apply_linear(const Tile &tile, Rows<3> y, Rows<3> t, Rows<3> u, int row, float t_min, float strength) {
    if (strength == 1) {
        pointwise(tile, u, row, [&](int c, int x) __attribute__((always_inline)) {
            vec image = load(y.at(c, row) + x), light = load(t.at(c, row) + x);
            return min(INVERSE ? image * clamp(light, 1.0f, 1 / t_min) : image / clamp(light, t_min, 1.0f),
                       splat(1.0f));
        });
    } else {
        pointwise(tile, u, row, [&](int c, int x) __attribute__((always_inline)) {
            vec gain = log2(clamp(load(t.at(c, row) + x), INVERSE ? 1 : t_min, INVERSE ? 1 / t_min : 1)) * strength;
            return min(load(y.at(c, row) + x) * exp2(INVERSE ? gain : -gain), splat(1.0f));
        });
    }
}

// How much noise removal takes away, of the same t: amount, times 1 - t^strength if GUIDED.
template <bool INVERSE, bool GUIDED>
ROW_FUNCTION weight_linear(const Tile &tile, Rows<3> t, Rows<3> weight, int row, float t_min, float strength,
                           float amount) {
    pointwise(tile, weight, row, [&](int c, int x) __attribute__((always_inline)) {
        if (!GUIDED) return splat(amount);
        vec light = load(t.at(c, row) + x);
        vec log_t = INVERSE ? -log2(clamp(light, 1.0f, 1 / t_min)) : log2(clamp(light, t_min, 1.0f));
        return amount * (1.0f - exp2(log_t * strength));
    });
}

// The largest channel, from which a shared illumination takes the pixel's own maximum.
ROW_FUNCTION channel_max(const Tile &tile, Rows<3> y, Rows<1> out, int row) {
    pointwise(tile, out, row, [&](int, int x) __attribute__((always_inline)) {
        return max(max(load(y.at(0, row) + x), load(y.at(1, row) + x)), load(y.at(2, row) + x));
    });
}

// A reduced illumination (log2 t on a grid of cells of SCALE pixels), for one row of pixels: bilinear, half-pixel centres.
constexpr int LINE_MARGIN = 64; // floats before and after the line that upsample() fills: two of the largest cells

struct Grid {
    float *data; // channels, one after another
    int width, height;

    METHOD float *at(int channel, int row) const { return data + ((int64_t)channel * height + row) * width; }
};

template <int SCALE> FN void upsample(const Tile &tile, Grid grid, int channel, int row, float *line) {
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

    // Between the centres of two cells lie SCALE pixels; those around the strip's ends fall into the line's margins.
    int begin = (tile.left + LINE_MARGIN) / SCALE - LINE_MARGIN / SCALE - 1, end = (tile.left + tile.width) / SCALE + 1;
    auto cell = [&](int x) __attribute__((always_inline)) {
        x = clamp(x, 0, grid.width - 1);
        return upper[x] + (lower[x] - upper[x]) * share;
    };
    float left = cell(begin);
    float *target = line + begin * SCALE + SCALE / 2 - tile.left;
    for (int x = begin + 1; x <= end; x++, target += SCALE) {
        float right = cell(x), step = (right - left) * (1.0f / SCALE);
    UNROLL for (int i = 0; i < SCALE; i++) target[i] = left + step * (i + 0.5f);
        left = right;
    }
}

// Light of a row of pixels, and its slope over the pixel's own maximum.
struct Upsampled {
    float *light, *slope;
};

FN Upsampled take_upsampled(Arena &arena, int width) {
    auto line = [&] { return arena.take<float>(width + 2 * LINE_MARGIN) + LINE_MARGIN; };
    return Upsampled{line(), line()};
}

struct Mix {
    float own;   // a, the share of the pixel's own maximum; the grids hold the rest
    float floor; // added before the logarithm
    float signal; // f^2 of the signal floor
    float knee;   // k^2 of the chroma floor
    float log_t_min;
    float strength;
};

// Application in the log domain: `gain` <- log2 of the gain with strength, u <- u_K. The light of a pixel is the grid's;
// GUIDED adds the pixel's own, log2(m + floor), times the grid's slope, and else MIX adds a share of it, or, with MEAN,
// of log2(mean of the channels + floor).
template <int SCALE, int G, bool MIX, bool SIGNAL, bool KNEE, bool GUIDED, bool MEAN>
ROW_FUNCTION apply_log(const Tile &tile, Rows<3> y, Rows<G> m, Grid grid, Grid slope, Rows<G> gain, Rows<3> u, int row,
                       Upsampled line, Mix mix) {
    if (blank(tile, gain, row)) {
        blank(tile, u, row);
        return;
    }
    constexpr int M = GUIDED || (MIX && !MEAN) || SIGNAL || KNEE ? G : 1;
    UNROLL for (int c = 0; c < G; c++) {
        upsample<SCALE>(tile, grid, c, row, line.light);
        if (GUIDED) upsample<SCALE>(tile, slope, c, row, line.slope);
        for (int x = 0; x < tile.width; x += LANES) {
            vec light = load(line.light + x);
            if (GUIDED || MIX) {
                vec own = load(m.at(M == 1 ? 0 : c, row) + x);
                if (MEAN) own = (load(y.at(0, row) + x) + load(y.at(1, row) + x) + load(y.at(2, row) + x)) * (1.0f / 3);
                own = log2(own + mix.floor);
                light += GUIDED ? load(line.slope + x) * own : mix.own * own;
            }
            light = clamp(light, mix.log_t_min, 0.0f) * -mix.strength;
            if (SIGNAL) {
                vec own = load(m.at(M == 1 ? 0 : c, row) + x), square = own * own;
                light *= square / (square + mix.signal);
            }
            store(gain.at(c, row) + x, light);
        }
    }
    for (int x = 0; x < tile.width; x += LANES) {
        vec factor[G], v[3];
        UNROLL for (int c = 0; c < G; c++) factor[c] = exp2(load(gain.at(c, row) + x));
        UNROLL for (int c = 0; c < 3; c++)
            v[c] = min(load(y.at(c, row) + x) * factor[G == 1 ? 0 : c], splat(1.0f));
        if (KNEE) {
            vec grey = (v[0] + v[1] + v[2]) * (1.0f / 3);
            UNROLL for (int c = 0; c < 3; c++) {
                vec own = load(m.at(M == 1 ? 0 : c, row) + x), square = own * own;
                v[c] = grey + (v[c] - grey) * (1.0f - mix.strength * mix.knee / (square + mix.knee));
            }
        }
        UNROLL for (int c = 0; c < 3; c++) store(u.at(c, row) + x, v[c]);
    }
    trim(tile, u, row);
}

// How much noise removal takes away: amount, times 1 - t if GUIDED by the gain.
template <int G, bool GUIDED> ROW_FUNCTION weight_log(const Tile &tile, Rows<G> gain, Rows<G> weight, int row, float amount) {
    pointwise(tile, weight, row, [&](int c, int x) __attribute__((always_inline)) {
        return GUIDED ? amount * (1.0f - exp2(-load(gain.at(c, row) + x))) : splat(amount);
    });
}

// Equation 3: x = u - weight * noise; the last one is clamped to 0..1.
template <int G, bool LAST>
ROW_FUNCTION remove(const Tile &tile, Rows<3> u, Rows<G> weight, Rows<3> noise,
                    Rows<3> out, int row) {
    pointwise(tile, out, row, [&](int c, int x) __attribute__((always_inline)) {
        vec v = load(u.at(c, row) + x) - load(weight.at(G == 1 ? 0 : c, row) + x) * load(noise.at(c, row) + x);
        return LAST ? clamp(v, 0.0f, 1.0f) : v;
    });
}

} // namespace rt
