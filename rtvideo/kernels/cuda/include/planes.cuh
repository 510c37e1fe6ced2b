// Planes, as decoders and encoders have them, to RGB in 0..1 and back: the arithmetic of planes.hpp, a pixel at a time.
#pragma once
#include "tile.cuh"

// A source for one kind of frame defines these; matrix, range and depth are data even then.
#ifndef LAYOUT
#define LAYOUT frame.format.layout
#define WIDE frame.format.wide
#define CHROMA_X frame.format.chroma_x
#define CHROMA_Y frame.format.chroma_y
#endif

// What a network reads: the frame, or the picture so far.
#ifdef OVER_TIME
#define READ_FORMAT frame.history.format
#define READ_PLANES frame.history.after
#define READ_WIDE true
#else
#define READ_FORMAT frame.format
#define READ_PLANES frame.in
#define READ_WIDE WIDE
#endif

namespace rt {

DEVICE float sample(const Planes &from, bool wide, int plane, int row, int at) {
    const unsigned char *line = from.data[plane] + row * from.stride[plane];
    return wide ? (float)((const unsigned short *)line)[at] : (float)line[at];
}
DEVICE float sample(int plane, int row, int at) { return sample(READ_PLANES, READ_WIDE, plane, row, at); }

// Where red, green and blue of frames that are RGB already lie.
DEVICE int plane_of(int channel) {
    if (LAYOUT == RGB) return 0;
    return LAYOUT == GBR ? (channel + 2) % 3 : channel; // H.273: Y is G, Cb is B, Cr is R
}

// What a network reads, as RGB.
struct Picture {
    static constexpr int CHANNELS = 3;

    METHOD void read(const Block &, int x, int y, float (&rgb)[3]) const {
        const Format &f = READ_FORMAT;
        if (LAYOUT == YUV || LAYOUT == NV) {
            const int cx = x >> CHROMA_X, cy = y >> CHROMA_Y;
            const float luma = sample(0, y, x) * f.luma_gain + f.luma_bias;
            const bool nv = LAYOUT == NV;
            const float u = (nv ? sample(1, cy, 2 * cx) : sample(1, cy, cx)) - f.chroma_zero;
            const float v = (nv ? sample(1, cy, 2 * cx + 1) : sample(2, cy, cx)) - f.chroma_zero;
            rgb[0] = clamp(luma + v * f.red_v, 0.0f, 1.0f);
            rgb[1] = clamp(luma + (u * f.green_u + v * f.green_v), 0.0f, 1.0f);
            rgb[2] = clamp(luma + u * f.blue_u, 0.0f, 1.0f);
            return;
        }
        UNROLL for (int c = 0; c < 3; c++) {
            if (LAYOUT == FLOAT_RGB) {
                rgb[c] = ((const float *)(frame.in.data[c] + y * frame.in.stride[c]))[x];
            } else {
                const float v = LAYOUT == GRAY ? sample(0, y, x)
                                                 : sample(plane_of(c), y, LAYOUT == RGB ? 3 * x + c : x);
                rgb[c] = clamp(v * f.luma_gain + f.luma_bias, 0.0f, 1.0f);
            }
        }
    }
};

DEVICE void write(int plane, int row, int at, float code, float low, float high) {
    // The cast cuts off, so this rounds to nearest.
    const int v = (int)clamp(code + 0.5f, low, high) << frame.format.shift;
    unsigned char *line = frame.out.data[plane] + row * frame.out.stride[plane];
    if (WIDE)
        ((unsigned short *)line)[at] = (unsigned short)v;
    else
        line[at] = (unsigned char)v;
}

// Two by two pixels of a finished tile, with the chroma that they share. The last row and column repeat beyond an edge
// where chroma is averaged.
template <class S> DEVICE void store_quad(const Block &block, const Tile<3, S, 0, 0> &rgb, int row, int column) {
    const Format &f = frame.format;
    const int x = block.left + column, y = block.top + row;
    const int lasts[2] = {block.height - 1 - y, block.width - 1 - x}; // of rows and columns that exist
    UNROLL for (int i = 0; i < 2; i++) {
        UNROLL for (int j = 0; j < 2; j++) {
            const int r = row + min(i, lasts[0]), k = column + min(j, lasts[1]);
            const float luma = rgb.at(0, r, k) * f.red + rgb.at(1, r, k) * f.green + rgb.at(2, r, k) * f.blue;
            if (i > lasts[0] || j > lasts[1]) continue;
            if (LAYOUT == YUV || LAYOUT == NV || LAYOUT == GRAY) {
                write(0, y + i, x + j, luma + f.black, f.luma_low, f.luma_high);
                continue;
            }
            UNROLL for (int c = 0; c < 3; c++) {
                const float v = rgb.at(c, r, k);
                if (LAYOUT == FLOAT_RGB)
                    ((float *)(frame.out.data[c] + (y + i) * frame.out.stride[c]))[x + j] = v;
                else
                    write(plane_of(c), y + i, LAYOUT == RGB ? 3 * (x + j) + c : x + j, v * f.scale + f.black,
                          f.luma_low, f.luma_high);
            }
        }
    }
    if (LAYOUT != YUV && LAYOUT != NV) return;
    const int high = 1 << CHROMA_Y, wide = 1 << CHROMA_X;
    for (int i = 0; i < 2 && i <= lasts[0]; i += high) {
        for (int j = 0; j < 2 && j <= lasts[1]; j += wide) {
            float u = 0, v = 0;
            for (int m = i; m < i + high; m++) {
                for (int n = j; n < j + wide; n++) {
                    const int r = row + min(m, lasts[0]), k = column + min(n, lasts[1]);
                    const float grey = rgb.at(0, r, k) * f.red + rgb.at(1, r, k) * f.green + rgb.at(2, r, k) * f.blue;
                    u += rgb.at(2, r, k) * f.scale - grey, v += rgb.at(0, r, k) * f.scale - grey;
                }
            }
            const float share = 1.0f / (high * wide);
            const int at = (x + j) >> CHROMA_X, line = (y + i) >> CHROMA_Y;
            const bool nv = LAYOUT == NV;
            write(1, line, nv ? 2 * at : at, u * (share * f.code_u) + f.neutral, f.chroma_low, f.chroma_high);
            write(nv ? 1 : 2, line, nv ? 2 * at + 1 : at, v * (share * f.code_v) + f.neutral, f.chroma_low,
                  f.chroma_high);
        }
    }
}

template <class S> DEVICE void store_picture(const Block &block, const Tile<3, S, 0, 0> &rgb) {
    constexpr int COLUMNS = S::WIDTH / 2, QUADS = COLUMNS * (S::HEIGHT / 2);
    for (int item = threadIdx.x; item < QUADS; item += THREADS) {
        const int row = item / COLUMNS * 2, column = item % COLUMNS * 2;
        if (block.top + row < block.height && block.left + column < block.width) store_quad(block, rgb, row, column);
    }
}

} // namespace rt
