// The reduced grid: block means of the warm start, their logarithms and statistics, and the light at full size.
#pragma once
#include "last_block.cuh"
#include "light.cuh"
#include "planes.cuh"

#include "common/interpolation.h"

namespace rt {

// A grid of cells of SCALE x SCALE pixels: channels one after another. PADDED: to whole cells of the coarsest scale.
template <int SCALE, bool PADDED = true> struct Grid {
    float *data;

    METHOD int width() const { return PADDED ? grid_width(SCALE) : (frame.width + SCALE - 1) / SCALE; }
    METHOD int height() const { return PADDED ? grid_height(SCALE) : (frame.height + SCALE - 1) / SCALE; }
    METHOD float &at(int channel, int row, int column) const {
        // Only the beginning of a channel needs 64 bits: the fewer of them the fewer instructions.
        return (data + (long long)channel * height() * width())[row * width() + column];
    }
};

// What a stage reads: logarithms with their mean taken out, a state, or a state of another scale.
template <int SCALE> struct Centred {
    static constexpr int CHANNELS = 3;
    Grid<SCALE> grid;
    const Exposure *exposure;

    METHOD void read(const Block &, int x, int y, float (&v)[3]) const {
        UNROLL for (int c = 0; c < 3; c++) v[c] = grid.at(c, y, x) - exposure->mean;
    }
};

template <int SCALE> struct State {
    static constexpr int CHANNELS = 3;
    Grid<SCALE> grid;

    METHOD void read(const Block &, int x, int y, float (&v)[3]) const {
        UNROLL for (int c = 0; c < 3; c++) v[c] = grid.at(c, y, x);
    }
};

// Bilinear, half-pixel centres; beyond the outer centres the outer cells count.
template <int SCALE, bool PADDED> FN float bilinear(const Grid<SCALE, PADDED> &grid, int channel, float y, float x) {
    y = clamp(y, 0.0f, grid.height() - 1.0f), x = clamp(x, 0.0f, grid.width() - 1.0f);
    const int y0 = (int)y, x0 = (int)x, y1 = min(y0 + 1, grid.height() - 1), x1 = min(x0 + 1, grid.width() - 1);
    const float a = grid.at(channel, y0, x0), b = grid.at(channel, y0, x1);
    const float c = grid.at(channel, y1, x0), d = grid.at(channel, y1, x1);
    return lerp(lerp(a, b, x - x0), lerp(c, d, x - x0), y - y0);
}

// One channel of a grid at a thread's pixels of the picture.
template <int SCALE, class P>
FN void interpolate(const Grid<SCALE> &grid, int channel, const P &p, float (&values)[P::ROWS]) {
    UNROLL for (int i = 0; i < P::ROWS; i++)
        values[i] = bilinear(grid, channel, half_pixel(p.y(i), 1.0f / SCALE), half_pixel(p.x(i), 1.0f / SCALE));
}

// Of a quad: the middles of cells lie between quads, so that its pixels lie between the same four of them.
template <int SCALE, class S, int B, int A>
FN void interpolate(const Grid<SCALE> &grid, int channel, const QuadRun<S, B, A> &p, float (&values)[4]) {
    const int bottom = grid.height() - 1, right = grid.width() - 1;
    float ys[2], xs[2];
    UNROLL for (int i = 0; i < 2; i++) {
        ys[i] = clamp(half_pixel(p.y(2 * i), 1.0f / SCALE), 0.0f, (float)bottom);
        xs[i] = clamp(half_pixel(p.x(i), 1.0f / SCALE), 0.0f, (float)right);
    }
    if (SCALE % 4) {
        UNROLL for (int i = 0; i < 4; i++) values[i] = bilinear(grid, channel, ys[i / 2], xs[i % 2]);
        return;
    }
    const int y0 = (int)ys[0], x0 = (int)xs[0], y1 = min(y0 + 1, bottom), x1 = min(x0 + 1, right);
    const float a = grid.at(channel, y0, x0), b = grid.at(channel, y0, x1);
    const float c = grid.at(channel, y1, x0), d = grid.at(channel, y1, x1);
    UNROLL for (int i = 0; i < 4; i++) {
        const float across = xs[i % 2] - x0;
        values[i] = lerp(lerp(a, b, across), lerp(c, d, across), ys[i / 2] - y0);
    }
}

template <int FROM, int TO> struct Resized {
    static constexpr int CHANNELS = 3;
    Grid<FROM> grid;

    METHOD void read(const Block &, int x, int y, float (&v)[3]) const {
        const float step = (float)TO / FROM;
        UNROLL for (int c = 0; c < 3; c++) v[c] = bilinear(grid, c, half_pixel(y, step), half_pixel(x, step));
    }
};

// Where a stage leaves its state, and where the last one leaves log2 of the light (steps 5 and 6), the part of the
// pixel's own maximum excepted.
template <int SCALE, class P, int R> FN void put(const State<SCALE> &to, const P &p, const Values<3, R> &x) {
    UNROLL for (int i = 0; i < R; i++) {
        if (!p.own(i)) continue;
        UNROLL for (int c = 0; c < 3; c++) to.grid.at(c, p.y(i), p.x()) = x.v[c][i];
    }
}

// GUIDED: the grids hold lines over log2 of the pixel's own light once guide.cuh has fitted them.
template <int N, int SCALE, bool GUIDED> struct Light {
    Grid<SCALE> grid, slope;
    const Exposure *exposure;
};

template <int N, int SCALE, bool GUIDED, class P, int R>
FN void put(const Light<N, SCALE, GUIDED> &to, const P &p, const Values<3, R> &x) {
    const Exposure e = *to.exposure;
    const float rest = GUIDED ? 1 : 1 - e.own;
    UNROLL for (int i = 0; i < R; i++) {
        if (!p.own(i)) continue;
        UNROLL for (int c = 0; c < N; c++) {
            const float state = N == 3 ? x.v[c][i] : mean_of(x.v[0][i], x.v[1][i], x.v[2][i]);
            to.grid.at(c, p.y(i), p.x()) = rest * light_of(e, state);
        }
    }
}

// Sums of the warm start over blocks of SCALE x SCALE pixels; beyond the picture its last row and column repeat.
// A block of threads takes 32 x 32 pixels, which hold whole cells of every scale.
constexpr int SIDE = 32;
typedef Shape<SIDE, SIDE, 4> Square;

// Each cell of a grid that a block of threads takes: f(x, y).
template <int SCALE, bool PADDED, class F> FN void for_cells(const Grid<SCALE, PADDED> &grid, const F &f) {
    const Block block = block_of<Square>(grid.width(), grid.height());
    for (Run<Square, 0, 0> p(block); p.more(); p.next()) {
        for (int i = 0; i < p.ROWS; i++)
            if (p.inside(i)) f(p.x(), p.y(i));
    }
}

// They go to `take`, with their place in the block; the tile, which `memory` begins with, is then free.
template <int SCALE, int WINDOW, class Take> FN void reduce(float *memory, const Take &take) {
    constexpr int BEFORE = WINDOW == 3, CELLS = SIDE / SCALE;
    const Block block = block_of<Square>(frame.width, frame.height);
    const Tile<3, Square, 2 * BEFORE, 2> y{memory};
    for (QuadRun<Square, 2 * BEFORE, 2> p(block); p.more(); p.next()) put(y, p, fetch(Picture{}, p));
    barrier();
    // The rows that a cell sums up, for each column, which may lie beyond the picture.
    const Tile<3, Square, 0, 0> columns{memory + 3 * (SIDE + 4) * (SIDE + 4)};
    const int last_row = min(block.height - 1 - block.top, SIDE - 1);
    const int last_column = min(block.width - 1 - block.left, SIDE - 1);
    for (int item = threadIdx.x; item < 3 * CELLS * SIDE / 2; item += THREADS) {
        const int c = item / (CELLS * SIDE / 2), cell = item / (SIDE / 2) % CELLS, x = item % (SIDE / 2) * 2;
        // Two columns, whose windows share what they see. The largest of a window's row serves all windows that it is in.
        // Rows beyond the last are read, never used.
        const int top = min(cell * SCALE, last_row) + BEFORE, first = min(x, last_column & ~1);
        float across[SCALE + WINDOW - 1][2], sums[2] = {}, largest[2] = {};
        UNROLL for (int i = 0; i < SCALE + WINDOW - 1; i++) {
            constexpr int SPAN = WINDOW == 3 ? 6 : 4;
            float v[SPAN];
            UNROLL for (int n = 0; n < SPAN; n += 2) {
                const Couple<float> two = *(const Couple<float> *)&y.at(c, top + i, first + n);
                v[n] = two.first, v[n + 1] = two.second;
            }
            const float *seen = v + BEFORE;
            const float both = WINDOW == 3 ? fmaxf(seen[1], seen[2]) : seen[1];
            across[i][0] = fmaxf(seen[0], both), across[i][1] = fmaxf(both, seen[WINDOW]);
        }
        UNROLL for (int i = 0; i < SCALE; i++) {
            UNROLL for (int k = 0; k < 2; k++) {
                float window = across[i][k];
                UNROLL for (int m = 1; m < WINDOW; m++) window = fmaxf(window, across[i + m][k]);
                largest[k] = i == 0 || cell * SCALE + i <= last_row ? window : largest[k];
                sums[k] += largest[k];
            }
        }
        const float edge = last_column > first ? sums[1] : sums[0];
        columns.at(c, cell, x) = x > last_column ? edge : sums[0];
        columns.at(c, cell, x + 1) = x + 1 > last_column ? edge : sums[1];
    }
    barrier();
    for (int item = threadIdx.x; item < 3 * CELLS * CELLS; item += THREADS) {
        const int c = item / (CELLS * CELLS), row = item / CELLS % CELLS, column = item % CELLS;
        float sum = 0;
        for (int i = 0; i < SCALE; i++) sum += columns.at(c, row, column * SCALE + i);
        take(c, row, column, sum);
    }
}
template <int SCALE, int WINDOW> FN void reduce_sums(float *memory, const Grid<SCALE> &sums) {
    const Block block = block_of<Square>(frame.width, frame.height);
    reduce<SCALE, WINDOW>(memory, [&](int c, int row, int column, float sum) {
        const int x = block.left / SCALE + column, y = block.top / SCALE + row;
        if (x < sums.width() && y < sums.height()) sums.at(c, y, x) = sum;
    });
}

// log2(mean + floor) of the cells of a grid, from sums over cells of the finest.
template <int FINEST, int SCALE> FN void coarsen(const Grid<FINEST> &sums, const Grid<SCALE> &log, float floor) {
    constexpr int TIMES = SCALE / FINEST;
    for_cells(log, [&](int x, int y) {
        UNROLL for (int c = 0; c < 3; c++) {
            float sum = 0;
            for (int i = 0; i < TIMES; i++)
                for (int j = 0; j < TIMES; j++) sum += sums.at(c, y * TIMES + i, x * TIMES + j);
            log.at(c, y, x) = log_of_mean(sum, 1.0f / (SCALE * SCALE), floor);
        }
    });
}

// The STATISTICS of some cells' largest channel: squares are those of the distances to the mean. Of all channels, the
// sums of their means (level) and of the largest less the smallest (colour).
template <class T> struct Moments {
    T count, mean, squares, linear, high, low, level, colour;
};

// Those of two sets together (Chan, Golub and LeVeque 1979): nothing cancels.
template <class T> FN Moments<T> joined(const Moments<T> &a, const Moments<T> &b) {
    if (a.count == 0) return b;
    if (b.count == 0) return a;
    const T count = a.count + b.count, apart = b.mean - a.mean, share = b.count / count;
    return Moments<T>{count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share,
                      a.linear + b.linear, a.high > b.high ? a.high : b.high, a.low < b.low ? a.low : b.low,
                      a.level + b.level, a.colour + b.colour};
}

// One for all threads, joined in an order that does not depend on which is first.
template <class T, class Join> FN T joined_by_all(T *space, const T &mine, const Join &join) {
    space[threadIdx.x] = mine;
    barrier();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) space[threadIdx.x] = join(space[threadIdx.x], space[threadIdx.x + half]);
        barrier();
    }
    return space[0];
}

