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

// Whether the samples of a channel lie side by side, so that they are read and written as vectors.
FN bool lies_side_by_side(const Format &f, const Channel &one) { return one.step == 1 && !is_rgb(f); }
template <class T> FN T *row_of(const Planes &planes, const Channel &one, int row, int left) {
    return (T *)(planes.data[one.plane] + row * planes.stride[one.plane]) + left;
}

// Sums over cells of COLUMNS lanes, in each of their lanes; and one lane of each cell of COLUMNS vectors.
template <int COLUMNS, int... I> FN vec sum_of_cells(vec v, Indices<I...>) {
    v += __builtin_shufflevector(v, v, (I ^ 1)...);
    return COLUMNS == 2 ? v : v + __builtin_shufflevector(v, v, (I ^ 2)...);
}
FN vec one_of_cells(const vec (&v)[2]) { return even(v[0], v[1], LANE); }
FN vec one_of_cells(const vec (&v)[4]) { return even(even(v[0], v[1], LANE), even(v[2], v[3], LANE), LANE); }

// Of cells: the mean, and the mean distance of their samples from that; `code` is the size of a sample's unit.
template <int COLUMNS, int ROWS, class T>
ROW_FUNCTION measure_cells(const T *const *rows, int cells, float code, float zero, float *mean, float *off) {
    const float share = 1.0f / (ROWS * COLUMNS);
    for (int cell = 0, x = 0; cell < cells; cell += LANES) {
        vec means[COLUMNS], offs[COLUMNS];
    UNROLL for (int k = 0; k < COLUMNS; k++, x += LANES) {
            vec sample[ROWS], sum = {}, distance = {};
            UNROLL for (int i = 0; i < ROWS; i++) sum += sample[i] = widened(rows[i] + x);
            means[k] = share * sum_of_cells<COLUMNS>(sum, LANE);
            UNROLL for (int i = 0; i < ROWS; i++) distance += abs(sample[i] - means[k]);
            offs[k] = share * sum_of_cells<COLUMNS>(distance, LANE);
        }
        store(mean + cell, code * one_of_cells(means) - zero), store(off + cell, code * one_of_cells(offs));
    }
}
template <class T>
FN void measure_cells(const Channel &one, const T *const *rows, int cells, float code, float zero, float *mean,
                      float *off) {
    auto measure = one.x ? (one.y ? measure_cells<2, 2, T> : measure_cells<2, 4, T>)
                         : (one.y ? measure_cells<4, 2, T> : measure_cells<4, 4, T>);
    measure(rows, cells, code, zero, mean, off);
}

// The samples of a row of cells of a channel, measured where they lie.
template <class T>
FN void measure_plane(const Tile &tile, const Frame &frame, int c, int top, float zero, float *mean, float *off) {
    const Channel one = channel(frame.read, c);
    const int last = ((tile.picture_height + one.y) >> one.y) - 1;
    const T *rows[DEBAND_CELL];
    for (int i = 0; i < cell_rows(one); i++)
        rows[i] = row_of<const T>(frame.in, one, min((top >> one.y) + i, last), tile.left >> one.x);
    measure_cells(one, rows, tile.width / DEBAND_CELL, frame.read.code, zero, mean, off);
}

template <class V, int... I> FN auto least_of_pairs(V v, Indices<I...>) {
    const auto even = __builtin_shufflevector(v, v, (2 * I)...), odd = __builtin_shufflevector(v, v, (2 * I + 1)...);
    return even < odd ? even : odd;
}

