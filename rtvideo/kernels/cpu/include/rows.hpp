// A strip of the picture moves downwards row by row; each layer keeps only the rows that later layers still need.
#pragma once
#include "simd.hpp"

namespace rt {

constexpr int MARGIN = 16; // floats before and after each row, so that taps beyond a strip's end read zeros
static_assert(MARGIN >= LANES, "a block may read one vector beyond the end");

// Where a strip lies. Its columns 0..width stand for the picture's left..left + width, halo included.
struct Tile {
    int left, width;          // width is a multiple of BLOCK
    int top, bottom;          // the rows that the strip delivers
    int first, last;          // the columns that it delivers, of the picture
    int picture_width, picture_height;
};

// The same strip of the picture at half the size.
FN Tile halved(Tile tile) {
    tile.left /= 2, tile.width /= 2;
    tile.picture_width = (tile.picture_width + 1) / 2, tile.picture_height = (tile.picture_height + 1) / 2;
    return tile;
}

// A ring of rows of C channels. DEPTH rows, a power of two, are alive.
template <int C> struct Rows {
    static constexpr int CHANNELS = C;
    float *data;
    int stride, mask;

    METHOD float *at(int channel, int row) const {
        return data + (int64_t)((row & mask) * C + channel) * stride + MARGIN;
    }
};

// The same in pairs of bf16. A missing last channel is zero.
template <int C> struct Packed : Rows<(C + 1) / 2> {
    static constexpr int CHANNELS = C;
};

// Scratch memory of one thread, handed out piece by piece.
struct Arena {
    char *base;
    size_t used;

    template <class T> T *take(size_t count) {
        T *p = (T *)(base + used);
        used += (count * sizeof(T) + 63) / 64 * 64;
        return p;
    }
    template <int C> Rows<C> rows(int width, int depth) {
        int stride = width + 2 * MARGIN;
        return Rows<C>{take<float>((size_t)depth * C * stride), stride, depth - 1};
    }
    template <int C> Packed<C> packed(int width, int depth) { return Packed<C>{rows<(C + 1) / 2>(width, depth)}; }
};

// Outside the picture every layer is zero, as the network's zero padding says. True if the whole row is.
template <int C> FN bool blank(const Tile &tile, const Rows<C> &out, int row) {
    if (row >= 0 && row < tile.picture_height) return false;
    for (int c = 0; c < C; c++) memset(out.at(c, row), 0, sizeof(float) * tile.width);
    return true;
}

template <int C> FN void trim(const Tile &tile, const Rows<C> &out, int row) {
    int end = tile.picture_width - tile.left;
    for (int c = 0; c < C; c++) {
        if (tile.left < 0) memset(out.at(c, row), 0, sizeof(float) * -tile.left);
        if (end < tile.width) memset(out.at(c, row) + end, 0, sizeof(float) * (tile.width - end));
    }
}

} // namespace rt