// Those of a cell, and of all that the threads of a block have seen.
FN Moments<float> moments_of(float r, float g, float b) {
    const float v = largest_of(r, g, b);
    return Moments<float>{1, v, 0, exp2(v), v, v, mean_of(r, g, b), v - smallest_of(r, g, b)};
}
FN void leave_moments(float *memory, const Moments<float> &mine, Moments<float> *parts) {
    const Moments<float> all = joined_by_all((Moments<float> *)memory, mine, joined<float>);
    if (threadIdx.x == 0) parts[blockIdx.y * gridDim.x + blockIdx.x] = all;
}

template <int SCALE> FN void measure(float *memory, const Grid<SCALE> &log, Moments<float> *parts) {
    Moments<float> mine = {};
    for_cells(log, [&](int x, int y) {
        mine = joined(mine, moments_of(log.at(0, y, x), log.at(1, y, x), log.at(2, y, x)));
    });
    leave_moments(memory, mine, parts);
}

// One block: what all parts say together, and what follows from it. `w` holds biases, then [output][statistic].
// `fade` holds limits, or nothing.
FN void settle(float *memory, const Moments<float> *parts, int count, bool centred, bool mix, const float *w,
                   const float *fade, Exposure *exposure) {
    Moments<double> mine = {};
    for (int i = threadIdx.x; i < count; i += THREADS) {
        const Moments<float> &part = parts[i];
        mine = joined(mine, Moments<double>{part.count, part.mean, part.squares, part.linear, part.high, part.low,
                                            part.level, part.colour});
    }
    const Moments<double> all = joined_by_all((Moments<double> *)memory, mine, joined<double>);
    if (threadIdx.x != 0) return;
    const float g[5] = {(float)all.mean, deviation_of(all.squares / all.count), (float)(all.linear / all.count),
                        (float)all.high, (float)all.low};
    *exposure = exposure_of(g, w, centred, mix, frame.brightness);
    if (fade)
        exposure->need = need_of_light((float)(all.level / all.count), (float)(all.colour / all.count), fade);
}

