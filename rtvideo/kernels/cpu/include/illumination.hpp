// The illumination on the reduced grid (steps 1 to 7 of rtvideo/models/description.py). `N` is the generated `Network`.
#pragma once
#include "guide.hpp"
#include "light_smoothing.hpp"

namespace rt {

// Sums of the warm start over blocks of SCALE x SCALE pixels; beyond the picture its last row and column repeat.
template <int SCALE, int WINDOW> static void reduce(const Tile &tile, Frame &frame, Arena arena) {
    Rows<3> y = arena.rows<3>(tile.width, 4), sums = arena.rows<3>(tile.width, 1), whole = arena.rows<3>(tile.width, 2);
    Lines lines = take_lines(arena, tile.width);
    int end = tile.picture_width - tile.left, columns = tile.last - tile.left, bottom = tile.picture_height - 1;
    for (int c = 0; c < 3; c++) memset(sums.at(c, 0), 0, sizeof(float) * tile.width);
    for (int row = tile.top - 2; row <= tile.bottom; row++) {
        if ((row & 1) == 0 && row <= bottom + 1) {
            TIMED("reduce: planes to RGB", load_rows(tile, frame.read, frame.in, lines, y, row);)
            if (frame.read.seen) by_curve(tile, frame.read, y, whole, row);
        }
        int done = row - 1;
        if (done < tile.top) continue;
        for (int c = 0; c < 3; c++) {
            float *sum = sums.at(c, 0);
            for_window_max<WINDOW>(y, c, min(done, bottom), tile.width,
                                   [=](int x, vec m)
                                       __attribute__((always_inline)) { store(sum + x, load(sum + x) + m); });
        }
        if ((done + 1) % SCALE) continue;
        for (int c = 0; c < 3; c++) {
            float *line = sums.at(c, 0);
            float *to = frame.sums.at(c, done / SCALE) + tile.first / SCALE;
            sum_columns<SCALE>(line, tile.first - tile.left, min(end, columns), columns, to);
            memset(line, 0, sizeof(float) * tile.width);
        }
    }
}

// Means over 2^n cells of the finest grid, as logarithms.
FN void coarsen(const Grid &sums, int finest, const Grid &to, float floor) {
    int times = sums.width / to.width;
    float share = 1.0f / (finest * finest * times * times);
    for (int c = 0; c < 3; c++) {
        for (int row = 0; row < to.height; row++) {
            float *target = to.at(c, row);
            if (times == 1) {
                memcpy(target, sums.at(c, row), sizeof(float) * to.width);
            } else {
                for (int x = 0; x < to.width; x++) {
                    float sum = 0;
                    for (int i = 0; i < times; i++)
                        for (int j = 0; j < times; j++) sum += sums.at(c, row * times + i)[x * times + j];
                    target[x] = sum;
                }
            }
            log_row(target, to.width, share, floor);
        }
    }
}

FN void shift_by(const Grid &grid, float by) {
    int64_t n = (int64_t)3 * grid.width * grid.height;
    for (int64_t i = 0; i < n; i++) grid.data[i] -= by;
}

// Steps 2 to 6 of the description: everything that happens on the grid.
template <class N> static void light_on_grid(Context &context, const float *weights, const float *fade, float *space) {
    Frame &frame = context.frame;
    int wide = (context.width + N::COARSEST - 1) / N::COARSEST * N::COARSEST;
    int high = (context.height + N::COARSEST - 1) / N::COARSEST * N::COARSEST;
    auto grid = [&](int scale) {
        Grid g = {space, wide / scale, high / scale};
        space += (int64_t)3 * g.width * g.height + MARGIN;
        return g;
    };
    frame.sums = grid(N::FINEST);
    TIMED("reduce", context.pass(reduce<N::FINEST, N::WINDOW>, wide, high, 2, N::COARSEST, N::WIDEST, context.width,
                                 context.height);)

    Grid logs[6] = {};
    auto log_of = [&](int scale) -> Grid & { return logs[__builtin_ctz(scale)]; };
    for (int k = 0; k < N::STAGES; k++) {
        Grid &log = log_of(N::SCALES[k]);
        if (!log.data) log = grid(N::SCALES[k]), coarsen(frame.sums, N::FINEST, log, N::FLOOR);
    }
    float g[5], level, colour;
    statistics(log_of(N::SCALES[0]), g, level, colour);
    Exposure exposure = exposure_of(g, weights, N::CENTRED, N::MIX, frame.brightness);
    if (N::FADES) exposure.need = need_of_light(level, colour, fade);
    for (int s = 0; s < 6 && N::CENTRED; s++)
        if (logs[s].data) shift_by(logs[s], exposure.mean);

    Grid first = log_of(N::SCALES[0]);
    frame.x = grid(N::SCALES[0]);
    memcpy(frame.x.data, first.data, sizeof(float) * 3 * first.width * first.height);
    for (int k = 0; k < N::STAGES; k++) {
        int scale = N::SCALES[k];
        if (frame.x.width * scale != wide || frame.x.height * scale != high) {
            Grid resized = grid(scale);
            resize(frame.x, resized, 3);
            frame.x = resized;
        }
        frame.warm = log_of(scale);
        frame.next = grid(scale);
        context.pass(N::stage(k), frame.x.width, frame.x.height, N::STAGE_HALO, 2, N::WIDEST, frame.x.width,
                     frame.x.height);
        frame.x = frame.next;
    }

    Grid light = frame.x;
    int64_t cells = (int64_t)light.width * light.height;
    for (int64_t i = 0; i < cells; i++) {
        float *x = light.data + i;
        if (N::SHARED) {
            x[0] = light_of(exposure, mean_of(x[0], x[cells], x[2 * cells]));
        } else {
            for (int c = 0; c < 3; c++) x[c * cells] = light_of(exposure, x[c * cells]);
        }
    }
    if (frame.time.frames > 0) {
        if (frame.state.motion.moved && frame.state.scene.has_light)
            carry_light(context, light, N::SHARED ? 1 : 3, N::SCALES[N::STAGES - 1], space);
        smooth_light(context, light, exposure, N::SHARED ? 1 : 3, space);
    }
    float own = exposure.own, rest = 1 - own;
    if (N::GUIDED) {
        frame.slope = grid(N::SCALES[N::STAGES - 1]);
        Grid own_light = log_of(N::SCALES[N::STAGES - 1]);
        if (N::SHARED) largest(own_light);
        fit_lines<N::SHARED ? 1 : 3>(own_light, exposure.mean, light, frame.slope, space);
    }
    for (int64_t i = 0; i < cells * (N::SHARED ? 1 : 3); i++) {
        light.data[i] *= rest;
        if (N::GUIDED) frame.slope.data[i] = rest * frame.slope.data[i] + own;
    }
    frame.light = light;
    frame.light_parameters.own = own, frame.light_parameters.floor = N::FLOOR;
    frame.light_parameters.strength *= exposure.need;
}

// Floats of the finest grid.
template <class N> FN int64_t light_floats(int width, int height) {
    if (N::STAGES == 0) return 0;
    int64_t wide = (width + N::COARSEST - 1) / N::COARSEST, high = (height + N::COARSEST - 1) / N::COARSEST;
    int64_t times = N::COARSEST / N::FINEST;
    return 3 * wide * high * times * times + MARGIN;
}

// Floats for all grids of a frame, one to spare.
template <class N> FN int64_t grid_floats(int width, int height) {
    if (N::STAGES == 0) return 0;
    int wide = (width + N::COARSEST - 1) / N::COARSEST * N::COARSEST;
    int high = (height + N::COARSEST - 1) / N::COARSEST * N::COARSEST;
    int64_t finest = light_floats<N>(width, height), fits = 4 * padded_floats(wide / N::FINEST, high / N::FINEST);
    return finest * (3 + 3 * (N::STAGES + 1)) + (N::GUIDED ? finest + fits : 0);
}

} // namespace rt
