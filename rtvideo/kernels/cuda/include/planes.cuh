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

// Two neighbouring samples, from an even place on. Rows begin at multiples of 4 bytes, so that what lies beyond the last
// sample of an odd number can be read.
FN void sample_pair(const Planes &from, bool wide, int plane, int at, int y, float (&v)[2]) {
    const unsigned char *line = from.data[plane] + y * from.stride[plane];
    const unsigned both = wide ? ((const unsigned *)line)[at / 2] : ((const unsigned short *)line)[at / 2];
    v[0] = (float)(wide ? both & 0xffff : both & 0xff), v[1] = (float)(wide ? both >> 16 : both >> 8);
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

// A quad. Outside of the picture it is anything: `put` makes that zero, and nobody else looks at it.
template <class S, int B, int A> FN Values<3, 4> fetch(const Picture &from, const QuadRun<S, B, A> &p) {
    const int last_x = p.block.width - 1, last_y = p.block.height - 1;
    // All of a quad outside of the picture becomes another one, whose values do not matter.
    const int x = clamp(p.x(), 0, last_x & ~1), y = clamp(p.y(0), 0, last_y & ~1);
    const int xs[2] = {x, min(x + 1, last_x)}, ys[2] = {y, min(y + 1, last_y)};
    float pixels[2][2][3];
    if (LAYOUT == FLOAT_RGB || CURVED || is_rgb(LAYOUT)) {
        UNROLL for (int i = 0; i < 4; i++) from.read(p.block, xs[i % 2], ys[i / 2], pixels[i / 2][i % 2]);
    } else {
        const Format &f = READ_FORMAT;
        const Planes &planes = READ_PLANES;
        const Channel of_u = channel(1), of_v = channel(2);
        float tint[2][2][3] = {};
        UNROLL for (int i = 0; i < 2; i++) {
            UNROLL for (int j = 0; j < 2; j++) {
                const int row = CHROMA_Y ? 0 : i, column = CHROMA_X ? 0 : j;
                if (row != i || column != j || !has_chroma(LAYOUT)) continue;
                const int across = xs[j] >> CHROMA_X, down = ys[i] >> CHROMA_Y;
                float uv[2];
                if (LAYOUT == NV) {
                    sample_pair(planes, READ_WIDE, 1, 2 * across, down, uv);
                } else {
                    uv[0] = sample(planes, READ_WIDE, of_u, across, down);
                    uv[1] = sample(planes, READ_WIDE, of_v, across, down);
                }
                tint_of(f, uv[0], uv[1], tint[i][j][0], tint[i][j][1], tint[i][j][2]);
            }
        }
        UNROLL for (int i = 0; i < 2; i++) {
            float luma[2];
            sample_pair(planes, READ_WIDE, 0, x, ys[i], luma);
            UNROLL for (int j = 0; j < 2; j++) {
                const float(&of)[3] = tint[CHROMA_Y ? 0 : i][CHROMA_X ? 0 : j];
                UNROLL for (int c = 0; c < 3; c++) pixels[i][j][c] = clamp(luma_of(f, luma[j]) + of[c], 0.0f, 1.0f);
            }
        }
    }
    Values<3, 4> values;
    UNROLL for (int i = 0; i < 12; i++) values.v[i % 3][i / 3] = pixels[i / 6][i / 3 % 2][i % 3];
    return values;
}

// A sample as planes have it.
FN unsigned coded(float code, bool luma) {
    const Format &f = frame.format;
    const int v = (int)(luma ? rounded(code, f.luma_low, f.luma_high) : rounded(code, f.chroma_low, f.chroma_high));
    return WIDE ? (unsigned)v << f.shift : v;
}

FN void write_pair(int plane, int at, int y, unsigned first, unsigned second) {
    unsigned char *line = frame.out.data[plane] + y * frame.out.stride[plane];
    if (WIDE)
        ((unsigned *)line)[at / 2] = first | second << 16;
    else
        ((unsigned short *)line)[at / 2] = (unsigned short)(first | second << 8);
}

FN void write(const Channel &c, int x, int y, unsigned v) {
    unsigned char *line = frame.out.data[c.plane] + y * frame.out.stride[c.plane];
    const int at = x * c.step + c.offset;
    if (WIDE)
        ((unsigned short *)line)[at] = (unsigned short)v;
    else
        line[at] = (unsigned char)v;
}

// Code of luma, or of red, green or blue, as it is delivered.
FN float delivered(const Channel &c, int x, int y, float code) {
    if (!DITHERED) return code;
    const float seen = sample(READ_PLANES, READ_WIDE, c, x, y) * READ_FORMAT.code;
    return dithered(code, seen, (float)(int)r2(x, y), black_of(frame.format), frame.debanding.amount);
}

// Two by two finished pixels, with the chroma that they share. The last row and column repeat beyond an edge where chroma
// is averaged.
FN void store_quad(const Block &block, int x, int y, float (&pixels)[2][2][3]) {
    const Format &f = frame.format;
    const int lasts[2] = {block.height - 1 - y, block.width - 1 - x}; // of rows and columns that exist
    UNROLL for (int c = 0; c < 3; c++) {
        UNROLL for (int i = 0; i < 2; i++) pixels[i][1][c] = lasts[1] > 0 ? pixels[i][1][c] : pixels[i][0][c];
        UNROLL for (int j = 0; j < 2; j++) pixels[1][j][c] = lasts[0] > 0 ? pixels[1][j][c] : pixels[0][j][c];
    }
    UNROLL for (int i = 0; i < 4 && CURVED; i++) {
        float whole[3], (&pixel)[3] = pixels[i / 2][i % 2];
        Picture().read(x + min(i % 2, lasts[1]), y + min(i / 2, lasts[0]), whole);
        put_back(f, whole, pixel);
        UNROLL for (int c = 0; c < 3; c++) pixel[c] = f.coded[(int)step_of_root(f, pixel[c])];
    }
    auto value = [&](int c, int i, int j) { return pixels[i][j][c]; };
    auto luma = [&](int i, int j) { return luma_code(f, value(0, i, j), value(1, i, j), value(2, i, j)); };
    const bool of_luma = has_chroma(LAYOUT) || LAYOUT == GRAY;
    UNROLL for (int i = 0; i < 2; i++) {
        if (i > lasts[0]) break;
        float codes[2] = {};
        UNROLL for (int j = 0; j < 2 && of_luma; j++)
            codes[j] = delivered(channel(0), x + min(j, lasts[1]), y + i, luma(i, j) + f.black);
        const unsigned first = coded(codes[0], true), second = coded(codes[1], true);
        if (of_luma && lasts[1] > 0) {
            write_pair(0, x, y + i, first, second);
            continue;
        }
        if (of_luma) {
            write(channel(0), x, y + i, first);
            continue;
        }
        UNROLL for (int j = 0; j < 2; j++) {
            if (j > lasts[1]) break;
            UNROLL for (int c = 0; c < 3; c++) {
                const Channel one = channel(c);
                if (LAYOUT == FLOAT_RGB)
                    ((float *)(frame.out.data[c] + (y + i) * frame.out.stride[c]))[x + j] = value(c, i, j);
                else
                    write(one, x + j, y + i,
                          coded(delivered(one, x + j, y + i, value(c, i, j) * f.scale + f.black), true));
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
            u = chroma_code(f, u, share * f.code_u), v = chroma_code(f, v, share * f.code_v);
            if (LAYOUT == NV) {
                write_pair(1, 2 * at, line, coded(u, false), coded(v, false));
                continue;
            }
            write(channel(1), at, line, coded(u, false)), write(channel(2), at, line, coded(v, false));
        }
    }
}

template <class S> FN void store_picture(const Block &block, const Tile<3, S, 0, 0> &rgb) {
    constexpr int COLUMNS = S::WIDTH / 2, QUADS = COLUMNS * (S::HEIGHT / 2);
    for (int item = threadIdx.x; item < QUADS; item += THREADS) {
        const int row = item / COLUMNS * 2, column = item % COLUMNS * 2;
        if (block.top + row >= block.height || block.left + column >= block.width) continue;
        float pixels[2][2][3];
        UNROLL for (int i = 0; i < 12; i++)
            pixels[i / 6][i / 3 % 2][i % 3] = rgb.at(i % 3, row + i / 6, column + i / 3 % 2);
        store_quad(block, block.left + column, block.top + row, pixels);
    }
}

// The same of what a thread holds.
template <class S> FN void store_picture(const QuadRun<S, 0, 0> &p, const Values<3, 4> &rgb) {
    if (!p.inside(0)) return;
    float pixels[2][2][3];
    UNROLL for (int i = 0; i < 12; i++) pixels[i / 6][i / 3 % 2][i % 3] = rgb.v[i % 3][i / 3];
    store_quad(p.block, p.x(), p.y(0), pixels);
}

} // namespace rt