// All that comes before the stages where they have one scale: `log` and the exposure. `settled` is `settle` without
// its memory.
template <int SCALE, int WINDOW, class Settle>
FN void survey(float *memory, const Grid<SCALE> &log, float floor, Moments<float> *parts, const Settle &settled) {
    constexpr int CELLS = SIDE / SCALE;
    const Block block = block_of<Square>(frame.width, frame.height);
    const int left = block.left / SCALE, top = block.top / SCALE;
    auto exists = [&](int row, int column) { return left + column < log.width() && top + row < log.height(); };
    reduce<SCALE, WINDOW>(memory, [&](int c, int row, int column, float sum) {
        const float value = log_of_mean(sum, 1.0f / (SCALE * SCALE), floor);
        memory[(c * CELLS + row) * CELLS + column] = value;
        if (exists(row, column)) log.at(c, top + row, left + column) = value;
    });
    barrier();
    Moments<float> mine = {};
    for (int item = threadIdx.x; item < CELLS * CELLS; item += THREADS) {
        const float *cell = memory + item;
        if (exists(item / CELLS, item % CELLS))
            mine = joined(mine, moments_of(cell[0], cell[CELLS * CELLS], cell[2 * CELLS * CELLS]));
    }
    leave_moments(memory + 3 * CELLS * CELLS, mine, parts);
    if (is_last_block((int *)memory)) settled(memory, parts, gridDim.x * gridDim.y);
}

