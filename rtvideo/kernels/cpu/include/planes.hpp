// Planes, as decoders and encoders have them, to rows of RGB in 0..1 and back.
// A chroma sample holds for the block of pixels that it was averaged over, and becomes that average again.
#pragma once
#include "rows.hpp"

namespace rt {

enum Layout { YUV, NV, RGB, GRAY, GBR, FLOAT_RGB };

// How samples become RGB and back; everything is data, so that one kernel serves every coding.
struct Format {
    int32_t layout, wide;          // wide: samples are uint16
    int32_t chroma_x, chroma_y;    // log2 of the subsampling
    int32_t shift;                 // samples sit this many bits up (P010)
    float luma_gain, luma_bias;    // luma = sample * gain + bias
    float chroma_zero;             // code of neutral chroma, shift included
    float red_v, green_u, green_v, blue_u;  // per code of chroma
    float red, green, blue;        // luma's weights, in codes
    float black;                   // code of black
    float code_u, code_v;          // codes of chroma a code of (B - Y), (R - Y)
    float neutral;                 // code of neutral chroma
    float scale;                   // codes from black to white
    float luma_low, luma_high, chroma_low, chroma_high;
};

struct Planes {
    void *data[3];
    int64_t stride[3]; // bytes
};

// Rows of one thread in f32, as wide as a strip.
struct Lines {
    float *luma[2], *chroma[2][2], *tint[3];
};

INLINE Lines take_lines(Arena &arena, int width) {
    auto line = [&] { return arena.take<float>(width + 2 * MARGIN) + MARGIN; };
    return Lines{{line(), line()}, {{line(), line()}, {line(), line()}}, {line(), line(), line()}};
}

// Samples first..last of a row, every STEP-th from `offset` on, as floats: to[first - left] and so on.
template <class T, int STEP>
INLINE void widen(const Planes &from, int plane, int row, int offset, int left, int first, int last, float *to) {
    const T *source = (const T *)((const char *)from.data[plane] + row * from.stride[plane]) + offset;
    for (int x = first; x < last; x++) to[x - left] = source[(int64_t)x * STEP];
}

INLINE void widen(const Format &f, int step, const Planes &from, int plane, int row, int offset, int left, int first,
                  int last, float *to) {
#define STEPS(T)                                                                                                       \
    step == 1   ? widen<T, 1>(from, plane, row, offset, left, first, last, to)                                         \
    : step == 2 ? widen<T, 2>(from, plane, row, offset, left, first, last, to)                                         \
                : widen<T, 3>(from, plane, row, offset, left, first, last, to)
    f.wide ? STEPS(uint16_t) : STEPS(uint8_t);
#undef STEPS
}

// Samples first..last of a row from floats, rounded and limited.
template <class T, int STEP>
INLINE void narrow(const Planes &to, int plane, int row, int offset, int left, int first, int last, int shift,
                   float low, float high, const float *from) {
    T *target = (T *)((char *)to.data[plane] + row * to.stride[plane]) + offset;
    for (int x = first; x < last; x++) {
        float v = from[x - left] + 0.5f; // the cast cuts off, so this rounds to nearest
        v = v > low ? v : low;
        v = v < high ? v : high;
        target[(int64_t)x * STEP] = (T)(sizeof(T) == 1 ? (int32_t)v : (int32_t)v << shift);
    }
}

INLINE void narrow(const Format &f, int step, const Planes &to, int plane, int row, int offset, int left, int first,
                   int last, bool luma, const float *from) {
    float low = luma ? f.luma_low : f.chroma_low, high = luma ? f.luma_high : f.chroma_high;
#define STEPS(T)                                                                                                       \
    step == 1   ? narrow<T, 1>(to, plane, row, offset, left, first, last, f.shift, low, high, from)                    \
    : step == 2 ? narrow<T, 2>(to, plane, row, offset, left, first, last, f.shift, low, high, from)                    \
                : narrow<T, 3>(to, plane, row, offset, left, first, last, f.shift, low, high, from)
    f.wide ? STEPS(uint16_t) : STEPS(uint8_t);
#undef STEPS
}

// Where red, green and blue of frames that are RGB already lie: plane, offset, step.
struct Place {
    int plane, offset, step;
};
INLINE Place place(const Format &f, int channel) {
    if (f.layout == RGB) return Place{0, channel, 3};
    const int planar[3] = {2, 0, 1}; // H.273: Y is G, Cb is B, Cr is R
    return Place{f.layout == GBR ? planar[channel] : channel, 0, 1};
}

INLINE void chroma_to_tint(const Format &f, const Lines &lines, int width) {
    for (int x = 0; x < width; x += LANES) {
        vec u = load(lines.chroma[0][0] + x) - f.chroma_zero, v = load(lines.chroma[1][0] + x) - f.chroma_zero;
        store(lines.tint[0] + x, v * f.red_v);
        store(lines.tint[1] + x, u * f.green_u + v * f.green_v);
        store(lines.tint[2] + x, u * f.blue_u);
    }
}

enum Colour { GREY, TINT, TINT_FOR_TWO };

// Codes of luma and the tint of each sample of chroma, for one or two columns, to a row of RGB.
template <Colour COLOUR> INLINE void colour(const Format &f, const Lines &lines, float *const (&rgb)[3], int width) {
    const vec gain = splat(f.luma_gain), bias = splat(f.luma_bias);
    for (int x = 0; x < width; x += 2 * LANES) {
        vec a = load(lines.luma[0] + x) * gain + bias, b = load(lines.luma[0] + x + LANES) * gain + bias;
        UNROLLED for (int c = 0; c < 3; c++) {
            vec left = a, right = b;
            if (COLOUR == TINT) left += load(lines.tint[c] + x), right += load(lines.tint[c] + x + LANES);
            if (COLOUR == TINT_FOR_TWO) {
                vec tint = load(lines.tint[c] + x / 2);
                left += twice_low(tint, LANE), right += twice_high(tint, LANE);
            }
            store(rgb[c] + x, clamp(left, 0.0f, 1.0f));
            store(rgb[c] + x + LANES, clamp(right, 0.0f, 1.0f));
        }
    }
}

// A strip of a few hundred bytes a row is too short for the hardware to see where it leads.
INLINE void prefetch(const Format &f, const Planes &planes, int row, int first, int last) {
    for (int p = 0; p < 3 && planes.data[p]; p++) {
        bool chroma = p > 0 && f.layout <= NV;
        int at = chroma ? row >> f.chroma_y : row, size = f.wide ? 2 : 1;
        if (f.layout == RGB) size *= 3;
        if (f.layout == FLOAT_RGB) size = 4;
        int shift = chroma && f.layout == YUV ? f.chroma_x : 0;
        const char *line = (const char *)planes.data[p] + at * planes.stride[p];
        for (int x = (first >> shift) * size & -64; x < (last >> shift) * size; x += 64) __builtin_prefetch(line + x);
    }
}

constexpr int AHEAD = 8; // rows

// Two rows, `row` even, of `in` as RGB in 0..1; zero outside the picture.
ROW_FUNCTION load_rows(const Tile &tile, const Format &f, const Planes &in, const Lines &lines, Rows<3> y,
                       int row) {
    int first = max(tile.left, 0), last = min(tile.left + tile.width, tile.picture_width);
    bool tinted = f.layout == YUV || f.layout == NV;
    for (int i = 0; i < 2; i++) {
        int at = row + i;
        if (at + AHEAD >= 0 && at + AHEAD < tile.picture_height) prefetch(f, in, at + AHEAD, first, last);
        if (blank(tile, y, at)) continue;
        if (f.layout == FLOAT_RGB) {
            for (int c = 0; c < 3; c++)
                memcpy(y.at(c, at) + first - tile.left, (char *)in.data[c] + at * in.stride[c] + sizeof(float) * first,
                       sizeof(float) * (last - first));
        } else if (tinted || f.layout == GRAY) {
            widen(f, 1, in, 0, at, 0, tile.left, first, last, lines.luma[0]);
            if (tinted && (i == 0 || f.chroma_y == 0)) {
                int cx = f.chroma_x, left = tile.left >> cx, end = (last + cx) >> cx;
                for (int c = 0; c < 2; c++)
                    if (f.layout == NV)
                        widen(f, 2, in, 1, at >> f.chroma_y, c, left, first >> cx, end, lines.chroma[c][0]);
                    else
                        widen(f, 1, in, 1 + c, at >> f.chroma_y, 0, left, first >> cx, end, lines.chroma[c][0]);
                chroma_to_tint(f, lines, tile.width >> cx);
            }
            float *const rgb[3] = {y.at(0, at), y.at(1, at), y.at(2, at)};
            if (!tinted)
                colour<GREY>(f, lines, rgb, tile.width);
            else
                f.chroma_x ? colour<TINT_FOR_TWO>(f, lines, rgb, tile.width) : colour<TINT>(f, lines, rgb, tile.width);
        } else {
            for (int c = 0; c < 3; c++) {
                Place p = place(f, c);
                float *target = y.at(c, at);
                widen(f, p.step, in, p.plane, at, p.offset, tile.left, first, last, target);
                for (int x = 0; x < tile.width; x += LANES)
                    store(target + x, clamp(load(target + x) * f.luma_gain + f.luma_bias, 0.0f, 1.0f));
            }
        }
        trim(tile, y, at);
    }
}

// Rows `row` (even) and row + 1, as far as the picture has them, of `rgb` to the planes; columns first..last.
// The last row and column repeat beyond an edge where chroma is averaged.
ROW_FUNCTION store_rows(const Tile &tile, const Format &f, Rows<3> rgb, const Lines &lines, const Planes &out,
                        int row) {
    int first = tile.first, last = tile.last, end = tile.picture_width - tile.left;
    int rows = min(2, tile.picture_height - row);
    for (int i = 0; i < 2; i++)
        if (row + i + AHEAD < tile.picture_height) prefetch(f, out, row + i + AHEAD, first, last);
    bool tinted = f.layout == YUV || f.layout == NV;
    if (!tinted && f.layout != GRAY) {
        for (int i = 0; i < rows; i++) {
            for (int c = 0; c < 3; c++) {
                const float *source = rgb.at(c, row + i);
                if (f.layout == FLOAT_RGB) {
                    memcpy((char *)out.data[c] + (row + i) * out.stride[c] + sizeof(float) * first,
                           source + first - tile.left, sizeof(float) * (last - first));
                    continue;
                }
                for (int x = 0; x < tile.width; x += LANES) store(lines.luma[0] + x, load(source + x) * f.scale + f.black);
                Place p = place(f, c);
                narrow(f, p.step, out, p.plane, row + i, p.offset, tile.left, first, last, true, lines.luma[0]);
            }
        }
        return;
    }
    for (int i = 0; i < rows; i++) {
        float *r = rgb.at(0, row + i), *g = rgb.at(1, row + i), *b = rgb.at(2, row + i);
        if (end > 0 && end < tile.width) r[end] = r[end - 1], g[end] = g[end - 1], b[end] = b[end - 1];
        for (int x = 0; x < tile.width; x += LANES)
            store(lines.luma[i] + x, load(r + x) * f.red + load(g + x) * f.green + load(b + x) * f.blue + f.black);
        narrow(f, 1, out, 0, row + i, 0, tile.left, first, last, true, lines.luma[i]);
    }
    if (!tinted) return;

    for (int i = 0; i < (f.chroma_y ? 1 : rows); i++) {
        int upper = row + i, lower = f.chroma_y ? row + rows - 1 : upper;
        const float *luma[2] = {lines.luma[i], lines.luma[f.chroma_y ? rows - 1 : i]};
        const float *colours[2][2] = {{rgb.at(2, upper), rgb.at(2, lower)}, {rgb.at(0, upper), rgb.at(0, lower)}};
        const float share = f.chroma_x ? 0.25f : 0.5f, codes[2] = {share * f.code_u, share * f.code_v};
        float *const target[2] = {lines.chroma[0][1], lines.chroma[1][1]};
        for (int x = 0, to = 0; x < tile.width; x += 2 * LANES, to += f.chroma_x ? LANES : 2 * LANES) {
            // Twice luma without black's offset, and below twice the difference to it, in codes of luma.
            vec grey[2], difference[2];
            for (int k = 0; k < 2; k++) grey[k] = load(luma[0] + x + k * LANES) + load(luma[1] + x + k * LANES) - 2 * f.black;
            UNROLLED for (int c = 0; c < 2; c++) {
                for (int k = 0; k < 2; k++) {
                    int at = x + k * LANES;
                    difference[k] = (load(colours[c][0] + at) + load(colours[c][1] + at)) * f.scale - grey[k];
                }
                if (f.chroma_x) {
                    vec sum = even(difference[0], difference[1], LANE) + odd(difference[0], difference[1], LANE);
                    store(target[c] + to, sum * codes[c] + f.neutral);
                } else {
                    for (int k = 0; k < 2; k++) store(target[c] + to + k * LANES, difference[k] * codes[c] + f.neutral);
                }
            }
        }
        for (int c = 0; c < 2; c++) {
            int cx = f.chroma_x, left = tile.left >> cx;
            if (f.layout == NV)
                narrow(f, 2, out, 1, upper >> f.chroma_y, c, left, first >> cx, (last + cx) >> cx, false, target[c]);
            else
                narrow(f, 1, out, 1 + c, upper >> f.chroma_y, 0, left, first >> cx, (last + cx) >> cx, false, target[c]);
        }
    }
}

} // namespace rt
