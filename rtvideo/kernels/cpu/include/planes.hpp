// Planes, as decoders and encoders have them, to rows of RGB in 0..1 and back.
#pragma once
#include "rows.hpp"

#include "common/colour.h"
#include "common/dither.h"
#include "common/transfer.h"

namespace rt {

FN bool is_rgb(const Format &f) { return is_rgb(f.layout); }
FN int channels(const Format &f) { return channels(f.layout); }
FN Channel channel(const Format &f, int c) { return channel(f.layout, f.chroma_x, f.chroma_y, c); }

// Rows of one thread in f32, as wide as a strip.
struct Lines {
    float *luma[2], *chroma[2][2], *tint[3];
};

FN Lines take_lines(Arena &arena, int width) {
    auto line = [&] { return arena.take<float>(width + 2 * MARGIN) + MARGIN; };
    return Lines{{line(), line()}, {{line(), line()}, {line(), line()}}, {line(), line(), line()}};
}

// Samples first..last of a row of a channel as floats: to[first - left] and so on.
template <class T, int STEP>
FN void widen(const Planes &from, const Channel &c, int row, int left, int first, int last, float *to) {
    const T *source = (const T *)(from.data[c.plane] + row * from.stride[c.plane]) + c.offset;
    for (int x = first; x < last; x++) to[x - left] = source[(int64_t)x * STEP];
}

ROW_FUNCTION widen(const Format &f, const Channel &c, const Planes &from, int row, int left, int first, int last,
                   float *to) {
#define STEPS(T)                                                                                                       \
    c.step == 1   ? widen<T, 1>(from, c, row, left, first, last, to)                                                   \
    : c.step == 2 ? widen<T, 2>(from, c, row, left, first, last, to)                                                   \
                  : widen<T, 3>(from, c, row, left, first, last, to)
    f.wide ? STEPS(uint16_t) : STEPS(uint8_t);
#undef STEPS
}

// Samples first..last of a row of a channel from floats, rounded and limited.
template <class T, int STEP>
FN void narrow(const Planes &to, const Channel &c, int row, int left, int first, int last, int shift, float low,
               float high, const float *from) {
    T *target = (T *)(to.data[c.plane] + row * to.stride[c.plane]) + c.offset;
    for (int x = first; x < last; x++) {
        int32_t v = (int32_t)rounded(from[x - left], low, high);
        target[(int64_t)x * STEP] = (T)(sizeof(T) == 1 ? v : v << shift);
    }
}

ROW_FUNCTION narrow(const Format &f, const Channel &c, const Planes &to, int row, int left, int first, int last,
                    bool luma, const float *from) {
    float low = luma ? f.luma_low : f.chroma_low, high = luma ? f.luma_high : f.chroma_high;
#define STEPS(T)                                                                                                       \
    c.step == 1   ? narrow<T, 1>(to, c, row, left, first, last, f.shift, low, high, from)                              \
    : c.step == 2 ? narrow<T, 2>(to, c, row, left, first, last, f.shift, low, high, from)                              \
                  : narrow<T, 3>(to, c, row, left, first, last, f.shift, low, high, from)
    f.wide ? STEPS(uint16_t) : STEPS(uint8_t);
#undef STEPS
}

FN void chroma_to_tint(const Format &f, const Lines &lines, int width) {
    for (int x = 0; x < width; x += LANES) {
        vec tint[3];
        tint_of(f, load(lines.chroma[0][0] + x), load(lines.chroma[1][0] + x), tint[0], tint[1], tint[2]);
        for (int c = 0; c < 3; c++) store(lines.tint[c] + x, tint[c]);
    }
}

enum Colour { GREY, TINT, TINT_FOR_TWO };

// Codes of luma and the tint of each sample of chroma, for one or two columns, to a row of RGB.
template <Colour COLOUR> FN void colour(const Format &format, const Lines &lines, float *const (&rgb)[3], int width) {
    const Format f = format; // which stores cannot change
    for (int x = 0; x < width; x += 2 * LANES) {
        vec a = luma_of(f, load(lines.luma[0] + x)), b = luma_of(f, load(lines.luma[0] + x + LANES));
    UNROLL for (int c = 0; c < 3; c++) {
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
FN void prefetch(const Format &f, const Planes &planes, int row, int first, int last) {
    for (int p = 0; p < 3 && planes.data[p]; p++) {
        bool chroma = p > 0 && f.layout <= NV;
        int at = chroma ? row >> f.chroma_y : row, size = f.wide ? 2 : 1;
        if (f.layout == RGB) size *= 3;
        if (f.layout == FLOAT_RGB) size = 4;
        int shift = chroma && f.layout == YUV ? f.chroma_x : 0;
        const unsigned char *line = planes.data[p] + at * planes.stride[p];
        for (int x = (first >> shift) * size & -64; x < (last >> shift) * size; x += 64) __builtin_prefetch(line + x);
    }
}

constexpr int AHEAD = 8; // rows

// Two rows, `row` even, of `in` as RGB in 0..1; zero outside the picture.
ROW_FUNCTION load_rows(const Tile &tile, const Format &f, const Planes &in, const Lines &lines, Rows<3> y, int row) {
    int first = max(tile.left, 0), last = min(tile.left + tile.width, tile.picture_width);
    bool tinted = has_chroma(f.layout);
    for (int i = 0; i < 2; i++) {
        int at = row + i;
        if (at + AHEAD >= 0 && at + AHEAD < tile.picture_height) prefetch(f, in, at + AHEAD, first, last);
        if (blank(tile, y, at)) continue;
        if (f.layout == FLOAT_RGB) {
            for (int c = 0; c < 3; c++)
                memcpy(y.at(c, at) + first - tile.left, in.data[c] + at * in.stride[c] + sizeof(float) * first,
                       sizeof(float) * (last - first));
        } else if (is_rgb(f)) {
            for (int c = 0; c < 3; c++) {
                float *target = y.at(c, at);
                widen(f, channel(f, c), in, at, tile.left, first, last, target);
                for (int x = 0; x < tile.width; x += LANES)
                    store(target + x, clamp(luma_of(f, load(target + x)), 0.0f, 1.0f));
            }
        } else {
            widen(f, channel(f, 0), in, at, tile.left, first, last, lines.luma[0]);
            if (tinted && (i == 0 || f.chroma_y == 0)) {
                for (int c = 0; c < 2; c++) {
                    Channel one = channel(f, 1 + c);
                    widen(f, one, in, at >> one.y, tile.left >> one.x, first >> one.x, (last + one.x) >> one.x,
                          lines.chroma[c][0]);
                }
                chroma_to_tint(f, lines, tile.width >> f.chroma_x);
            }
            float *const rgb[3] = {y.at(0, at), y.at(1, at), y.at(2, at)};
            if (!tinted)
                colour<GREY>(f, lines, rgb, tile.width);
            else
                f.chroma_x ? colour<TINT_FOR_TWO>(f, lines, rgb, tile.width) : colour<TINT>(f, lines, rgb, tile.width);
        }
        trim(tile, y, at);
    }
}

// The values of a table at BLOCK places. Integers go through memory: taking them out of a vector would cost more.
FN void look_up(const float *table, const float *place, float *to) {
    int32_t index[BLOCK];
    UNROLL for (int i = 0; i < BLOCK; i += LANES) {
        ivec whole = __builtin_convertvector(load(place + i), ivec);
        memcpy(index + i, &whole, sizeof whole);
    }
    for (int i = 0; i < BLOCK; i++) to[i] = table[index[i]];
}

// Two rows that load_rows() made, by their transfer curve: all of it to `whole`, and to y what a network can see.
ROW_FUNCTION by_curve(const Tile &tile, const Format &format, Rows<3> y, Rows<3> whole, int row) {
    const Format f = format; // which stores cannot change
    for (int at = max(row, 0); at < min(row + 2, tile.picture_height); at++) {
        for (int from = 0; from < tile.width; from += BLOCK) {
            for (int c = 0; c < 3; c++) {
                float *value = y.at(c, at) + from;
                for (int x = 0; x < BLOCK; x += LANES) store(value + x, step_of(load(value + x)));
                look_up(f.seen, value, whole.at(c, at) + from);
            }
            for (int x = from; x < from + BLOCK; x += LANES) {
                vec rgb[3];
                UNROLL for (int c = 0; c < 3; c++) rgb[c] = load(whole.at(c, at) + x);
                mix(f.to_view, rgb);
                UNROLL for (int c = 0; c < 3; c++) {
                    store(whole.at(c, at) + x, rgb[c]);
                    store(y.at(c, at) + x, clamp(rgb[c], 0.0f, 1.0f));
                }
            }
        }
        trim(tile, y, at);
    }
}

// Two rows of a result as codes, with what by_curve() kept.
ROW_FUNCTION to_curve(const Tile &tile, const Format &format, Rows<3> result, Rows<3> whole, int row) {
    const Format f = format;
    for (int at = row; at < min(row + 2, tile.picture_height); at++) {
        for (int from = 0; from < tile.width; from += BLOCK) {
            for (int x = from; x < from + BLOCK; x += LANES) {
                vec rgb[3], kept[3];
                UNROLL for (int c = 0; c < 3; c++) rgb[c] = load(result.at(c, at) + x), kept[c] = load(whole.at(c, at) + x);
                put_back(f, kept, rgb);
                UNROLL for (int c = 0; c < 3; c++) store(whole.at(c, at) + x, step_of_root(f, rgb[c]));
            }
            for (int c = 0; c < 3; c++) look_up(f.coded, whole.at(c, at) + from, result.at(c, at) + from);
        }
    }
}

// What dithers a frame of 8 bits: the planes that the network read, and how much. 0: none.
struct Dither {
    Planes seen;
    Format format;
    float black, amount;
};

// A row of codes, dithered, to `to`.
ROW_FUNCTION dither_row(const Tile &tile, const Dither &d, const Channel &c, int row, const float *codes, float *to) {
    widen(d.format, c, d.seen, row, tile.left, tile.first, tile.last, to);
    for (int x = 0; x < tile.width; x += LANES) {
        const vec place = __builtin_convertvector((ivec)(numbers(LANE) * R2_X + r2(tile.left + x, row)), vec);
        store(to + x, dithered(load(codes + x), load(to + x) * d.format.code, place, d.black, d.amount));
    }
}

// Rows `row` (even) and row + 1, as far as the picture has them, of `rgb` to the planes; columns first..last.
// The last row and column repeat beyond an edge where chroma is averaged.
ROW_FUNCTION store_rows(const Tile &tile, const Format &f, Rows<3> rgb, const Lines &lines, const Planes &out, int row,
                        const Dither &dither) {
    int first = tile.first, last = tile.last, end = tile.picture_width - tile.left;
    int rows = min(2, tile.picture_height - row);
    for (int i = 0; i < 2; i++)
        if (row + i + AHEAD < tile.picture_height) prefetch(f, out, row + i + AHEAD, first, last);
    bool tinted = has_chroma(f.layout);
    auto deliver = [&](int c, int at, const float *codes) {
        float *finer = lines.chroma[0][0];
        if (dither.amount > 0) dither_row(tile, dither, channel(f, c), at, codes, finer), codes = finer;
        narrow(f, channel(f, c), out, at, tile.left, first, last, true, codes);
    };
    if (!tinted && f.layout != GRAY) {
        for (int i = 0; i < rows; i++) {
            for (int c = 0; c < 3; c++) {
                const float *source = rgb.at(c, row + i);
                if (f.layout == FLOAT_RGB) {
                    memcpy(out.data[c] + (row + i) * out.stride[c] + sizeof(float) * first, source + first - tile.left,
                           sizeof(float) * (last - first));
                    continue;
                }
                for (int x = 0; x < tile.width; x += LANES) store(lines.luma[0] + x, load(source + x) * f.scale + f.black);
                deliver(c, row + i, lines.luma[0]);
            }
        }
        return;
    }
    for (int i = 0; i < rows; i++) {
        float *r = rgb.at(0, row + i), *g = rgb.at(1, row + i), *b = rgb.at(2, row + i);
        if (end > 0 && end < tile.width) r[end] = r[end - 1], g[end] = g[end - 1], b[end] = b[end - 1];
        for (int x = 0; x < tile.width; x += LANES)
            store(lines.luma[i] + x, luma_code(f, load(r + x), load(g + x), load(b + x)) + f.black);
        deliver(0, row + i, lines.luma[i]);
    }
    if (!tinted) return;

    for (int i = 0; i < (f.chroma_y ? 1 : rows); i++) {
        int upper = row + i, lower = f.chroma_y ? row + rows - 1 : upper;
        const float *luma[2] = {lines.luma[i], lines.luma[f.chroma_y ? rows - 1 : i]};
        const float *colours[2][2] = {{rgb.at(2, upper), rgb.at(2, lower)}, {rgb.at(0, upper), rgb.at(0, lower)}};
        const float share = f.chroma_x ? 0.25f : 0.5f, codes[2] = {share * f.code_u, share * f.code_v};
        float *const target[2] = {lines.chroma[0][1], lines.chroma[1][1]};
        for (int x = 0, to = 0; x < tile.width; x += 2 * LANES, to += f.chroma_x ? LANES : 2 * LANES) {
            // Of both rows together, so twice what it is of a pixel.
            vec grey[2], difference[2];
            for (int k = 0; k < 2; k++) grey[k] = load(luma[0] + x + k * LANES) + load(luma[1] + x + k * LANES) - 2 * f.black;
            UNROLL for (int c = 0; c < 2; c++) {
                for (int k = 0; k < 2; k++) {
                    int at = x + k * LANES;
                    difference[k] = colour_difference(f, load(colours[c][0] + at) + load(colours[c][1] + at), grey[k]);
                }
                if (f.chroma_x) {
                    vec sum = even(difference[0], difference[1], LANE) + odd(difference[0], difference[1], LANE);
                    store(target[c] + to, chroma_code(f, sum, codes[c]));
                } else {
                    for (int k = 0; k < 2; k++)
                        store(target[c] + to + k * LANES, chroma_code(f, difference[k], codes[c]));
                }
            }
        }
        for (int c = 0; c < 2; c++) {
            Channel one = channel(f, 1 + c);
            narrow(f, one, out, upper >> one.y, tile.left >> one.x, first >> one.x, (last + one.x) >> one.x, false,
                   target[c]);
        }
    }
}

} // namespace rt
