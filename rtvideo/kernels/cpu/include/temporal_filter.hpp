// The temporal filter in strips.
#pragma once
#include "frame.hpp"

#include "common/carry.h"
#include "common/temporal_filter.h"

namespace rt {

constexpr int TEMPORAL_HALO = 4;

struct Sums {
    float *even[2], *odd[2], *level, *down, *gate, *weight; // down: by how much rows differ
};

// Sums over the rows of a window, apart for even and odd columns: of the difference, and of its size.
FN void column_sums(Rows<1> d, Rows<1> s, int row, int width, const Sums &to) {
    for (int x = 0; x < width; x += 2 * LANES) {
        vec sum[2] = {}, size[2] = {}, level[2], steep[2];
    UNROLL for (int k = 0; k < 2; k++) {
            int at = x + k * LANES;
            UNROLL for (int i = -1; i <= CELL; i++) {
                vec v = load(d.at(0, row + i) + at);
                sum[k] += v, size[k] += abs(v);
            }
            const vec upper = load(s.at(0, row) + at), lower = load(s.at(0, row + 1) + at);
            level[k] = upper + lower;
            steep[k] = 0.25f * (lower + load(s.at(0, row + 2) + at) - upper - load(s.at(0, row - 1) + at));
        }
        store(to.even[0] + x / 2, even(sum[0], sum[1], LANE)), store(to.odd[0] + x / 2, odd(sum[0], sum[1], LANE));
        store(to.even[1] + x / 2, even(size[0], size[1], LANE)), store(to.odd[1] + x / 2, odd(size[0], size[1], LANE));
        store(to.down + x / 2, 0.5f * (even(steep[0], steep[1], LANE) + odd(steep[0], steep[1], LANE)));
        store(to.level + x / 2, 0.25f * (even(level[0], level[1], LANE) + odd(level[0], level[1], LANE)));
    }
}

// The mean of each cell over the samples that a channel has in it.
FN void cell_means(Rows<3> d, int c, const Channel &one, int cell_row, int cells, float *to) {
    int rows = one.y ? 1 : CELL, first = one.y ? cell_row : CELL * cell_row;
    const float *a = d.at(c, first), *b = d.at(c, first + rows - 1);
    for (int x = 0; x < cells; x++)
        to[x] = one.x ? 0.5f * (a[x] + b[x]) : 0.25f * (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
}

// How far cells of a row may be off that were carried (squared pixels), and what of their ages they lose.
FN void carried_cells(const MotionState &m, int left, int cell_row, int cells, float *unsure, float *loss) {
    constexpr int SIDE = 2 * MOTION_BLOCK / CELL;
    const int first = cell_row / SIDE * m.wide[0];
    for (int x = 0; x < cells; x++) {
        const int at = first + clamp(left + x, 0, m.wide[0] * SIDE - 1) / SIDE;
        const bool moved = moves(m.vectors[0][at]);
        unsure[x] = moved ? m.unsure[at] : 0, loss[x] = moved ? loss_of(m.residuals[at], m.noise[0]) : 0;
    }
}

// Ages and weights of a row of cells. Returns how many of the cells first..last moved.
ROW_FUNCTION gates(const TemporalState &state, const Sums &sums, Rows<2> colour, bool coloured, int cell_row, int cells,
                   float frames, const float *carried, const float *loss, uint8_t *ages, int first, int last, int *moved) {
    for (int x = 0; x < cells; x++) sums.weight[x] = x >= first && x < last ? unpacked_age((float)ages[x - first]) : 0;
    for (int x = 0; x < cells; x += LANES) {
        vec age = load(sums.weight + x), sum = {}, size = {};
        sum = load(sums.odd[0] + x - 1) + load(sums.even[0] + x) + load(sums.odd[0] + x) + load(sums.even[0] + x + 1);
        size = load(sums.odd[1] + x - 1) + load(sums.even[1] + x) + load(sums.odd[1] + x) + load(sums.even[1] + x + 1);
        const vec noise = noise_at(state.scene, load(sums.level + x));
        if (carried) {
            const vec across = (load(sums.level + x + 1) - load(sums.level + x - 1)) * 0.25f, down = load(sums.down + x);
            age = age_carried(age, across * across + down * down, load(carried + x), load(loss + x), noise);
        }
        vec per = 1 / noise_of_difference(noise, age);
        vec z = deviations(sum, size, per);
        if (coloured)
            UNROLL for (int c = 0; c < 2; c++) {
                vec sum_of_colour = {};
                UNROLL for (int i = -1; i <= 1; i++) {
                    const float *row = colour.at(c, cell_row + i) + x;
                    sum_of_colour += load(row - 1) + load(row) + load(row + 1);
                }
                z = max(z, colour_deviations(sum_of_colour, per));
            }
        vec gate = gate_of(z);
        age = next_age(age, gate, frames);
        store(sums.gate + x, gate);
        store(sums.level + x, age);
        store(sums.weight + x, 1 / age);
    }
    int count = 0;
    for (int x = first; x < last; x++) {
        ages[x - first] = packed_age(sums.level[x]);
        count += moves(sums.gate[x]) || (carried && carried[x] > 0);
    }
    *moved += count;
}

// Luma of a row of cells of the picture that is kept from now on, where motion is looked for next time.
FN void keep_luma(Rows<1> change, Rows<1> before, int row, const float *weight, int width, int first, int last, float *to) {
    const float *d[2] = {change.at(0, row), change.at(0, row + 1)}, *s[2] = {before.at(0, row), before.at(0, row + 1)};
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

// A strip of the picture that is kept from now on.
static void filter(const Tile &tile, Frame &frame, Arena arena) {
    TemporalState &state = frame.state;
    const Format &format = frame.read;
    const Planes &before = state.picture[state.now], &after = state.picture[1 - state.now];
    const int count = channels(format), cells = tile.width / CELL;
    const bool rgb = is_rgb(format);
    Rows<3> s = arena.rows<3>(tile.width, 8), d = arena.rows<3>(tile.width, 8);
    Rows<1> grey = arena.rows<1>(tile.width, 8), grey_s = arena.rows<1>(tile.width, 8);
    Rows<2> colour = arena.rows<2>(cells, 4);
    Rows<10> work = arena.rows<10>(cells, 1);
    Sums sums = {{work.at(0, 0), work.at(1, 0)}, {work.at(2, 0), work.at(3, 0)}, work.at(4, 0), work.at(5, 0), work.at(6, 0),
                 work.at(7, 0)};
    float *const carried = state.motion.moved ? work.at(8, 0) : 0, *const loss = work.at(9, 0);
    float *line = arena.take<float>(tile.width + 2 * MARGIN) + MARGIN;
    Channel all[3];
    for (int c = 0; c < count; c++) all[c] = channel(format, c);
    int moved = 0;

    const int begin = max(tile.left, 0), end = min(tile.left + tile.width, tile.picture_width);
    for (int pair = tile.top / CELL - 1; pair <= (tile.bottom + CELL - 1) / CELL; pair++) {
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
                read_codes(format, frame.in, one, row, width, height, left, wide, line);
                for (int x = 0; x < wide; x++) d.at(c, row)[x] = line[x] - s.at(c, row)[x];
            }
        }
        for (int row = CELL * pair; row < CELL * (pair + 1); row++) {
            float *g = grey.at(0, row), *l = grey_s.at(0, row);
            for (int x = 0; x < tile.width; x += LANES) {
                auto mean = [&](Rows<3> of) {
                    vec v = load(of.at(0, row) + x);
                    return rgb ? grey_of(v, load(of.at(1, row) + x), load(of.at(2, row) + x)) : v;
                };
                store(g + x, mean(d)), store(l + x, mean(s));
            }
        }
        // Of RGB the colour is red and blue without their luma.
        for (int c = 0; c < 2 && count > 1; c++) {
            float *to = colour.at(c, pair);
            cell_means(d, rgb ? 2 * c : c + 1, all[rgb ? 2 * c : c + 1], pair, cells, to);
            if (!rgb) continue;
            const float *a = grey.at(0, CELL * pair), *b = grey.at(0, CELL * pair + 1);
            for (int x = 0; x < cells; x++) to[x] -= 0.25f * (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
        }
        int cell_row = pair - 1;
        if (CELL * cell_row < tile.top) continue;

        column_sums(grey, grey_s, CELL * cell_row, tile.width, sums);
        int first = (tile.first - tile.left) / CELL, last = first + (tile.last - tile.first + CELL - 1) / CELL;
        if (carried) carried_cells(state.motion, tile.left / CELL, cell_row, cells, carried, loss);
        gates(state, sums, colour, count > 1, cell_row, cells, frame.time.frames, carried, loss,
              state.age + (int64_t)cell_row * state.cells_wide + tile.first / CELL, first, last, &moved);
        if (state.motion.usable && frame.time.carries)
            keep_luma(grey, grey_s, CELL * cell_row, sums.weight, tile.width, first, last,
                      state.motion.kept[0].at(tile.first / CELL, cell_row));
        for (int c = 0; c < count; c++) {
            const Channel &one = all[c];
            int height = (tile.picture_height + one.y) >> one.y;
            for (int row = CELL * cell_row >> one.y; row < min(CELL * (cell_row + 1) >> one.y, height); row++) {
                const float *old = s.at(c, row), *change = d.at(c, row);
                for (int x = 0; x < tile.width >> one.x; x += LANES) {
                    vec weight = one.x ? load(sums.weight + x) : twice_low(load(sums.weight + x / 2), LANE);
                    store(line + x, UNIT * (load(old + x) + weight * load(change + x)));
                }
                write_codes(state, after, one, row, tile.left >> one.x, tile.first >> one.x, (tile.last + one.x) >> one.x, line);
            }
        }
    }
    __atomic_fetch_add(&state.scene.moving, moved, __ATOMIC_RELAXED);
}

} // namespace rt
