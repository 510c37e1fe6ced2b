// Planes, as decoders and encoders have them, to RGB in 0..1 and back, a pixel at a time.
#pragma once
#include "tile.cuh"

#include "common/colour.h"
#include "common/dither.h"
#include "common/transfer.h"

// A source for one kind of frame defines these; matrix, range and depth are data even then.
#ifndef LAYOUT
#define LAYOUT frame.format.layout
#define WIDE frame.format.wide
#define CHROMA_X frame.format.chroma_x
#define CHROMA_Y frame.format.chroma_y
#define CURVED (frame.format.seen != nullptr)
#endif

// What is there to be seen: the frame, or the picture so far.
#ifdef OVER_TIME
#define SEEN_FORMAT frame.state.format
#define SEEN_PLANES frame.state.after
#define SEEN_WIDE true
#else
#define SEEN_FORMAT frame.format
#define SEEN_PLANES frame.in
#define SEEN_WIDE WIDE
#endif

// What a network reads: that, or the same without bands.
#ifdef DEBANDED
#define READ_FORMAT frame.debanding.format
#define READ_PLANES frame.debanding.picture
#define READ_WIDE true
#define DITHERED (!WIDE && frame.dither)
#else
#define READ_FORMAT SEEN_FORMAT
#define READ_PLANES SEEN_PLANES
#define READ_WIDE SEEN_WIDE
#define DITHERED false
#endif

namespace rt {

FN Channel channel(int c) { return channel(LAYOUT, CHROMA_X, CHROMA_Y, c); }

FN float sample(const Planes &from, bool wide, const Channel &c, int x, int y) {
    const unsigned char *line = from.data[c.plane] + y * from.stride[c.plane];
    const int at = x * c.step + c.offset;
    return wide ? (float)((const unsigned short *)line)[at] : (float)line[at];
}

// What a network reads, as RGB.
struct Picture {
    static constexpr int CHANNELS = 3;

    METHOD void read(const Block &, int x, int y, float (&rgb)[3]) const {
        read(x, y, rgb);
        UNROLL for (int c = 0; c < 3 && CURVED; c++) rgb[c] = clamp(rgb[c], 0.0f, 1.0f);
    }

