// Noise over time: a recursive filter on the planes, in front of the network. A cell whose neighbourhood changed by no
// more than noise does is averaged over the frames that it has stood; one that changed starts anew.
#pragma once
#include "survey.hpp"

namespace rt {

constexpr float STANDS = 2, MOVES = 4.5f; // deviations: what is less is noise, what is more is motion
// Deviations of means over a neighbourhood for one of a pixel. Noise that went through a demosaicing or an encoder is
// coarser than a pixel, so that the mean of 16 varies by more than a quarter.
constexpr float OF_MEAN = 0.45f, OF_COLOUR = 0.5f;
constexpr float OF_SIZE = 0.8f; // the mean of |noise|
constexpr int RECURSIVE_HALO = 4;

// The gain of light on each cell of a row, between the middles of blocks. Returns whether there is any.
INLINE bool gains(const History &h, int picture_height, int row, int left, int cells, float *to) {
    int rows = (picture_height / SIDE + 1) / 2;
    auto place = [](int pixel, int step, int count, int &at) {
        float x = clamp((pixel + (CELL - SIDE) * 0.5f) / step, 0.0f, count - 1.0f);
        at = min((int)x, max(count - 2, 0));
        return x - at;
    };
    int y, x;
    float down = place(row, 2 * SIDE, rows, y);
    const float *above = h.gain + (int64_t)y * h.blocks_wide, *below = y + 1 < rows ? above + h.blocks_wide : above;
    bool any = false;
    for (int i = 0; i < cells; i++) {
        float across = place(left + CELL * i, SIDE, h.blocks_wide, x);
        int next = min(x + 1, h.blocks_wide - 1);
        float l = above[x] + (below[x] - above[x]) * down, r = above[next] + (below[next] - above[next]) * down;
        float off = l - 1 + (r - l) * across;
        to[i] = 1 + off;
        any |= off != 0;
    }
    return any;
}

// What a change of exposure or of light did to a picture is done to the one that is kept. `h.curve` and `h.gain` say
// what. So neither noise nor what is left behind comes with it: what was averaged stays, at its new brightness.
static void relight(Tile tile, History &h, Arena arena) {
    tile.width = (tile.last - tile.first + CELL - 1) / CELL * CELL; // no more: the next strip is being written
    const Planes &picture = h.picture[h.now];
    Rows<4> rows = arena.rows<4>(tile.width, 4);
    float *spare = arena.take<float>(tile.width + 2 * MARGIN) + MARGIN;
    auto risen = [&](float level) {
        float l = clamp(level, 0.0f, 255.0f);
        int k = (int)l;
        return level + h.curve[k] + (h.curve[k + 1] - h.curve[k]) * (l - k);
    };
    int width = tile.picture_width, height = tile.picture_height;
    for (int top = tile.top; top < tile.bottom; top += CELL) {
        float *gain = rows.at(3, 0);
        bool shone = h.shone && gains(h, height, top, tile.left, tile.width / CELL, gain);
        if (!shone && !h.exposed) continue;
        float *ratio = rows.at(1, 0);
        if (h.exposed) {
            for (int i = 0; i < CELL; i++) luma_codes(h.kept, picture, 1 / UNIT, top + i, tile, spare, rows.at(0, i));
            for (int x = 0; x < tile.width; x += CELL) {
                const float *a = rows.at(0, 0) + x, *b = rows.at(0, 1) + x;
                float level = (a[0] + a[1] + b[0] + b[1]) / 4;
                ratio[x / CELL] = brightening(h, level, risen(level));
            }
        }
        for (int c = channels(h.kept) - 1; c >= 0; c--) { // luma last, since the others follow it
            Channel one = channel(h.kept, c);
            bool luma = c == 0 && !is_rgb(h.kept);
            float zero = is_rgb(h.kept) ? h.black : h.kept.chroma_zero / UNIT;
            int left = tile.left >> one.x, count = tile.width >> one.x;
            int first = tile.first >> one.x, last = (tile.last + one.x) >> one.x;
            for (int row = top >> one.y; row << one.y < min(top + CELL, tile.bottom); row++) {
                float *line = rows.at(2, 0);
                read_codes(h.kept, picture, one, 1 / UNIT, row, (width + one.x) >> one.x, (height + one.y) >> one.y, left,
                           count, line);
                for (int x = 0; h.exposed && x < count; x++)
                    line[x] = luma ? risen(line[x]) : zero + (line[x] - zero) * ratio[x >> (1 - one.x)];
                float none = luma || is_rgb(h.kept) ? h.black - FOOT : zero;
                for (int x = 0; shone && x < count; x++) line[x] = none + (line[x] - none) * gain[x >> (1 - one.x)];
                for (int x = 0; x < count; x++) line[x] *= UNIT;
                write_codes(h, picture, one, row, left, first, last, line);
            }
        }
    }
}

struct Sums {
    float *even[2], *odd[2], *level, *gate, *weight;
};

// Sums over the rows of a window, apart for even and odd columns: of the difference, and of its size.
INLINE void column_sums(Rows<1> d, Rows<1> s, int row, int width, const Sums &to) {
    for (int x = 0; x < width; x += 2 * LANES) {
        vec sum[2] = {}, size[2] = {}, level[2];
        UNROLLED for (int k = 0; k < 2; k++) {
            int at = x + k * LANES;
            UNROLLED for (int i = -1; i <= CELL; i++) {
                vec v = load(d.at(0, row + i) + at);
                sum[k] += v, size[k] += max(v, -v);
            }
            level[k] = load(s.at(0, row) + at) + load(s.at(0, row + 1) + at);
        }
        store(to.even[0] + x / 2, even(sum[0], sum[1], LANE)), store(to.odd[0] + x / 2, odd(sum[0], sum[1], LANE));
        store(to.even[1] + x / 2, even(size[0], size[1], LANE)), store(to.odd[1] + x / 2, odd(size[0], size[1], LANE));
        store(to.level + x / 2, 0.25f * (even(level[0], level[1], LANE) + odd(level[0], level[1], LANE)));
    }
}

// The mean of each cell over the samples that a channel has in it.
INLINE void cell_means(Rows<3> d, int c, const Channel &one, int cell_row, int cells, float *to) {
    int rows = one.y ? 1 : CELL, first = one.y ? cell_row : CELL * cell_row;
    const float *a = d.at(c, first), *b = d.at(c, first + rows - 1);
    for (int x = 0; x < cells; x++)
        to[x] = one.x ? 0.5f * (a[x] + b[x]) : 0.25f * (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
}

// Ages and weights of a row of cells. Returns how many of the cells first..last moved.
ROW_FUNCTION gates(const History &h, const Sums &sums, Rows<2> colour, bool coloured, int cell_row, int cells,
                   float frames, uint8_t *ages, int first, int last, int *moved) {
    for (int x = 0; x < cells; x++) sums.weight[x] = x >= first && x < last ? ages[x - first] * (1 / AGE_UNIT) : 0;
    for (int x = 0; x < cells; x += LANES) {
        vec age = load(sums.weight + x), sum = {}, size = {};
        sum = load(sums.odd[0] + x - 1) + load(sums.even[0] + x) + load(sums.odd[0] + x) + load(sums.even[0] + x + 1);
        size = load(sums.odd[1] + x - 1) + load(sums.even[1] + x) + load(sums.odd[1] + x) + load(sums.even[1] + x + 1);
        vec noise = clamp(h.noise + h.slope * load(sums.level + x), LOWEST, HIGHEST);
        noise *= 1 + 0.4142f / max(age, splat(1)); // the kept picture's own: the chord of sqrt(1 + 1 / age)
        vec per = 1 / noise;
        vec z = max(max(sum, -sum) * (per * (1 / (16 * OF_MEAN))), 2 * (size * (per * (1 / (16 * OF_SIZE))) - 1));
        if (coloured)
            UNROLLED for (int c = 0; c < 2; c++) {
                vec mean = {};
                UNROLLED for (int i = -1; i <= 1; i++) {
                    const float *row = colour.at(c, cell_row + i) + x;
                    mean += load(row - 1) + load(row) + load(row + 1);
                }
                z = max(z, max(mean, -mean) * (per * (1 / (9 * OF_COLOUR))));
            }
        vec gate = clamp((z - STANDS) * (1 / (MOVES - STANDS)), 0, 1);
        vec older = min(age + 1, splat(frames));
        age = older + gate * (1 - older);
        store(sums.gate + x, gate);
        store(sums.level + x, age);
        store(sums.weight + x, 1 / age);
    }
    int count = 0;
    for (int x = first; x < last; x++) {
        ages[x - first] = (uint8_t)(sums.level[x] * AGE_UNIT + 0.5f);
        count += sums.gate[x] > 0.5f;
    }
    *moved += count;
}

// A strip of the picture that is kept from now on.
static void recurse(const Tile &tile, History &h, const Format &format, const Planes &in, float frames, Arena arena) {
    const Planes &before = h.picture[h.now], &after = h.picture[1 - h.now];
    const int count = channels(format), cells = tile.width / CELL;
    const bool rgb = is_rgb(format);
    Rows<3> s = arena.rows<3>(tile.width, 8), d = arena.rows<3>(tile.width, 8);
    Rows<1> grey = arena.rows<1>(tile.width, 8), grey_s = arena.rows<1>(tile.width, 8);
    Rows<2> colour = arena.rows<2>(cells, 4);
    Rows<7> work = arena.rows<7>(cells, 1);
    Sums sums = {{work.at(0, 0), work.at(1, 0)}, {work.at(2, 0), work.at(3, 0)}, work.at(4, 0), work.at(5, 0), work.at(6, 0)};
    float *line = arena.take<float>(tile.width + 2 * MARGIN) + MARGIN;
    Channel all[3];
    for (int c = 0; c < count; c++) all[c] = channel(format, c);
    int moved = 0;

    const int begin = max(tile.left, 0), end = min(tile.left + tile.width, tile.picture_width);
    for (int pair = tile.top / CELL - 1; pair <= (tile.bottom + CELL - 1) / CELL; pair++) {
        for (int i = 0, row = CELL * pair + AHEAD; i < CELL && row < tile.picture_height; i++, row++) {
            if (row < 0) continue;
            prefetch(format, in, row, begin, end), prefetch(h.kept, before, row, begin, end);
            prefetch(h.kept, after, row - CELL > 0 ? row - CELL : 0, tile.first, tile.last);
        }
        for (int c = 0; c < count; c++) {
            const Channel &one = all[c];
            int left = tile.left >> one.x, wide = tile.width >> one.x;
            int width = (tile.picture_width + one.x) >> one.x, height = (tile.picture_height + one.y) >> one.y;
            for (int row = CELL * pair >> one.y; row < CELL * (pair + 1) >> one.y; row++) {
                read_codes(h.kept, before, one, 1 / UNIT, row, width, height, left, wide, s.at(c, row));
                read_codes(format, in, one, h.code, row, width, height, left, wide, line);
                for (int x = 0; x < wide; x++) d.at(c, row)[x] = line[x] - s.at(c, row)[x];
            }
        }
        for (int row = CELL * pair; row < CELL * (pair + 1); row++) {
            float *g = grey.at(0, row), *l = grey_s.at(0, row);
            for (int x = 0; x < tile.width; x += LANES) {
                auto mean = [&](Rows<3> of) {
                    vec v = load(of.at(0, row) + x);
                    return rgb ? 0.25f * (v + load(of.at(2, row) + x)) + 0.5f * load(of.at(1, row) + x) : v;
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
        gates(h, sums, colour, count > 1, cell_row, cells, frames,
              h.age + (int64_t)cell_row * h.cells_wide + tile.first / CELL, first, last, &moved);
        for (int c = 0; c < count; c++) {
            const Channel &one = all[c];
            int height = (tile.picture_height + one.y) >> one.y;
            for (int row = CELL * cell_row >> one.y; row < min(CELL * (cell_row + 1) >> one.y, height); row++) {
                const float *old = s.at(c, row), *change = d.at(c, row);
                for (int x = 0; x < tile.width >> one.x; x += LANES) {
                    vec weight = one.x ? load(sums.weight + x) : twice_low(load(sums.weight + x / 2), LANE);
                    store(line + x, UNIT * (load(old + x) + weight * load(change + x)));
                }
                write_codes(h, after, one, row, tile.left >> one.x, tile.first >> one.x, (tile.last + one.x) >> one.x, line);
            }
        }
    }
    __atomic_fetch_add(&h.moving, moved, __ATOMIC_RELAXED);
}

} // namespace rt