// Of a row of cells, from `first` on, the age of the youngest part.
FN void least_ages(const TemporalState &state, int row, int first, int count, float *to) {
    constexpr int PARTS = DEBAND_CELL / CELL;
    static_assert(PARTS == 2, "neighbours are taken in pairs");
    typedef uint8_t bytes __attribute__((vector_size(PARTS * LANES)));
    const int wide = state.cells_wide, last = min(PARTS * row + 1, state.cells_high - 1);
    const uint8_t *above = state.age + (int64_t)PARTS * row * wide, *below = state.age + (int64_t)last * wide;
    int x = 0;
    for (; x + LANES <= count && PARTS * (first + x + LANES) <= wide; x += LANES) {
        bytes a, b;
        memcpy(&a, above + PARTS * (first + x), sizeof a), memcpy(&b, below + PARTS * (first + x), sizeof b);
        store(to + x, unpacked_age(__builtin_convertvector(least_of_pairs(a < b ? a : b, LANE), vec)));
    }
    for (; x < count; x++) {
        const int left = min(PARTS * (first + x), wide - 1), right = min(left + 1, wide - 1);
        to[x] = unpacked_age((float)min(min(above[left], above[right]), min(below[left], below[right])));
    }
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
    bool ready[3], all = true;
    const bool inside = tile.left + tile.width <= tile.picture_width;
    for (int c = 0; c < channels(f); c++) all &= ready[c] = inside && lies_side_by_side(f, channel(f, c));
    for (int row = tile.top / DEBAND_CELL; row * DEBAND_CELL < min(tile.bottom, tile.picture_height); row++) {
        const int top = row * DEBAND_CELL;
        for (int next = top + AHEAD; next < min(top + AHEAD + DEBAND_CELL, tile.picture_height); next++)
            prefetch(f, frame.in, next, tile.first, tile.last);
        if (!all) read_cells(tile, frame, v, top);
        for (int c = 0; c < channels(f); c++) {
            const Channel one = sample_channel(f, c);
            const float zero = zero_of(f, d.parameters, c);
            float *mean = found.at(c, 0), *off = found.at(3 + c, 0);
            if (ready[c]) {
                f.wide ? measure_plane<uint16_t>(tile, frame, c, top, zero, mean, off)
                       : measure_plane<uint8_t>(tile, frame, c, top, zero, mean, off);
                continue;
            }
            const float *rows[DEBAND_CELL];
            for (int i = 0; i < cell_rows(one); i++) rows[i] = v.at(c, (top >> one.y) + i);
            measure_cells(one, rows, cells, 1, zero, mean, off);
        }
        auto put = [&](const Grid &to, int c, const float *from) {
            memcpy(to.at(c, row) + first, from, sizeof(float) * count);
        };
        for (int c = 0; c < channels(f); c++) put(d.means[0], c, found.at(c, 0));
        put(d.deviations, 0, found.at(3, 0));
        if (channels(f) > 1) {
            float *colour = found.at(4, 0), *other = found.at(5, 0);
            for (int x = 0; x < count; x++) colour[x] = max(colour[x], other[x]);
            put(d.means[0], NOISE, colour);
        }
        if (frame.time.frames > 0) {
            float *fine = found.at(1, 0);
            least_ages(state, row, first, cells, fine);
            for (int x = 0; x < cells; x += LANES) {
                const vec noise = noise_at(state.scene, d.parameters.black + load(found.at(0, 0) + x));
                store(fine + x, fineness(load(fine + x), noise));
            }
            put(d.means[0], FINE, fine);
        }
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
static void build_pyramid(DebandingState &d, bool aged) {
    constexpr int TOP = DEBAND_LEVELS - 1;
    for (int k = 1; k <= TOP; k++)
        for (int c = 0; c < MEANS; c++) {
            if (c == FINE && !aged) continue;
            c == NOISE &&k > 1 ? halve<true>(d.means[k - 1], d.means[k], c)
                               : halve<false>(d.means[k - 1], d.means[k], c);
        }
    for (int c = 0; c < SMOOTH; c++) blur(d.means[TOP], c < 3 ? c : NOISE, d.smooth[TOP], c);
}

// A row of a grid for a strip's columns, also between two rows; the first and last columns repeat beyond edges.
FN void load_cells(const Tile &tile, const Grid &from, int channel, float at, float *to) {
    const int above = (int)(at + 1) - 1, begin = max(-tile.left, 0), end = min(tile.width, from.width - tile.left);
    const float *upper = from.at(channel, max(above, 0)) + tile.left;
    const float share = at - above;
    if (share == 0) {
        memcpy(to + begin, upper + begin, sizeof(float) * (end - begin));
    } else {
        const float *lower = from.at(channel, min(above + 1, from.height - 1)) + tile.left;
        for (int x = begin; x < end; x++) to[x] = lerp(upper[x], lower[x], share);
    }
    for (int x = 0; x < begin; x++) to[x] = to[begin];
    for (int x = end; x < tile.width; x++) to[x] = to[end - 1];
}
// The columns of cells that those of a strip lie between, where each is SCALE columns wide.
template <int SCALE> FN Tile cells_around(Tile tile) {
    tile.left = tile.left / SCALE - 1, tile.width = tile.width / SCALE + 2;
    return tile;
}

// A row of cells, each SCALE columns wide: bilinear, half-pixel centres. One cell before and one behind count, too.
template <int SCALE, int... I> FN vec from_centre(Indices<I...>) {
    constexpr auto off = [](int i) { return (i % SCALE + 0.5f) / SCALE - 0.5f; };
    return vec{(off(I) < 0 ? -off(I) : off(I))...};
}
template <int SCALE> FN void enlarge(const float *cells, int count, float *to) {
    const vec share = from_centre<SCALE>(LANE);
    auto write = [&](vec cell, vec beside) __attribute__((always_inline)) {
        store(to, cell + share * (beside - cell));
        to += LANES;
    };
    auto half = [&](vec cell, vec beside) __attribute__((always_inline)) {
        if (SCALE == 2) return write(cell, beside);
        write(twice_low(cell, LANE), twice_low(beside, LANE)), write(twice_high(cell, LANE), twice_high(beside, LANE));
    };
    for (int x = 0; x < count; x += LANES) {
        const vec cell = load(cells + x), before = load(cells + x - 1), after = load(cells + x + 1);
        half(twice_low(cell, LANE), in_turn_low(before, after, LANE));
        half(twice_high(cell, LANE), in_turn_high(before, after, LANE));
    }
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

// How much of cells becomes smooth, of luma and of colour, and how far their colour may be off.
struct Shares {
    vec luma, colour, tolerance;
};

// A strip of a level of the pyramid on its way to the smooth picture, row by row.
struct PyramidLevel {
    Tile tile; // in its cells
    Grid means, coarser;
    float code;
    bool aged;
    Rows<SMOOTH> smooth; // the coarser picture; once a row has moved, its own
    Rows<3> own;
    Rows<2> off; // how far luma and colour are from the smooth picture
    float *fine, *line;

    METHOD PyramidLevel(const Tile &tile, const Frame &frame, int level, Arena &arena)
        : tile(tile), means(frame.debanding.means[level]), coarser(frame.debanding.smooth[level + 1]),
          code(frame.debanding.parameters.code), aged(frame.time.frames > 0), smooth(arena.rows<SMOOTH>(tile.width, 4)),
          own(arena.rows<3>(tile.width, 4)), off(arena.rows<2>(tile.width, 4)), fine(arena.take<float>(tile.width)),
          line(arena.take<float>(tile.width + 2)) {
        for (int x = 0; x < tile.width; x++) fine[x] = 1;
    }

    METHOD void measure(Rows<2> to, int row) {
        for (int x = 0; x < tile.width; x += LANES) {
            auto distance = [&](int c) { return abs(load(own.at(c, row) + x) - load(smooth.at(c, row) + x)); };
            store(to.at(0, row) + x, distance(0)), store(to.at(1, row) + x, max(distance(1), distance(2)));
        }
        repeat_edges(tile, to.at(0, row)), repeat_edges(tile, to.at(1, row));
    }

    METHOD void read(int row) {
        const Tile around = cells_around<2>(tile);
        for (int c = 0; c < SMOOTH; c++) {
            load_cells(around, coarser, c, half_pixel(row, 0.5f), line);
            enlarge<2>(line + 1, tile.width / 2, smooth.at(c, row));
        }
        for (int c = 0; c < 3; c++) load_cells(tile, means, c, row, own.at(c, row));
        measure(off, row);
    }

    // Of a row whose neighbours have distances `from` the smooth picture: use(x, shares).
    template <class Use> METHOD void for_shares(Rows<2> from, int row, Use use) {
        if (aged) load_cells(tile, means, FINE, row, fine);
        for (int x = 0; x < tile.width; x += LANES) {
            const vec level = load(smooth.at(0, row) + x), deviation = mean_around(from, 0, row, means.height, x);
            const vec tolerance = colour_tolerance(load(smooth.at(3, row) + x), code);
            const vec colour = mean_around(from, 1, row, means.height, x);
            use(x, Shares{share_of_smooth(level, deviation, load(fine + x), code),
                          share_of_smooth_colour(level, deviation, colour, tolerance, code), tolerance});
        }
    }

    // The means of a row move towards the coarser picture.
    METHOD void move(int row) {
        for_shares(off, row, [&](int x, const Shares &share) __attribute__((always_inline)) {
            for (int c = 0; c < 3; c++) {
                float *at = smooth.at(c, row) + x;
                const vec mean = load(own.at(c, row) + x);
                store(at, mean + (c == 0 ? share.luma : share.colour) * (load(at) - mean));
            }
        });
        for (int c = 0; c < SMOOTH; c++) repeat_edges(tile, smooth.at(c, row));
    }
};

// A level but the finest.
static void smooth_level(const Tile &tile, Frame &frame, Arena arena) {
    DebandingState &d = frame.debanding;
    PyramidLevel level(tile, frame, d.level, arena);
    for (int row = max(tile.top - 1, 0); row <= tile.bottom; row++) {
        if (row < tile.picture_height) level.read(row);
        if (row - 1 < tile.top) continue;
        level.move(row - 1);
        for (int c = 0; c < SMOOTH; c++) store_cells(tile, level.smooth.at(c, row - 1), d.smooth[d.level], c, row - 1);
    }
}

constexpr int DEBAND_HALO = 4; // cells: a level looks one to each side, so do shares, and samples lie between cells

// What a row of samples needs of a row of cells, at full width: the smooth picture, shares, 1 / tolerances.
struct Smooth {
    Rows<3> value;
    Rows<2> share; // of luma, and of both colours
    Rows<1> per;   // of the colours
    int last;      // row of cells
};

// The finest level of a strip, with the shares of its cells.
struct Finest {
    PyramidLevel level;
    Grid within; // how far samples are from their cell's mean
    float amount;
    Rows<2> off;
    Rows<3> share;

    METHOD Finest(const Tile &tile, const Frame &frame, Arena &arena)
        : level(tile, frame, 0, arena), within(frame.debanding.deviations), amount(frame.debanding.amount),
          off(arena.rows<2>(tile.width, 4)), share(arena.rows<3>(tile.width, 1)) {}

    METHOD void move(int row) {
        level.move(row);
        level.measure(off, row);
        auto add = [&](const Grid &from, int channel, float *line) {
            load_cells(level.tile, from, channel, row, level.line);
            for (int x = 0; x < level.tile.width; x += LANES) store(line + x, load(line + x) + load(level.line + x));
        };
        add(within, 0, off.at(0, row)), add(level.means, NOISE, off.at(1, row));
    }

    METHOD void find_shares(int row) {
        level.for_shares(off, row, [&](int x, const Shares &of) __attribute__((always_inline)) {
            store(share.at(0, row) + x, amount * of.luma), store(share.at(1, row) + x, amount * of.colour);
            store(share.at(2, row) + x, 1 / of.tolerance);
        });
        for (int c = 0; c < 3; c++) repeat_edges(level.tile, share.at(c, row));
    }
};

// A row of cells for a channel of a strip, counted from `zero`.
template <int SCALE> ROW_FUNCTION expand_row(const Finest &finest, int c, int row, float zero, Smooth to) {
    const int count = finest.level.tile.width;
    float *value = finest.level.own.at(c, row); // which is done with
    for (int x = 0; x < count; x += LANES) store(value + x, load(finest.level.smooth.at(c, row) + x) + zero);
    enlarge<SCALE>(value, count, to.value.at(c, row));
    if (c < 2) enlarge<SCALE>(finest.share.at(c, row), count, to.share.at(c, row));
    if (c == 1) enlarge<SCALE>(finest.share.at(2, row), count, to.per.at(0, row));
}

// Where a row of samples comes from and goes to, its first column in the strip, and what a unit of each is, in codes of
// 8 bits.
template <class T, class To> struct SampleRow {
    const T *from;
    To *to;
    int first, count;
    float code, per_code;
};

// A row of samples towards the smooth picture, between rows of cells.
template <class T, class To>
ROW_FUNCTION deband_row(SampleRow<T, To> samples, int c, float at, Smooth smooth, float code) {
    const int above = (int)(at + 1) - 1, upper = max(above, 0), lower = min(above + 1, smooth.last);
    const float down = at - above;
    const vec fixed = splat(1 / (OF_SAMPLE * code));
    auto between = [&](auto rows, int channel, int x) __attribute__((always_inline)) {
        const int column = samples.first + x;
        return lerp(load(rows.at(channel, upper) + column), load(rows.at(channel, lower) + column), down);
    };
    auto moved = [&](const T *from, To *to, int x) __attribute__((always_inline)) {
        const vec sample = widened(from) * samples.code, per = c > 0 ? between(smooth.per, 0, x) : fixed;
        const vec v = debanded(sample, between(smooth.value, c, x), between(smooth.share, c > 0, x), per);
        if constexpr (sizeof(To) == sizeof(float)) store(to, v);
        else narrowed(v * samples.per_code, to);
    };
    const int count = samples.count;
    int x = 0;
    for (; x + LANES <= count; x += LANES) moved(samples.from + x, samples.to + x, x);
    if (x == count) return;
    T from[LANES] = {};
    To to[LANES];
    memcpy(from, samples.from + x, sizeof(T) * (count - x));
    moved(from, to, x);
    memcpy(samples.to + x, to, sizeof(To) * (count - x));
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
        if (lies_side_by_side(f, one)) continue;
        for (int row = first; row < min(first + cell_rows(one), height); row++) {
            float *line = v.at(c, row);
            for (int x = 0; x < tile.width >> one.x; x += LANES) store(line + x, UNIT * load(line + x));
            narrow(f, one, d.picture, row, tile.left >> one.x, tile.first >> one.x, (tile.last + one.x) >> one.x, true,
                   line);
        }
    }
}

// A row of cells of a channel from plane to plane.
template <class T>
FN void deband_plane(const Tile &tile, const Frame &frame, int c, int top, Smooth smooth) {
    const DebandingState &d = frame.debanding;
    const Channel one = channel(frame.read, c);
    const int first = tile.first >> one.x, count = ((tile.last + one.x) >> one.x) - first;
    const int bottom = min((top + DEBAND_CELL) >> one.y, (tile.picture_height + one.y) >> one.y);
    for (int row = top >> one.y; row < bottom; row++) {
        const T *from = row_of<const T>(frame.in, one, row, first);
        uint16_t *to = row_of<uint16_t>(d.picture, one, row, first);
        deband_row(SampleRow<T, uint16_t>{from, to, first - (tile.left >> one.x), count, frame.read.code, UNIT}, c,
                   half_pixel(row, 1.0f / cell_rows(one)), smooth, d.parameters.code);
    }
}

// A row of cells of a strip.
FN void deband_cells(const Tile &tile, Frame &frame, Rows<3> v, int row, Smooth smooth) {
    const DebandingState &d = frame.debanding;
    const Format &f = frame.read;
    const int top = row * DEBAND_CELL;
    for (int next = top + AHEAD; next < min(top + AHEAD + DEBAND_CELL, tile.picture_height); next++) {
        prefetch(f, frame.in, next, tile.first, tile.last);
        prefetch(d.format, d.picture, next, tile.first, tile.last);
    }
    bool aside = false; // channels that are no rows of samples are brought into lines
    for (int c = 0; c < channels(f); c++) aside |= !lies_side_by_side(f, channel(f, c));
    if (aside) read_cells(tile, frame, v, top);
    for (int c = 0; c < channels(f); c++) {
        if (lies_side_by_side(f, channel(f, c))) {
            f.wide ? deband_plane<uint16_t>(tile, frame, c, top, smooth)
                   : deband_plane<uint8_t>(tile, frame, c, top, smooth);
            continue;
        }
        const Channel one = sample_channel(f, c);
        for (int at = top >> one.y; at < (top + DEBAND_CELL) >> one.y; at++)
            deband_row(SampleRow<float, float>{v.at(c, at), v.at(c, at), 0, tile.width >> one.x, 1, 1}, c,
                       half_pixel(at, 1.0f / cell_rows(one)), smooth, d.parameters.code);
    }
    if (aside) write_cells(tile, d, v, top);
}

// The finest level and the picture: each row of cells is read, moves, finds its shares, and serves the row above.
static void deband_picture(const Tile &tile, Frame &frame, Arena arena) {
    const DebandingState &d = frame.debanding;
    const Format &f = frame.read;
    Tile cells = tile;
    cells.left /= DEBAND_CELL, cells.width /= DEBAND_CELL;
    cells.picture_width = d.means[0].width, cells.picture_height = d.means[0].height;
    const int height = cells.picture_height, begin = tile.top / DEBAND_CELL;
    const int end = (min(tile.bottom, tile.picture_height) + DEBAND_CELL - 1) / DEBAND_CELL;
    Rows<3> v = arena.rows<3>(tile.width, DEBAND_CELL);
    const Smooth smooth = {arena.rows<3>(tile.width, 4), arena.rows<2>(tile.width, 4), arena.rows<1>(tile.width, 4),
                           height - 1};
    Finest finest(cells, frame, arena);
    auto due = [&](int row, int before) { return row >= max(begin - before, 0) && row < height; };
    for (int row = max(begin - 3, 0); row < end + 3; row++) {
        if (due(row, 3)) finest.level.read(row);
        if (due(row - 1, 2)) finest.move(row - 1);
        if (due(row - 2, 1)) {
            finest.find_shares(row - 2);
            for (int c = 0; c < channels(f); c++) {
                const float zero = zero_of(f, d.parameters, c);
                sample_channel(f, c).x ? expand_row<DEBAND_CELL / 2>(finest, c, row - 2, zero, smooth)
                                       : expand_row<DEBAND_CELL>(finest, c, row - 2, zero, smooth);
            }
        }
        if (row - 3 >= begin) deband_cells(tile, frame, v, row - 3, smooth);
    }
}

// The picture without bands takes the place of the frame.
template <int WIDEST> static void without_bands(Context &context) {
    Frame &frame = context.frame;
    DebandingState &d = frame.debanding;
    const int width = context.width, height = context.height;
    d.parameters = debanding_of(frame.format);
    TIMED("debanding: cells", context.pass(measure_bands, width, height, 0, 2 * DEBAND_CELL, WIDEST, width, height);)
    TIMED("debanding: coarser levels", build_pyramid(d, frame.time.frames > 0);)
    auto pass = [&](Strip strip, int level) {
        const Grid &g = d.means[level];
        context.pass(strip, g.width, g.height, 2, 2, WIDEST, g.width, g.height);
    };
    for (d.level = DEBAND_LEVELS - 2; d.level > 0; d.level--) TIMED("debanding: levels", pass(smooth_level, d.level);)
    TIMED("debanding: picture", context.pass(deband_picture, width, height, DEBAND_HALO * DEBAND_CELL, 2 * DEBAND_CELL,
                                             WIDEST, width, height);)
    frame.in = d.picture, frame.read = d.format;
}

} // namespace rt