    // By the transfer curve, with what a network cannot see.
    METHOD void read(int x, int y, float (&rgb)[3]) const {
        const Format &f = READ_FORMAT;
        if (LAYOUT == FLOAT_RGB) {
        UNROLL for (int c = 0; c < 3; c++)
                rgb[c] = ((const float *)(frame.in.data[c] + y * frame.in.stride[c]))[x];
            return;
        }
        auto at = [&](int c) {
            const Channel one = channel(c);
            return sample(READ_PLANES, READ_WIDE, one, x >> one.x, y >> one.y);
        };
        float tint[3] = {};
        if (has_chroma(LAYOUT)) tint_of(f, at(1), at(2), tint[0], tint[1], tint[2]);
        UNROLL for (int c = 0; c < 3; c++) {
            rgb[c] = clamp(luma_of(f, at(is_rgb(LAYOUT) ? c : 0)) + tint[c], 0.0f, 1.0f);
        }
        const Format &curve = frame.format; // which alone has tables
        if (!CURVED) return;
        UNROLL for (int c = 0; c < 3; c++) rgb[c] = curve.seen[(int)step_of(rgb[c])];
        mix(curve.to_view, rgb);
    }
};

// As `fetch` of anything else, but without branches, so that no load waits for another: all of the frame can be read.
template <class P> FN Values<3, P::ROWS> fetch(const Picture &from, const P &p) {
    Values<3, P::ROWS> values;
    const int x = clamp(p.x(), 0, p.block.width - 1);
    UNROLL for (int i = 0; i < P::ROWS; i++) {
        float rgb[3];
        from.read(p.block, x, clamp(p.y(i), 0, p.block.height - 1), rgb);
        const bool inside = p.real(i) && p.inside(i);
        UNROLL for (int c = 0; c < 3; c++) values.v[c][i] = inside ? rgb[c] : 0;
    }
    return values;
}

FN void write(const Channel &c, int x, int y, float code, bool luma) {
    const Format &f = frame.format;
    const int v = (int)(luma ? rounded(code, f.luma_low, f.luma_high) : rounded(code, f.chroma_low, f.chroma_high));
    unsigned char *line = frame.out.data[c.plane] + y * frame.out.stride[c.plane];
    const int at = x * c.step + c.offset;
    if (WIDE)
        ((unsigned short *)line)[at] = (unsigned short)(v << f.shift);
    else
        line[at] = (unsigned char)v;
}

// Of luma, or of red, green or blue.
FN void deliver(const Channel &c, int x, int y, float code) {
    if (DITHERED) {
        const float seen = sample(READ_PLANES, READ_WIDE, c, x, y) * READ_FORMAT.code;
        code = dithered(code, seen, (float)(int)r2(x, y), black_of(frame.format), frame.debanding.amount);
    }
    write(c, x, y, code, true);
}

// Two by two pixels of a finished tile, with the chroma that they share. The last row and column repeat beyond an edge
// where chroma is averaged.
template <class S> FN void store_quad(const Block &block, const Tile<3, S, 0, 0> &rgb, int row, int column) {
    const Format &f = frame.format;
    const int x = block.left + column, y = block.top + row;
    const int lasts[2] = {block.height - 1 - y, block.width - 1 - x}; // of rows and columns that exist
    float pixels[2][2][3];
    UNROLL for (int i = 0; i < 2; i++) {
        UNROLL for (int j = 0; j < 2; j++) {
            const int down = min(i, lasts[0]), right = min(j, lasts[1]);
            UNROLL for (int c = 0; c < 3; c++) pixels[i][j][c] = rgb.at(c, row + down, column + right);
            if (!CURVED) continue;
            float whole[3];
            Picture().read(x + right, y + down, whole);
            put_back(f, whole, pixels[i][j]);
            UNROLL for (int c = 0; c < 3; c++) pixels[i][j][c] = f.coded[(int)step_of_root(f, pixels[i][j][c])];
        }
    }
    auto value = [&](int c, int i, int j) { return pixels[i][j][c]; };
    auto luma = [&](int i, int j) { return luma_code(f, value(0, i, j), value(1, i, j), value(2, i, j)); };
    UNROLL for (int i = 0; i < 2; i++) {
        UNROLL for (int j = 0; j < 2; j++) {
            if (i > lasts[0] || j > lasts[1]) continue;
            if (has_chroma(LAYOUT) || LAYOUT == GRAY) {
                deliver(channel(0), x + j, y + i, luma(i, j) + f.black);
                continue;
            }
            UNROLL for (int c = 0; c < 3; c++) {
                if (LAYOUT == FLOAT_RGB)
                    ((float *)(frame.out.data[c] + (y + i) * frame.out.stride[c]))[x + j] = value(c, i, j);
                else
                    deliver(channel(c), x + j, y + i, value(c, i, j) * f.scale + f.black);
            }
        }
    }
    if (!has_chroma(LAYOUT)) return;
    const int high = 1 << CHROMA_Y, wide = 1 << CHROMA_X;
    const float share = 1.0f / (high * wide);
    for (int i = 0; i < 2 && i <= lasts[0]; i += high) {
        for (int j = 0; j < 2 && j <= lasts[1]; j += wide) {
            float u = 0, v = 0;
            for (int m = i; m < i + high; m++) {
                for (int n = j; n < j + wide; n++) {
                    u += colour_difference(f, value(2, m, n), luma(m, n));
                    v += colour_difference(f, value(0, m, n), luma(m, n));
                }
            }
            const int at = (x + j) >> CHROMA_X, line = (y + i) >> CHROMA_Y;
            write(channel(1), at, line, chroma_code(f, u, share * f.code_u), false);
            write(channel(2), at, line, chroma_code(f, v, share * f.code_v), false);
        }
    }
}

template <class S> FN void store_picture(const Block &block, const Tile<3, S, 0, 0> &rgb) {
    constexpr int COLUMNS = S::WIDTH / 2, QUADS = COLUMNS * (S::HEIGHT / 2);
    for (int item = threadIdx.x; item < QUADS; item += THREADS) {
        const int row = item / COLUMNS * 2, column = item % COLUMNS * 2;
        if (block.top + row < block.height && block.left + column < block.width) store_quad(block, rgb, row, column);
    }
}

} // namespace rt
