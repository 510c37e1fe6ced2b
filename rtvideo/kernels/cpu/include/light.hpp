// Light and image at full size, a row at a time.
#pragma once
#include "rows.hpp"

#include "common/interpolation.h"
#include "common/light.h"

namespace rt {

// A function object on values, column by column and channel by channel; an input of one channel serves all.
template <class F, int C, class... In> ROW_FUNCTION pointwise(const Tile &tile, Rows<C> out, int row, F f, In... in) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < C; c++) {
        float *target = out.at(c, row);
        for (int x = 0; x < tile.width; x += LANES)
            store(target + x, f(load(in.at(In::CHANNELS == 1 ? 0 : c, row) + x)...));
    }
    trim(tile, out, row);
}

// The largest channel, from which a shared illumination takes the pixel's own maximum.
ROW_FUNCTION channel_max(const Tile &tile, Rows<3> y, Rows<1> out, int row) {
    if (blank(tile, out, row)) return;
    for (int x = 0; x < tile.width; x += LANES)
        store(out.at(0, row) + x, largest_of(load(y.at(0, row) + x), load(y.at(1, row) + x), load(y.at(2, row) + x)));
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

template <int SIZE>
ROW_FUNCTION residual(const Tile &tile, Rows<3> u, Rows<3> y, Rows<3> out, int row, float gamma) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < 3; c++) {
        const float *image = u.at(c, row), *frame = y.at(c, row);
        float *target = out.at(c, row);
        for_window_max<SIZE>(u, c, row, tile.width, [=](int x, vec m) __attribute__((always_inline)) {
            store(target + x, residual_of(m, load(image + x), load(frame + x), gamma));
        });
    }
    trim(tile, out, row);
}

// A reduced illumination (log2 t on a grid of cells of SCALE pixels), for one row of pixels: bilinear, half-pixel centres.
constexpr int LINE_MARGIN = 64; // floats before and after the line that upsample() fills: two of the largest cells

struct Grid {
    float *data; // channels, one after another
    int width, height;

    METHOD float *at(int channel, int row) const { return data + ((int64_t)channel * height + row) * width; }
};

// At `at` in rows of the grid.
template <int SCALE> FN void upsample_row(const Tile &tile, Grid grid, int channel, float at, float *line) {
    int above = at < 0 ? -1 : (int)at;
    float share = at - above;
    const float *upper = grid.at(channel, max(above, 0)), *lower = grid.at(channel, min(above + 1, grid.height - 1));

    // Between the centres of two cells lie SCALE pixels; those around the strip's ends fall into the line's margins.
    int begin = (tile.left + LINE_MARGIN) / SCALE - LINE_MARGIN / SCALE - 1, end = (tile.left + tile.width) / SCALE + 1;
    auto cell = [&](int x) __attribute__((always_inline)) {
        x = clamp(x, 0, grid.width - 1);
        return lerp(upper[x], lower[x], share);
    };
    float left = cell(begin);
    float *target = line + begin * SCALE + SCALE / 2 - tile.left;
    for (int x = begin + 1; x <= end; x++, target += SCALE) {
        float right = cell(x), step = (right - left) * (1.0f / SCALE);
    UNROLL for (int i = 0; i < SCALE; i++) target[i] = left + step * (i + 0.5f);
        left = right;
    }
}

template <int SCALE> FN void upsample(const Tile &tile, Grid grid, int channel, int row, float *line) {
    if (SCALE > 1) return upsample_row<SCALE>(tile, grid, channel, half_pixel(row, 1.0f / SCALE), line);
    const float *source = grid.at(channel, row);
    for (int x = max(0, -tile.left), end = min(tile.width, grid.width - tile.left); x < end; x++)
        line[x] = source[tile.left + x];
}

// Light of a row of pixels, and its slope over the pixel's own maximum.
struct Upsampled {
    float *light, *slope;
};

FN float *take_line(Arena &arena, int width) { return arena.take<float>(width + 2 * LINE_MARGIN) + LINE_MARGIN; }
FN Upsampled take_upsampled(Arena &arena, int width) {
    return Upsampled{take_line(arena, width), take_line(arena, width)};
}

// Application in the log domain: `gain` <- the gain with strength, u <- u_K. The light of a pixel is the grid's;
// GUIDED adds the pixel's own, log2(m + floor), times the grid's slope, and else MIX adds a share of it, or, with MEAN,
// of log2(mean of the channels + floor).
template <int SCALE, int G, bool MIX, bool SIGNAL, bool KNEE, bool ROLLOFF, bool GUIDED, bool MEAN>
ROW_FUNCTION apply_log(const Tile &tile, Rows<3> y, Rows<G> m, Grid grid, Grid slope, Rows<G> gain, Rows<3> u, int row,
                       Upsampled line, LightParameters p) {
    if (blank(tile, gain, row)) {
        blank(tile, u, row);
        return;
    }
    constexpr int M = GUIDED || (MIX && !MEAN) || SIGNAL || KNEE ? G : 1;
    UNROLL for (int c = 0; c < G; c++) {
        upsample<SCALE>(tile, grid, c, row, line.light);
        if (GUIDED) upsample<SCALE>(tile, slope, c, row, line.slope);
        for (int x = 0; x < tile.width; x += LANES) {
            const vec red = load(y.at(0, row) + x), green = load(y.at(1, row) + x), blue = load(y.at(2, row) + x);
            vec light = load(line.light + x);
            if (GUIDED || MIX) {
                vec own = load(m.at(M == 1 ? 0 : c, row) + x);
                if (MEAN) own = mean_of(red, green, blue);
                light = GUIDED ? mixed(light, load(line.slope + x), own, p.floor) : mixed(light, p.own, own, p.floor);
            }
            light = log_gain(light, p);
            if (SIGNAL) light *= signal_share(load(m.at(M == 1 ? 0 : c, row) + x), p);
            const vec factor = exp2(light);
            store(gain.at(c, row) + x, ROLLOFF ? rolled_off(factor, largest_of(red, green, blue), p) : factor);
        }
    }
    for (int x = 0; x < tile.width; x += LANES) {
        vec factor[G], v[3];
        UNROLL for (int c = 0; c < G; c++) factor[c] = load(gain.at(c, row) + x);
        UNROLL for (int c = 0; c < 3; c++) v[c] = multiply{}(load(y.at(c, row) + x), factor[G == 1 ? 0 : c]);
        if (KNEE) {
            vec grey = mean_of(v[0], v[1], v[2]);
            UNROLL for (int c = 0; c < 3; c++)
                v[c] = less_colour(v[c], grey, load(m.at(M == 1 ? 0 : c, row) + x), p);
        }
        UNROLL for (int c = 0; c < 3; c++) store(u.at(c, row) + x, v[c]);
    }
    trim(tile, u, row);
}

} // namespace rt
