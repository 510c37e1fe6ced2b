// A frame on its way through passes, each over strips of the picture that threads share out.
#pragma once
#include "debanding_state.hpp"
#include "pool.hpp"

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
    float denoise, brightness;
    TimeConstants time;
    TemporalState state;
    DebandingState debanding;
    Dither dither;
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

FN Cut cut(int width, int height, int halo, int unit, int widest, int block, int threads) {
    Cut best = {};
    double best_cost = 1e30;
    int fewest = (width + widest - 2 * halo - 1) / (widest - 2 * halo);
    for (int strips = fewest; strips < fewest + 4; strips++) {
        int payload = ((width + strips - 1) / strips + unit - 1) / unit * unit;
        int padded = (payload + 2 * halo + block - 1) / block * block;
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
    Arena *arenas;
    int width, height, threads;
    void *memory[3];

    void pass(Strip strip, int w, int h, int halo, int unit, int widest, int picture_width, int picture_height,
              int block = BLOCK) {
        Cut cut = rt::cut(w, h, halo, unit, widest, block, threads);
        Job job = {this, strip, cut, w, h, halo, picture_width, picture_height};
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

} // namespace rt
