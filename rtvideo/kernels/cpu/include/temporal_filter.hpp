// The temporal filter in strips.
#pragma once
#include "frame.hpp"

#include "common/carry.h"
#include "common/temporal_filter.h"

namespace rt {

constexpr int TEMPORAL_HALO = 4;

struct Sums {
    float *even[2], *odd[2], *level, *down, *gate, *age, *weight; // down: by how much rows differ
};

// Sums over the rows of a window, apart for even and odd columns: of the difference, and of its size.
FN void column_sums(Rows<4> d, Rows<4> s, int luma, int row, int width, const Sums &to) {
    for (int x = 0; x < width; x += 2 * LANES) {
        vec sum[2] = {}, size[2] = {}, level[2], steep[2];
    UNROLL for (int k = 0; k < 2; k++) {
            int at = x + k * LANES;
            UNROLL for (int i = -1; i <= CELL; i++) {
                vec v = load(d.at(luma, row + i) + at);
                sum[k] += v, size[k] += abs(v);
            }
            const vec upper = load(s.at(luma, row) + at), lower = load(s.at(luma, row + 1) + at);
            level[k] = upper + lower;
            steep[k] = 0.25f * (lower + load(s.at(luma, row + 2) + at) - upper - load(s.at(luma, row - 1) + at));
        }
        store(to.even[0] + x / 2, even(sum[0], sum[1], LANE)), store(to.odd[0] + x / 2, odd(sum[0], sum[1], LANE));
        store(to.even[1] + x / 2, even(size[0], size[1], LANE)), store(to.odd[1] + x / 2, odd(size[0], size[1], LANE));
        store(to.down + x / 2, 0.5f * (even(steep[0], steep[1], LANE) + odd(steep[0], steep[1], LANE)));
        store(to.level + x / 2, 0.25f * (even(level[0], level[1], LANE) + odd(level[0], level[1], LANE)));
    }
}

// The mean of each cell of two rows of pixels.
FN void cell_means(const float *upper, const float *lower, int width, float *to) {
    for (int x = 0; x < width; x += 2 * LANES) {
        const vec a = load(upper + x) + load(lower + x), b = load(upper + x + LANES) + load(lower + x + LANES);
        store(to + x / 2, 0.25f * (even(a, b, LANE) + odd(a, b, LANE)));
    }
}

// The same over the samples that a channel has in a cell.
FN void cell_means(Rows<4> d, int c, const Channel &one, int cell_row, int width, float *to) {
    const int rows = one.y ? 1 : CELL, first = one.y ? cell_row : CELL * cell_row;
    const float *a = d.at(c, first), *b = d.at(c, first + rows - 1);
    if (!one.x) return cell_means(a, b, width, to);
    for (int x = 0; x < width / CELL; x += LANES) store(to + x, 0.5f * (load(a + x) + load(b + x)));
}

constexpr int CELLS_OF_BLOCK = 2 * MOTION_BLOCK / CELL; // of the finest level of motion, along a side

// How far cells may be off that were carried (squared pixels), and what of their ages they lose; the same in all rows of
// a block.
FN void carried_cells(const MotionState &m, int left, int cell_row, int cells, float *unsure, float *loss) {
    const Vector *const vectors = m.vectors[0] + cell_row / CELLS_OF_BLOCK * m.wide[0];
    for (int x = 0; x < cells;) {
        const int block = clamp(left + x, 0, m.wide[0] * CELLS_OF_BLOCK - 1) / CELLS_OF_BLOCK, at = (int)(vectors - m.vectors[0]) + block;
        const int end = block + 1 < m.wide[0] ? min((block + 1) * CELLS_OF_BLOCK - left, cells) : cells;
        const bool moved = moves(vectors[block]);
        const float off = moved ? m.unsure[at] : 0, lost = moved ? loss_of(m.residuals[at], m.noise[0]) : 0;
        for (; x < end; x++) unsure[x] = off, loss[x] = lost;
    }
}

FN void unpack(const uint8_t *ages, int count, float *to) {
    for (int x = 0; x < count; x++) to[x] = unpacked_age((float)ages[x]);
}
FN void pack(const float *ages, int count, uint8_t *to) {
    for (int x = 0; x < count; x++) to[x] = packed_age(ages[x]);
}
FN int count_moved(const float *gate, const float *carried, int count) {
    int moved = 0;
    for (int x = 0; x < count; x++) moved += moves(gate[x]) | (carried ? carried[x] > 0 : 0);
    return moved;
}

// Ages and weights of a row of cells. Returns how many of the cells first..last moved.
ROW_FUNCTION gates(const TemporalState &state, const Sums &sums, Rows<1> means, Rows<2> colour, bool coloured,
                   float of_colour, int cell_row, int cells, float frames, const float *carried, const float *loss, uint8_t *ages, int first, int last, int *moved) {
    memset(sums.weight, 0, sizeof(float) * cells);
    unpack(ages, last - first, sums.weight + first);
    for (int x = 0; x < cells; x += LANES) {
        vec age = load(sums.weight + x), sum = {}, size = {};
        sum = load(sums.odd[0] + x - 1) + load(sums.even[0] + x) + load(sums.odd[0] + x) + load(sums.even[0] + x + 1);
        size = load(sums.odd[1] + x - 1) + load(sums.even[1] + x) + load(sums.odd[1] + x) + load(sums.even[1] + x + 1);
        const vec noise = noise_at(state.scene, load(sums.level + x));
        if (carried) {
            const vec across = (load(sums.level + x + 1) - load(sums.level + x - 1)) * 0.25f, down = load(sums.down + x);
            age = age_carried(age, across * across + down * down, load(carried + x), load(loss + x), noise);
        }
        const vec per = per_noise_of_difference(noise, age);
        vec z = deviations(sum, size, per);
        const float *line[LINE];
        UNROLL for (int i = 0; i < LINE; i++) line[i] = means.at(0, cell_row + i - LINE / 2) + x;
        UNROLL for (int lean = -1; lean <= 1; lean++) {
            const vec above = load(line[0] - 2 * lean) + load(line[1] - lean);
            const vec below = load(line[3] + lean) + load(line[4] + 2 * lean);
            z = max(z, line_deviations(above, load(line[2]), below, per, lean == 0));
        }
        if (coloured)
            UNROLL for (int c = 0; c < 2; c++) {
                vec sum_of_colour = {};
                UNROLL for (int i = -1; i <= 1; i++) {
                    const float *row = colour.at(c, cell_row + i) + x;
                    sum_of_colour += load(row - 1) + load(row) + load(row + 1);
                }
                z = max(z, colour_deviations(sum_of_colour, per, of_colour));
            }
        vec gate = gate_of(z);
        age = next_age(age, gate, frames);
        store(sums.gate + x, gate);
        store(sums.age + x, age);
        store(sums.weight + x, 1 / age);
    }
    pack(sums.age + first, last - first, ages);
    *moved += count_moved(sums.gate + first, carried ? carried + first : 0, last - first);
}

// Luma of a row of cells of the picture that is kept from now on, where motion is looked for next time.
FN void keep_luma(Rows<4> change, Rows<4> before, int luma, int row, const float *weight, int width, int first, int last, float *to) {
    const float *d[2] = {change.at(luma, row), change.at(luma, row + 1)};
    const float *s[2] = {before.at(luma, row), before.at(luma, row + 1)};
    float *const begin = to - first;
    for (int x = 0; x < width / CELL; x += LANES) {
        vec sum[2][2];
        UNROLL for (int k = 0; k < 2; k++) {
            const int at = CELL * x + k * LANES;
            sum[0][k] = load(d[0] + at) + load(d[1] + at), sum[1][k] = load(s[0] + at) + load(s[1] + at);
        }
        const vec of_change = even(sum[0][0], sum[0][1], LANE) + odd(sum[0][0], sum[0][1], LANE);
        const vec kept = even(sum[1][0], sum[1][1], LANE) + odd(sum[1][0], sum[1][1], LANE);
        const vec v = 0.25f * (kept + load(weight + x) * of_change);
        if (x >= first && x + LANES <= last) {
            store(begin + x, v);
        } else {
            for (int i = max(first - x, 0); i < min(last - x, LANES); i++) begin[x + i] = v[i];
        }
    }
}

// A row of a channel of the picture that is kept from now on.
ROW_FUNCTION write_average(const TemporalState &state, const Planes &after, const Channel &one, int row, int left,
                           int first, int last, const float *old, const float *change, const float *weight,
                           float *line) {
    auto average = [&](int x) {
        const vec share = one.x ? load(weight + x) : twice_low(load(weight + x / 2), LANE);
        return UNIT * (load(old + x) + share * load(change + x));
    };
    int x = first - left;
    if (one.step == 1) {
        uint16_t *const to = (uint16_t *)(after.data[one.plane] + row * after.stride[one.plane]) + left;
        for (; x + LANES <= last - left; x += LANES) narrowed(clamp(average(x), 0, HIGHEST), to + x);
    }
    const int rest = x;
    for (; x < last - left; x += LANES) store(line + x, average(x));
    if (rest < last - left) write_codes(state, after, one, row, left, left + rest, last, line);
}

// A strip of the picture that is kept from now on.
static void filter(const Tile &tile, Frame &frame, Arena arena) {
    TemporalState &state = frame.state;
    const Format &format = frame.read;
    const Planes &before = state.picture[state.now], &after = state.picture[1 - state.now];
    const int count = channels(format), cells = tile.width / CELL;
    const bool rgb = is_rgb(format);
    const int luma = rgb ? 3 : 0; // of RGB it is made
    Rows<4> s = arena.rows<4>(tile.width, 8), d = arena.rows<4>(tile.width, 8);
    Rows<2> colour = arena.rows<2>(cells, 4);
    Rows<1> means = arena.rows<1>(cells, 8);
    Rows<11> work = arena.rows<11>(cells, 1);
    auto line_of = [&](int k) { return work.at(k, 0); };
    Sums sums = {{line_of(0), line_of(1)}, {line_of(2), line_of(3)}, line_of(4), line_of(5), line_of(6), line_of(7), line_of(8)};
    float *const carried = state.motion.moved ? line_of(9) : 0, *const loss = line_of(10);
    float *line = arena.take<float>(tile.width + 2 * MARGIN) + MARGIN;
    Channel all[3];
    for (int c = 0; c < count; c++) all[c] = channel(format, c);
    int moved = 0;

    const int begin = max(tile.left, 0), end = min(tile.left + tile.width, tile.picture_width);
    for (int pair = tile.top / CELL - LINE / 2; pair < (tile.bottom + CELL - 1) / CELL + LINE / 2; pair++) {
        for (int i = 0, row = CELL * pair + AHEAD; i < CELL && row < tile.picture_height; i++, row++) {
            if (row < 0) continue;
            prefetch(format, frame.in, row, begin, end), prefetch(state.format, before, row, begin, end);
            prefetch(state.format, after, row - CELL > 0 ? row - CELL : 0, tile.first, tile.last);
        }
        for (int c = 0; c < count; c++) {
            const Channel &one = all[c];
            int left = tile.left >> one.x, wide = tile.width >> one.x;
            int width = (tile.picture_width + one.x) >> one.x, height = (tile.picture_height + one.y) >> one.y;
            for (int row = CELL * pair >> one.y; row < CELL * (pair + 1) >> one.y; row++) {
                read_codes(state.format, before, one, row, width, height, left, wide, s.at(c, row));
                read_codes(format, frame.in, one, row, width, height, left, wide, d.at(c, row), s.at(c, row));
            }
        }
        for (int row = CELL * pair; rgb && row < CELL * (pair + 1); row++) {
            for (int x = 0; x < tile.width; x += LANES) {
                auto grey = [&](Rows<4> of) {
                    return grey_of(load(of.at(0, row) + x), load(of.at(1, row) + x), load(of.at(2, row) + x));
                };
                store(d.at(luma, row) + x, grey(d)), store(s.at(luma, row) + x, grey(s));
            }
        }
        cell_means(d.at(luma, CELL * pair), d.at(luma, CELL * pair + 1), tile.width, means.at(0, pair));
        // Of RGB the colour is red and blue without their luma.
        for (int c = 0; c < 2 && count > 1; c++) {
            float *to = colour.at(c, pair);
            cell_means(d, rgb ? 2 * c : c + 1, all[rgb ? 2 * c : c + 1], pair, tile.width, to);
            for (int x = 0; rgb && x < cells; x += LANES) store(to + x, load(to + x) - load(means.at(0, pair) + x));
        }
        int cell_row = pair - LINE / 2;
        if (CELL * cell_row < tile.top) continue;

        column_sums(d, s, luma, CELL * cell_row, tile.width, sums);
        int first = (tile.first - tile.left) / CELL, last = first + (tile.last - tile.first + CELL - 1) / CELL;
        if (carried && (cell_row == tile.top / CELL || cell_row % CELLS_OF_BLOCK == 0))
            carried_cells(state.motion, tile.left / CELL, cell_row, cells, carried, loss);
        gates(state, sums, means, colour, count > 1, of_colour(rgb), cell_row, cells, frame.time.frames, carried, loss,
              state.age + (int64_t)cell_row * state.cells_wide + tile.first / CELL, first, last, &moved);
        if (state.motion.usable && frame.time.carries)
            keep_luma(d, s, luma, CELL * cell_row, sums.weight, tile.width, first, last,
                      state.motion.kept[0].at(tile.first / CELL, cell_row));
        for (int c = 0; c < count; c++) {
            const Channel &one = all[c];
            int height = (tile.picture_height + one.y) >> one.y;
            for (int row = CELL * cell_row >> one.y; row < min(CELL * (cell_row + 1) >> one.y, height); row++) {
                write_average(state, after, one, row, tile.left >> one.x, tile.first >> one.x,
                              (tile.last + one.x) >> one.x, s.at(c, row), d.at(c, row), sums.weight, line);
            }
        }
    }
    __atomic_fetch_add(&state.scene.moving, moved, __ATOMIC_RELAXED);
}

} // namespace rt
