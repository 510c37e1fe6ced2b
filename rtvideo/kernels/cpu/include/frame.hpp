// One frame through the passes of a network. `Network` is what the generated source says of it.
#pragma once
#include "exposure_compensation.hpp"
#include "guide.hpp"
#include "light_smoothing.hpp"
#include "pool.hpp"
#include "temporal_filter.hpp"

// A statement whose time benchmarks/passes.py wants to know; it defines this before it includes anything.
#ifndef TIMED
#define TIMED(label, ...) __VA_ARGS__
#endif

namespace rt {

struct Weights;

// What the strips of one frame share.
struct Frame {
    const Weights *w;
    Planes in, out;
    Format format, read;   // of the planes in and out; of those that the network reads
    float strength, denoise;
    TimeConstants time;
    TemporalState *state;
    LightParameters light_parameters;
    Grid sums;             // of the warm start over blocks of the finest scale
    Grid x, warm, next;    // a grid stage reads x (and warm) and writes next
    Grid light; // log2 t at the last scale, one or three channels; where the light is guided, that at slope 0
    Grid slope; // of log2 t over log2 of the pixel's own maximum
};

template <int C> ROW_FUNCTION load_grid(const Tile &tile, Grid from, Rows<C> to, int row) {
    if (blank(tile, to, row)) return;
    int first = max(tile.left, 0), last = min(tile.left + tile.width, from.width);
    for (int c = 0; c < C; c++)
        memcpy(to.at(c, row) + first - tile.left, from.at(c, row) + first, sizeof(float) * (last - first));
    trim(tile, to, row);
}

template <int C> ROW_FUNCTION store_grid(const Tile &tile, Rows<C> from, Grid to, int row) {
    for (int c = 0; c < C; c++)
        memcpy(to.at(c, row) + tile.first, from.at(c, row) + tile.first - tile.left,
               sizeof(float) * (tile.last - tile.first));
}

// How a picture is cut into strips and bands: the cut that finishes first, halos included.
struct Cut {
    int payload, width, strips, rows, bands;
};

FN Cut cut(int width, int height, int halo, int unit, int widest, int threads) {
    Cut best = {};
    double best_cost = 1e30;
    int fewest = (width + widest - 2 * halo - 1) / (widest - 2 * halo);
    for (int strips = fewest; strips < fewest + 4; strips++) {
        int payload = ((width + strips - 1) / strips + unit - 1) / unit * unit;
        int padded = (payload + 2 * halo + BLOCK - 1) / BLOCK * BLOCK;
        int used = (width + payload - 1) / payload;
        for (int bands = 1; bands <= 4 * threads; bands++) {
            int rows = ((height + bands - 1) / bands + unit - 1) / unit * unit;
            int real = (height + rows - 1) / rows;
            double rounds = (used * real + threads - 1) / threads;
            double cost = rounds * (rows + 2 * halo + 1) * (padded + 16);
            if (cost < best_cost) best_cost = cost, best = Cut{payload, padded, used, rows, real};
        }
    }
    return best;
}

struct Context;
typedef void (*Strip)(const Tile &, Frame &, Arena);

struct Job {
    Context *context;
    Strip strip;
    Cut cut;
    int width, height, halo, picture_width, picture_height;
};

struct Context {
    Pool pool;
    Frame frame;
    TemporalState state;
    Arena *arenas;
    int width, height, threads;
    void *memory[3];

    void pass(Strip strip, int w, int h, int halo, int unit, int widest, int picture_width, int picture_height) {
        Job job = {this, strip, rt::cut(w, h, halo, unit, widest, threads), w, h, halo, picture_width, picture_height};
        pool.run(job.cut.strips * job.cut.bands, run_strip, &job);
    }

    static void run_strip(void *argument, int task, int worker) {
        const Job &job = *(const Job *)argument;
        const Cut &c = job.cut;
        int strip = task % c.strips, band = task / c.strips;
        Tile tile;
        tile.first = strip * c.payload, tile.last = min(tile.first + c.payload, job.width);
        tile.top = band * c.rows, tile.bottom = min(tile.top + c.rows, job.height);
        tile.left = tile.first - job.halo, tile.width = c.width;
        tile.picture_width = job.picture_width, tile.picture_height = job.picture_height;
        job.strip(tile, job.context->frame, job.context->arenas[worker]);
    }
};

static void measure_strip(const Tile &tile, Frame &frame, Arena arena) {
    measure_patches(tile, *frame.state, frame.format, frame.in, arena);
}
static void compensate_strip(const Tile &tile, Frame &frame, Arena arena) { compensate(tile, *frame.state, arena); }
static void filter_strip(const Tile &tile, Frame &frame, Arena arena) {
    filter(tile, *frame.state, frame.format, frame.in, frame.time.frames, arena);
}

// The picture so far takes the place of the frame.
template <int WIDEST> static void over_time(Context &context) {
    Frame &frame = context.frame;
    TemporalState &state = context.state;
    Scene &scene = state.scene;
    int width = context.width, height = context.height;
    auto pass = [&](Strip strip, int halo, int unit) {
        context.pass(strip, width, height, halo, unit, WIDEST, width, height);
    };
    frame.state = &state;
    if (frame.time.reset) reset(state);
    if (scene.seen) {
        TIMED("scene statistics", pass(measure_strip, 0, 2 * PATCH);)
        if (estimate_scene(state, height, frame.time.frames))
            reset(state);
        else if (scene.exposure_changed || scene.light_changed)
            pass(compensate_strip, 0, CELL);
    }
    scene.moving = 0;
    TIMED("temporal filter", pass(filter_strip, TEMPORAL_HALO, CELL);)
    state.now = 1 - state.now, scene.seen += scene.seen < 1 << 20;
    frame.in = state.picture[state.now], frame.read = state.format;
}

// Sums of the warm start over blocks of SCALE x SCALE pixels; beyond the picture its last row and column repeat.
template <int SCALE, int WINDOW> static void reduce(const Tile &tile, Frame &frame, Arena arena) {
    Rows<3> y = arena.rows<3>(tile.width, 4), sums = arena.rows<3>(tile.width, 1);
    Lines lines = take_lines(arena, tile.width);
    int end = tile.picture_width - tile.left, columns = tile.last - tile.left, bottom = tile.picture_height - 1;
    for (int c = 0; c < 3; c++) memset(sums.at(c, 0), 0, sizeof(float) * tile.width);
    for (int row = tile.top - 2; row <= tile.bottom; row++) {
        if ((row & 1) == 0 && row <= bottom + 1)
            TIMED("reduce: planes to RGB", load_rows(tile, frame.read, frame.in, lines, y, row);)
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
template <class N> static void light_on_grid(Context &context, const float *weights, float *space) {
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
    float g[5];
    statistics(log_of(N::SCALES[0]), g);
    Exposure exposure = exposure_of(g, weights, N::CENTRED, N::MIX);
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
    float own = exposure.own;
    if (frame.time.frames > 0)
        own = smooth_light(context.state, frame.time.light, light, own, N::SHARED ? 1 : 3, space);
    float rest = 1 - own;
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
