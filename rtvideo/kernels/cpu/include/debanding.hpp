// Debanding in strips: means of cells, a pyramid of them, coarse to fine, and the picture.
#pragma once
#include "temporal_filter.hpp"

namespace rt {

// The columns of a cell in a row of a channel.
FN int cell_columns(const Channel &c) { return DEBAND_CELL >> c.x; }
FN int cell_rows(const Channel &c) { return DEBAND_CELL >> c.y; }

// Where luma, or a colour, lies; RGB has both in each pixel, colour as red and blue without their luma.
FN Channel sample_channel(const Format &f, int c) { return channel(f, c == 0 || is_rgb(f) ? 0 : 1); }

// What luma and colours are counted from. Red and blue without their luma are counted from zero.
FN float zero_of(const Format &f, const Debanding &d, int c) { return c == 0 ? d.black : is_rgb(f) ? 0 : d.zero; }

// The samples of a row of cells, in codes of 8 bits: luma and two colours.
ROW_FUNCTION read_cells(const Tile &tile, const Frame &frame, Rows<3> v, int top) {
    const Format &f = frame.read;
    for (int c = 0; c < channels(f); c++) {
        const Channel one = channel(f, c);
        const int left = tile.left >> one.x, count = tile.width >> one.x, first = top >> one.y;
        const int width = (tile.picture_width + one.x) >> one.x, height = (tile.picture_height + one.y) >> one.y;
        for (int row = first; row < first + cell_rows(one); row++)
            read_codes(f, frame.in, one, row, width, height, left, count, v.at(c, row));
    }
    for (int row = top; is_rgb(f) && row < top + DEBAND_CELL; row++) {
        float *r = v.at(0, row), *g = v.at(1, row), *b = v.at(2, row);
        for (int x = 0; x < tile.width; x += LANES) {
            const vec red = load(r + x), blue = load(b + x), luma = grey_of(red, load(g + x), blue);
            store(r + x, luma), store(g + x, red - luma), store(b + x, blue - luma);
        }
    }
}

// Sums of two neighbours each, and each value twice.
FN void add_pairs(float *line, int count) {
    for (int x = 0; x < count; x += 2 * LANES) {
        const vec a = load(line + x), b = load(line + x + LANES);
        store(line + x / 2, even(a, b, LANE) + odd(a, b, LANE));
    }
}
FN void repeat_each(float *line, int count) {
    for (int x = count - LANES; x >= 0; x -= LANES) {
        const vec v = load(line + x);
        store(line + 2 * x, twice_low(v, LANE)), store(line + 2 * x + LANES, twice_high(v, LANE));
    }
}

// Of each cell of a channel, `columns` wide: the mean, and the mean distance of its samples from that.
FN void measure_cells(Rows<3> v, int c, int first, int rows, int columns, int cells, float *line, float *mean,
                      float *off) {
    const float share = 1.0f / (rows * columns);
    auto means = [&](auto sample, float *to) __attribute__((always_inline)) {
        for (int x = 0; x < cells * columns; x += LANES) {
            vec sum = {};
            for (int row = first; row < first + rows; row++) sum += sample(row, x);
            store(line + x, share * sum);
        }
        for (int wide = columns; wide > 1; wide /= 2) add_pairs(line, cells * wide);
        memcpy(to, line, sizeof(float) * cells);
    };
    means([&](int row, int x) __attribute__((always_inline)) { return load(v.at(c, row) + x); }, mean);
    float *each = line + cells * columns;
    memcpy(each, mean, sizeof(float) * cells);
    for (int wide = 1; wide < columns; wide *= 2) repeat_each(each, cells * wide);
    means([&](int row, int x) __attribute__((always_inline)) { return abs(load(v.at(c, row) + x) - load(each + x)); },
          off);
}

// The finest level: means and deviations of a strip's cells.
static void measure_bands(const Tile &tile, Frame &frame, Arena arena) {
    const DebandingState &d = frame.debanding;
    const TemporalState &state = frame.state;
    const Format &f = frame.read;
    const int cells = tile.width / DEBAND_CELL, first = tile.first / DEBAND_CELL;
    const int count = (min(tile.last, tile.picture_width) - tile.first + DEBAND_CELL - 1) / DEBAND_CELL;
    Rows<3> v = arena.rows<3>(tile.width, DEBAND_CELL);
    Rows<6> found = arena.rows<6>(cells, 1);
    float *line = arena.take<float>(2 * tile.width);
    for (int row = tile.top / DEBAND_CELL; row * DEBAND_CELL < min(tile.bottom, tile.picture_height); row++) {
        read_cells(tile, frame, v, row * DEBAND_CELL);
        for (int c = 0; c < channels(f); c++) {
            const Channel one = sample_channel(f, c);
            const int top = row * cell_rows(one), high = cell_rows(one);
            float *mean = found.at(c, 0), *off = found.at(3 + c, 0);
            measure_cells(v, c, top, high, cell_columns(one), cells, line, mean, off);
            for (int x = 0; x < cells; x += LANES) store(mean + x, load(mean + x) - zero_of(f, d.parameters, c));
        }
        auto put = [&](const Grid &to, int c, const float *from) {
            memcpy(to.at(c, row) + first, from, sizeof(float) * count);
        };
        for (int c = 0; c < channels(f); c++) put(d.means[0], c, found.at(c, 0));
        put(d.deviations, 0, found.at(3, 0));
        if (channels(f) > 1) {
            float *colour = found.at(4, 0), *other = found.at(5, 0);
            for (int x = 0; x < count; x++) colour[x] = max(colour[x], other[x]);
            put(d.deviations, 1, colour), put(d.means[0], NOISE, colour);
        }
        float *fine = found.at(1, 0);
        for (int x = 0; x < count; x++) fine[x] = 1;
        if (frame.time.frames > 0) {
            const int ages = DEBAND_CELL / CELL, wide = state.cells_wide,
                      last = min(row * ages + 1, state.cells_high - 1);
            const uint8_t *above = state.age + (int64_t)row * ages * wide, *below = state.age + (int64_t)last * wide;
            for (int x = 0; x < count; x++) {
                const int a = (first + x) * ages, b = min(a + 1, wide - 1);
                const float age = unpacked_age((float)min(min(above[a], above[b]), min(below[a], below[b])));
                fine[x] = fineness(age, noise_at(state.scene, d.parameters.black + found.at(0, 0)[x]));
            }
        }
        put(d.means[0], FINE, fine);
    }
}

// Means of two by two cells; of noise the LEAST, since an edge has more of it, but from the second level on, where
// enough samples are behind it.
template <bool LEAST> FN void halve(const Grid &from, const Grid &to, int c) {
    auto joined = [](auto a, auto b) { return LEAST ? min(a, b) : 0.5f * (a + b); };
    for (int row = 0; row < to.height; row++) {
        const float *above = from.at(c, 2 * row), *below = from.at(c, min(2 * row + 1, from.height - 1));
        float *line = to.at(c, row);
        int x = 0;
        for (; 2 * x + 2 * LANES <= from.width; x += LANES) {
            const vec a = joined(load(above + 2 * x), load(below + 2 * x));
            const vec b = joined(load(above + 2 * x + LANES), load(below + 2 * x + LANES));
            store(line + x, joined(even(a, b, LANE), odd(a, b, LANE)));
        }
        for (; x < to.width; x++) {
            const int left = 2 * x, right = min(left + 1, from.width - 1);
            line[x] = joined(joined(above[left], below[left]), joined(above[right], below[right]));
        }
    }
}

// The coarsest level: means over 3 x 3 cells, edges repeated.
FN void blur(const Grid &from, int channel, const Grid &to, int target) {
    for (int row = 0; row < to.height; row++) {
        for (int x = 0; x < to.width; x++) {
            float sum = 0;
            for (int v = -1; v <= 1; v++)
                for (int u = -1; u <= 1; u++)
                    sum += from.at(channel, clamp(row + v, 0, to.height - 1))[clamp(x + u, 0, to.width - 1)];
            to.at(target, row)[x] = sum * (1.0f / 9);
        }
    }
}

// The means of all coarser levels, and the smooth picture of the coarsest.
static void build_pyramid(DebandingState &d) {
    constexpr int TOP = DEBAND_LEVELS - 1;
    for (int k = 1; k <= TOP; k++)
        for (int c = 0; c < MEANS; c++)
            c == NOISE &&k > 1 ? halve<true>(d.means[k - 1], d.means[k], c)
                               : halve<false>(d.means[k - 1], d.means[k], c);
    for (int c = 0; c < SMOOTH; c++) blur(d.means[TOP], c < 3 ? c : NOISE, d.smooth[TOP], c);
}

// A row of a grid for a strip's columns; the first and last repeat beyond edges.
FN void load_cells(const Tile &tile, const Grid &from, int channel, int row, float *to) {
    const float *source = from.at(channel, row);
    const int begin = max(-tile.left, 0), end = min(tile.width, from.width - tile.left);
    memcpy(to + begin, source + tile.left + begin, sizeof(float) * (end - begin));
    for (int x = 0; x < begin; x++) to[x] = source[0];
    for (int x = end; x < tile.width; x++) to[x] = source[from.width - 1];
}
FN void repeat_edges(const Tile &tile, float *line) {
    const int begin = max(-tile.left, 0), end = min(tile.width, tile.picture_width - tile.left);
    for (int x = 0; x < begin; x++) line[x] = line[begin];
    for (int x = end; x < tile.width; x++) line[x] = line[end - 1];
}
FN void store_cells(const Tile &tile, const float *from, const Grid &to, int channel, int row) {
    memcpy(to.at(channel, row) + tile.first, from + tile.first - tile.left, sizeof(float) * (tile.last - tile.first));
}

// Means over 3 x 3 cells of a row of a strip.
FN vec mean_around(Rows<2> of, int c, int row, int height, int x) {
    vec sum = {};
    for (int v = -1; v <= 1; v++) {
        const float *line = of.at(c, clamp(row + v, 0, height - 1)) + x;
        sum += load(line - 1) + load(line) + load(line + 1);
    }
    return sum * (1.0f / 9);
}

// How far luma and colour are from a smooth picture, for a row of cells.
FN void distances(int width, Rows<3> of, Rows<SMOOTH> smooth, Rows<2> to, int row) {
    for (int x = 0; x < width; x += LANES) {
        auto off = [&](int c) { return abs(load(of.at(c, row) + x) - load(smooth.at(c, row) + x)); };
        store(to.at(0, row) + x, off(0)), store(to.at(1, row) + x, max(off(1), off(2)));
    }
}

// How much of cells becomes smooth, of luma and of colour, and how far their colour may be off.
struct Shares {
    vec luma, colour, tolerance;
};
FN Shares shares_of(Rows<SMOOTH> smooth, Rows<2> off, const float *fine, int row, int height, int x, float code) {
    const vec level = load(smooth.at(0, row) + x), tolerance = colour_tolerance(load(smooth.at(3, row) + x), code);
    const vec deviation = mean_around(off, 0, row, height, x), colour = mean_around(off, 1, row, height, x);
    return Shares{share_of_smooth(level, deviation, load(fine + x), code),
                  share_of_smooth_colour(level, deviation, colour, tolerance, code), tolerance};
}

// A level of the pyramid: its means move towards the coarser level.
static void smooth_level(const Tile &tile, Frame &frame, Arena arena) {
    const DebandingState &d = frame.debanding;
    const Grid &means = d.means[d.level], &coarser = d.smooth[d.level + 1], &to = d.smooth[d.level];
    const float code = d.parameters.code;
    Rows<SMOOTH> smooth = arena.rows<SMOOTH>(tile.width, 4);
    Rows<3> own = arena.rows<3>(tile.width, 4);
    Rows<2> off = arena.rows<2>(tile.width, 4);
    float *fine = arena.take<float>(tile.width), *line = take_line(arena, tile.width);
    const int height = tile.picture_height;
    for (int row = max(tile.top - 1, 0); row <= tile.bottom; row++) {
        if (row < height) {
            for (int c = 0; c < SMOOTH; c++) {
                upsample<2>(tile, coarser, c, row, line);
                memcpy(smooth.at(c, row), line, sizeof(float) * tile.width);
            }
            for (int c = 0; c < 3; c++) load_cells(tile, means, c, row, own.at(c, row));
            distances(tile.width, own, smooth, off, row);
            repeat_edges(tile, off.at(0, row)), repeat_edges(tile, off.at(1, row));
        }
        const int done = row - 1;
        if (done < tile.top) continue;
        load_cells(tile, means, FINE, done, fine);
        for (int x = 0; x < tile.width; x += LANES) {
            const Shares share = shares_of(smooth, off, fine, done, height, x, code);
    UNROLL for (int c = 0; c < 3; c++) {
                float *at = smooth.at(c, done) + x;
                const vec mean = load(own.at(c, done) + x);
                store(own.at(c, done) + x, mean + (c == 0 ? share.luma : share.colour) * (load(at) - mean));
            }
        }
        for (int c = 0; c < 3; c++) store_cells(tile, own.at(c, done), to, c, done);
        store_cells(tile, smooth.at(3, done), to, 3, done);
    }
}

// What share of each cell becomes smooth, and how far its colour may be off.
static void share_cells(const Tile &tile, Frame &frame, Arena arena) {
    const DebandingState &d = frame.debanding;
    const Grid &means = d.means[0];
    const float code = d.parameters.code;
    Rows<SMOOTH> smooth = arena.rows<SMOOTH>(tile.width, 4);
    Rows<3> own = arena.rows<3>(tile.width, 4), shares = arena.rows<3>(tile.width, 1);
    Rows<2> off = arena.rows<2>(tile.width, 4);
    float *fine = arena.take<float>(tile.width), *within = arena.take<float>(tile.width);
    const int height = tile.picture_height;
    for (int row = max(tile.top - 1, 0); row <= tile.bottom; row++) {
        if (row < height) {
            for (int c = 0; c < SMOOTH; c++) load_cells(tile, d.smooth[0], c, row, smooth.at(c, row));
            for (int c = 0; c < 3; c++) load_cells(tile, means, c, row, own.at(c, row));
            distances(tile.width, own, smooth, off, row);
            for (int c = 0; c < 2; c++) {
                load_cells(tile, d.deviations, c, row, within);
                float *line = off.at(c, row);
                for (int x = 0; x < tile.width; x += LANES) store(line + x, load(line + x) + load(within + x));
            }
        }
        const int done = row - 1;
        if (done < tile.top) continue;
        load_cells(tile, means, FINE, done, fine);
        for (int x = 0; x < tile.width; x += LANES) {
            const Shares share = shares_of(smooth, off, fine, done, height, x, code);
            store(shares.at(0, 0) + x, d.amount * share.luma);
            store(shares.at(1, 0) + x, d.amount * share.colour);
            store(shares.at(2, 0) + x, 1 / share.tolerance);
        }
        for (int c = 0; c < 3; c++) store_cells(tile, shares.at(c, 0), d.shares, c, done);
    }
}

// What a row of samples needs of a row of cells, at full width: the smooth picture, shares, 1 / tolerances.
struct Smooth {
    Rows<3> value;
    Rows<2> share; // of luma, and of both colours
    Rows<1> per;   // of the colours
};

// A row of cells for a channel of a strip.
template <int SCALE> ROW_FUNCTION expand_row(const Tile &tile, const DebandingState &d, int c, int row, float zero, Smooth to) {
    const int cell = clamp(row, 0, d.shares.height - 1);
    upsample_row<SCALE>(tile, d.smooth[0], c, cell, to.value.at(c, row));
    for (int x = 0; x < tile.width; x += LANES) store(to.value.at(c, row) + x, load(to.value.at(c, row) + x) + zero);
    if (c < 2) upsample_row<SCALE>(tile, d.shares, c, cell, to.share.at(c, row));
    if (c == 1) upsample_row<SCALE>(tile, d.shares, 2, cell, to.per.at(0, row));
}

// A row of samples towards the smooth picture, between rows of cells.
ROW_FUNCTION deband_row(int width, int c, float at, Smooth smooth, float code, float *v) {
    const int above = (int)(at + 1) - 1;
    const float down = at - above;
    const vec fixed = splat(1 / (OF_SAMPLE * code));
    auto between = [&](auto rows, int channel, int x) {
        return lerp(load(rows.at(channel, above) + x), load(rows.at(channel, above + 1) + x), down);
    };
    for (int x = 0; x < width; x += LANES) {
        const vec per = c > 0 ? between(smooth.per, 0, x) : fixed;
        store(v + x, debanded(load(v + x), between(smooth.value, c, x), between(smooth.share, c > 0, x), per));
    }
}

// The samples of a row of cells as they are kept, in 16 bits.
ROW_FUNCTION write_cells(const Tile &tile, const DebandingState &d, Rows<3> v, int top) {
    const Format &f = d.format;
    for (int row = top; is_rgb(f) && row < top + DEBAND_CELL; row++) {
        float *r = v.at(0, row), *g = v.at(1, row), *b = v.at(2, row);
        for (int x = 0; x < tile.width; x += LANES) {
            const vec luma = load(r + x), red = luma + load(g + x), blue = luma + load(b + x);
            store(r + x, red), store(g + x, 2 * luma - 0.5f * (red + blue)), store(b + x, blue);
        }
    }
    for (int c = 0; c < channels(f); c++) {
        const Channel one = channel(f, c);
        const int height = (tile.picture_height + one.y) >> one.y, first = top >> one.y;
        for (int row = first; row < min(first + cell_rows(one), height); row++) {
            float *line = v.at(c, row);
            for (int x = 0; x < tile.width >> one.x; x += LANES) store(line + x, UNIT * load(line + x));
            narrow(f, one, d.picture, row, tile.left >> one.x, tile.first >> one.x, (tile.last + one.x) >> one.x, true,
                   line);
        }
    }
}

static void deband_picture(const Tile &tile, Frame &frame, Arena arena) {
    const DebandingState &d = frame.debanding;
    const Format &f = frame.read;
    Rows<3> v = arena.rows<3>(tile.width, DEBAND_CELL);
    const Smooth smooth = {arena.rows<3>(tile.width, 4), arena.rows<2>(tile.width, 4), arena.rows<1>(tile.width, 4)};
    const int begin = tile.top / DEBAND_CELL, end = (min(tile.bottom, tile.picture_height) + DEBAND_CELL - 1) / DEBAND_CELL;
    for (int cell = begin - 1; cell <= end; cell++) { // a row of cells behind the one that is made ready
        for (int c = 0; c < channels(f); c++) {
            const Channel one = sample_channel(f, c);
            Tile part = tile; // in samples of the channel
            part.left >>= one.x, part.width >>= one.x;
            const float zero = zero_of(f, d.parameters, c);
            one.x ? expand_row<DEBAND_CELL / 2>(part, d, c, cell, zero, smooth)
                  : expand_row<DEBAND_CELL>(part, d, c, cell, zero, smooth);
        }
        const int top = (cell - 1) * DEBAND_CELL;
        if (cell - 1 < begin) continue;
        read_cells(tile, frame, v, top);
        for (int c = 0; c < channels(f); c++) {
            const Channel one = sample_channel(f, c);
            for (int row = top >> one.y; row < (top + DEBAND_CELL) >> one.y; row++)
                deband_row(tile.width >> one.x, c, half_pixel(row, 1.0f / cell_rows(one)), smooth, d.parameters.code,
                           v.at(c, row));
        }
        write_cells(tile, d, v, top);
    }
}

// The picture without bands takes the place of the frame.
template <int WIDEST> static void without_bands(Context &context) {
    Frame &frame = context.frame;
    DebandingState &d = frame.debanding;
    const int width = context.width, height = context.height;
    d.parameters = debanding_of(frame.format);
    TIMED("debanding: cells", context.pass(measure_bands, width, height, 0, 2 * DEBAND_CELL, WIDEST, width, height);)
    TIMED("debanding: coarser levels", build_pyramid(d);)
    auto pass = [&](Strip strip, int level) {
        const Grid &g = d.means[level];
        context.pass(strip, g.width, g.height, 2, 2, WIDEST, g.width, g.height);
    };
    for (d.level = DEBAND_LEVELS - 2; d.level >= 0; d.level--) TIMED("debanding: levels", pass(smooth_level, d.level);)
    TIMED("debanding: shares", pass(share_cells, 0);)
    TIMED("debanding: picture", context.pass(deband_picture, width, height, 0, 2 * DEBAND_CELL, WIDEST, width, height);)
    frame.in = d.picture, frame.read = d.format;
}

} // namespace rt
