// What is kept from frame to frame: the picture so far, for how long each cell of it has stood, and the light.
#pragma once
#include "grid.hpp"
#include <stdlib.h>

namespace rt {

// How fast to forget; `rtvideo.engines.time_constants` makes it of seconds.
struct Pace {
    float frames;   // that a cell in which nothing moves is averaged over, at most; 0: nothing is kept
    float light;    // share of its way that the light of a moving picture goes in a frame
    int32_t forget; // what was before this frame does not count
};

constexpr int CELL = 2;        // pixels: what moves or stays as one
constexpr int SIDE = 8;        // pixels of a block, of which noise is measured
constexpr float UNIT = 256;    // samples that are kept lie in the high bits of 16: so many are a code of 8 bits
constexpr float AGE_UNIT = 16; // ages are kept in sixteenths of a frame

struct History {
    Format kept;        // of the picture: as the decoder's, in 16 bits
    float code;         // codes of 8 bits a sample of the decoder
    float black;        // its code
    Planes picture[2];  // read from one, written to the other, so that neighbours are what they were
    int now;            // the newest
    uint8_t *age;       // of each cell
    int cells_wide, cells_high;
    float *level, *change, *spread; // of each block that is looked at: mean so far, mean and deviation of the difference
    float *gain;        // of its light
    int blocks_wide, blocks_high;
    float noise, slope; // of one frame, in codes: noise + slope * level
    int seen;           // frames since the last cut
    int moving;         // cells that moved
    float curve[257];   // by how much each level changed, where the exposure did
    bool exposed;       // it did
    bool shone;         // light changed on some blocks
    float *light;       // log2 t at the last scale
    float own;
    bool lit;           // both are known
    void *memory[2];
};

// A channel of the planes; `x` and `y` are log2 of its subsampling.
struct Channel {
    int plane, offset, step, x, y;
};
INLINE int channels(const Format &f) { return f.layout == GRAY ? 1 : 3; }
INLINE bool is_rgb(const Format &f) { return f.layout == RGB || f.layout == GBR; }
INLINE Channel channel(const Format &f, int c) {
    if (is_rgb(f)) {
        Place p = place(f, c);
        return Channel{p.plane, p.offset, p.step, 0, 0};
    }
    if (c == 0) return Channel{0, 0, 1, 0, 0};
    bool pairs = f.layout == NV;
    return Channel{pairs ? 1 : c, pairs ? c - 1 : 0, pairs ? 2 : 1, f.chroma_x, f.chroma_y};
}

// Samples of a row of a channel in codes of 8 bits, for the columns from `left` on; the last ones repeat beyond edges.
INLINE void read_codes(const Format &f, const Planes &planes, const Channel &c, float code, int row, int width,
                       int height, int left, int count, float *to) {
    row = clamp(row, 0, height - 1);
    int first = max(left, 0), last = min(left + count, width);
    widen(f, c.step, planes, c.plane, row, c.offset, left, first, last, to);
    float *begin = to + first - left, *end = to + last - left;
    for (float *p = begin; p < end; p++) *p *= code;
    for (float *p = to; p < begin; p++) *p = *begin;
    for (float *p = end; p < to + count; p++) *p = end[-1];
}

INLINE void write_codes(const History &h, const Planes &planes, const Channel &c, int row, int left, int first,
                        int last, const float *from) {
    narrow(h.kept, c.step, planes, c.plane, row, c.offset, left, first, last, true, from);
}

// Workspaces come zeroed and touched: the first frame is as fast as the others, and nothing is ever undefined.
static void *fresh(size_t bytes) {
    void *p = 0;
    if (posix_memalign(&p, 4096, bytes + 4096)) return 0;
    memset(p, 0, bytes + 4096);
    return p;
}

// Room for a picture of this size and light of so many cells. False if there is not enough memory.
INLINE bool remember(History &h, const Format &format, const Format &kept, int width, int height, int64_t light) {
    h.kept = kept;
    h.code = format.luma_gain / kept.luma_gain / UNIT;
    h.black = -kept.luma_bias / kept.luma_gain / UNIT;
    h.kept.shift = 0, h.kept.luma_low = 0, h.kept.luma_high = 65535;
    h.cells_wide = (width + CELL - 1) / CELL, h.cells_high = (height + CELL - 1) / CELL;
    h.blocks_wide = (width + SIDE - 1) / SIDE, h.blocks_high = height / SIDE / 2 + 1;
    size_t bytes[3] = {}, picture = 0;
    int64_t stride[3] = {};
    for (int c = 0; c < channels(kept); c++) {
        Channel one = channel(kept, c);
        stride[one.plane] = (((width + one.x) >> one.x) * one.step * sizeof(uint16_t) + 63) / 64 * 64;
        bytes[one.plane] = stride[one.plane] * ((height + one.y) >> one.y);
    }
    for (size_t b : bytes) picture += b;
    size_t cells = ((size_t)h.cells_wide * h.cells_high + 63) / 64 * 64, blocks = (size_t)h.blocks_wide * h.blocks_high;
    h.memory[0] = fresh(2 * picture + cells);
    h.memory[1] = fresh(sizeof(float) * (4 * blocks + light));
    if (!h.memory[0] || !h.memory[1]) return false;
    char *p = (char *)h.memory[0];
    for (Planes &planes : h.picture)
        for (int k = 0; k < 3; k++) {
            planes.data[k] = bytes[k] ? p : 0, planes.stride[k] = stride[k];
            p += bytes[k];
        }
    h.age = (uint8_t *)p;
    h.level = (float *)h.memory[1], h.change = h.level + blocks, h.spread = h.change + blocks;
    h.gain = h.spread + blocks, h.light = h.gain + blocks;
    return true;
}

INLINE void forget(History &h) {
    memset(h.age, 0, (size_t)h.cells_wide * h.cells_high); // the first frame counts wholly
    h.seen = 0, h.lit = false;
}

} // namespace rt