// Application in the log domain (steps 7 and 8): `gain` <- the gain with strength; returns u_K.
// MEAN: in the mix, the pixel's own light is the mean of its channels, not m.
template <int SCALE, int G, bool MIX, bool SIGNAL, bool KNEE, bool ROLLOFF, bool GUIDED, bool MEAN, class P, class M>
FN Values<3, P::ROWS> apply_log(const P &p, const Values<3, P::ROWS> &y, const M &m,
                                    const Light<G, SCALE, GUIDED> &light, Values<G, P::ROWS> &gain, float floor,
                                    float t_min, const float *knees, float strength) {
    const LightParameters of = {
        MIX ? light.exposure->own : 0, floor, knees[0], knees[1], knees[2], log2(t_min), strength};
    float lights[G][P::ROWS], slopes[G][P::ROWS];
    UNROLL for (int c = 0; c < G; c++) {
        interpolate(light.grid, c, p, lights[c]);
        if (GUIDED) interpolate(light.slope, c, p, slopes[c]);
    }
    gain = each<G>(p, [&](int c, int i) {
        float log_t = lights[c][i];
        const float pixel = m.v[M::CHANNELS == 1 ? 0 : c][i];
        const float own = MEAN ? mean_of(y.v[0][i], y.v[1][i], y.v[2][i]) : pixel;
        if (GUIDED || MIX)
            log_t = mixed(log_t, GUIDED ? slopes[c][i] : of.own, own, floor);
        const float amplified = exp2(log_gain(log_t, of) * (SIGNAL ? signal_share(pixel, of) : 1));
        return ROLLOFF ? rolled_off(amplified, largest_of(y.v[0][i], y.v[1][i], y.v[2][i]), of) : amplified;
    });
    return each<3>(p, [&](int c, int i) {
        auto lit = [&](int k) { return multiply{}(y.v[k][i], gain.v[G == 1 ? 0 : k][i]); };
        return KNEE ? less_colour(lit(c), mean_of(lit(0), lit(1), lit(2)), m.v[M::CHANNELS == 1 ? 0 : c][i], of) : lit(c);
    });
}

} // namespace rt
