// Debanding in front of the network, a cell a thread: means of cells, a pyramid of them, coarse to fine, and the picture.
#pragma once
#include "grid.cuh"
#include "temporal_state.cuh"

#include "common/scene_statistics.h"

namespace rt {

constexpr int TOP = DEBAND_LEVELS - 1;
template <int LEVEL> using Cells = Grid<(DEBAND_CELL << LEVEL), false>;

// A block of threads takes so many cells, which hold whole cells of all coarser levels.
typedef Shape<32, 1 << TOP, 1> CellBlock;
constexpr int CELLS_IN_BLOCK = CellBlock::WIDTH * CellBlock::HEIGHT;

struct Seen {
    METHOD float operator()(const Channel &c, int x, int y) const {
        return code_of(SEEN_PLANES, SEEN_WIDE, SEEN_FORMAT.code, c, x, y);
    }
};

// Where luma, or a colour, lies; RGB has both in each pixel, colour as red and blue without their luma.
FN Channel sample_channel(int c) { return channel(c == 0 || is_rgb() ? 0 : 1); }
FN float seen(int c, int x, int y) {
    if (!is_rgb()) return Seen{}(channel(c), x, y);
    const float grey = luma(Seen{}, x, y);
    return c == 0 ? grey : Seen{}(channel(c == 1 ? 0 : 2), x, y) - grey;
}

// What luma and colours are counted from. Red and blue without their luma are counted from zero.
FN float zero_of(const Debanding &d, int c) { return c == 0 ? d.black : is_rgb() ? 0 : d.zero; }

// How fine the codes of a cell are that was averaged over time.
FN float fine_codes(const Debanding &d, int x, int y, float level) {
    if (!(frame.time.frames > 0)) return 1;
    const TemporalState &state = frame.state;
    const int ages = DEBAND_CELL / CELL, wide = (frame.width + CELL - 1) / CELL,
              high = (frame.height + CELL - 1) / CELL;
    int least = 255;
    for (int i = 0; i < ages; i++)
        for (int j = 0; j < ages; j++)
            least = min(least, (int)state.age[min(y * ages + i, high - 1) * wide + min(x * ages + j, wide - 1)]);
    return fineness(unpacked_age((float)least), noise_at(*state.scene, d.black + level));
}

// Of a cell of a channel: the mean, and the mean distance of its samples from that.
FN float mean_of_cell(int c, int x, int y, float &off) {
    const Channel one = sample_channel(c);
    const int wide = DEBAND_CELL >> one.x, high = DEBAND_CELL >> one.y;
    const float share = 1.0f / (wide * high);
    float v[DEBAND_CELL * DEBAND_CELL], mean = 0;
    auto samples = [&](auto f) {
    UNROLL for (int i = 0; i < DEBAND_CELL * DEBAND_CELL; i++)
            if (i % DEBAND_CELL < wide && i / DEBAND_CELL < high) f(i);
    };
    samples([&](int i) { mean += v[i] = seen(c, x * wide + i % DEBAND_CELL, y * high + i / DEBAND_CELL); });
    mean *= share, off = 0;
    samples([&](int i) { off += share * abs(v[i] - mean); });
    return mean;
}

// Means of two by two cells of a block, the last row and column repeated; of noise the least, since an edge has more of
// it, but from the second level on, where enough samples are behind it.
template <int LEVEL> FN void halve(const Block &block, const float *finer, float *coarser) {
    constexpr int WIDTH = CellBlock::WIDTH >> LEVEL, HEIGHT = CellBlock::HEIGHT >> LEVEL;
    const Cells<LEVEL> to{frame.debanding.means[LEVEL]};
    const Cells<LEVEL - 1> from{};
    const int left = block.left >> LEVEL, top = block.top >> LEVEL;
    const int last_column = from.width() - 1 - 2 * left, last_row = from.height() - 1 - 2 * top;
    for (int item = threadIdx.x; item < MEANS * WIDTH * HEIGHT; item += THREADS) {
        const int c = item / (WIDTH * HEIGHT), row = item / WIDTH % HEIGHT, column = item % WIDTH;
        if (left + column >= to.width() || top + row >= to.height()) continue;
        auto joined = [&](float a, float b) { return c == NOISE && LEVEL > 1 ? min(a, b) : 0.5f * (a + b); };
        auto pair = [&](int u) {
            const float *line = finer + c * 4 * WIDTH * HEIGHT + min(u, last_column);
            return joined(line[2 * row * 2 * WIDTH], line[min(2 * row + 1, last_row) * 2 * WIDTH]);
        };
        coarser[item] = to.at(c, top + row, left + column) = joined(pair(2 * column), pair(2 * column + 1));
    }
    barrier();
}

// The means of all levels. What is `memory` for one level lies behind that of the finer one.
FN void measure_bands(float *memory) {
    const DebandingState &d = frame.debanding;
    const Debanding of = debanding_of(frame.format);
    const Cells<0> means{d.means[0]}, deviations{d.deviations};
    const Block block = block_of<CellBlock>(means.width(), means.height());
    for (int item = threadIdx.x; item < CELLS_IN_BLOCK; item += THREADS) {
        const int x = block.left + item % CellBlock::WIDTH, y = block.top + item / CellBlock::WIDTH;
        if (x >= block.width || y >= block.height) continue;
        float found[MEANS] = {}, off[3] = {};
        UNROLL for (int c = 0; c < 3; c++)
            if (c < channels()) found[c] = mean_of_cell(c, x, y, off[c]) - zero_of(of, c);
        found[FINE] = fine_codes(of, x, y, found[0]), found[NOISE] = max(off[1], off[2]);
        UNROLL for (int c = 0; c < MEANS; c++) memory[c * CELLS_IN_BLOCK + item] = means.at(c, y, x) = found[c];
        deviations.at(0, y, x) = off[0], deviations.at(1, y, x) = found[NOISE];
    }
    barrier();
    float *first = memory + MEANS * CELLS_IN_BLOCK, *second = first + MEANS * CELLS_IN_BLOCK / 4;
    halve<1>(block, memory, first), halve<2>(block, first, second);
    halve<3>(block, second, second + MEANS * CELLS_IN_BLOCK / 16);
}

// The smooth picture of the coarsest level: means over 3 x 3 cells, edges repeated.
FN void blur_bands() {
    const Cells<TOP> from{frame.debanding.means[TOP]}, to{frame.debanding.smooth[TOP]};
    for_cells(to, [&](int x, int y) {
        for (int c = 0; c < SMOOTH; c++) {
            float sum = 0;
            for (int i = -1; i <= 1; i++)
                for (int j = -1; j <= 1; j++)
                    sum += from.at(c < 3 ? c : NOISE, clamp(y + i, 0, to.height() - 1), clamp(x + j, 0, to.width() - 1));
            to.at(c, y, x) = sum * (1.0f / 9);
        }
    });
}

// How much of a cell becomes smooth, of luma and of colour, and how far its colour may be off.
struct Shares {
    float luma, colour, tolerance;
};

// The shares of each cell of a block: f(x, y, shares). `smooth` reads the smooth picture, `within` how far the samples
// of cells are from their means. What cells around are off by lies in `memory`: luma, then colour.
template <int LEVEL, class Smooth, class Within, class F>
FN void for_shares(float *memory, const Smooth &smooth, const Within &within, const F &f) {
    constexpr int WIDTH = CellBlock::WIDTH + 2, ALL = WIDTH * (CellBlock::HEIGHT + 2);
    const DebandingState &d = frame.debanding;
    const Cells<LEVEL> means{d.means[LEVEL]};
    const float code = debanding_of(frame.format).code;
    const Block block = block_of<CellBlock>(means.width(), means.height());
    for (int item = threadIdx.x; item < ALL; item += THREADS) {
        const int x = clamp(block.left + item % WIDTH - 1, 0, block.width - 1);
        const int y = clamp(block.top + item / WIDTH - 1, 0, block.height - 1);
        auto off = [&](int c) { return abs(means.at(c, y, x) - smooth(c, x, y)); };
        memory[item] = off(0) + within(0, x, y), memory[ALL + item] = max(off(1), off(2)) + within(1, x, y);
    }
    barrier();
    for (int item = threadIdx.x; item < CELLS_IN_BLOCK; item += THREADS) {
        const int column = item % CellBlock::WIDTH, row = item / CellBlock::WIDTH;
        const int x = block.left + column, y = block.top + row;
        if (x >= block.width || y >= block.height) continue;
        float around[2] = {};
        UNROLL for (int i = 0; i < 9; i++) {
            const float *off = memory + (row + i / 3) * WIDTH + column + i % 3;
            around[0] += off[0] * (1.0f / 9), around[1] += off[ALL] * (1.0f / 9);
        }
        const float level = smooth(0, x, y), tolerance = colour_tolerance(smooth(3, x, y), code);
        f(x, y, Shares{share_of_smooth(level, around[0], means.at(FINE, y, x), code),
                       share_of_smooth_colour(level, around[0], around[1], tolerance, code), tolerance});
    }
}

// A level of the pyramid: its means move towards the coarser level.
template <int LEVEL> FN void smooth_bands(float *memory) {
    const DebandingState &d = frame.debanding;
    const Cells<LEVEL> means{d.means[LEVEL]}, to{d.smooth[LEVEL]};
    const Cells<LEVEL + 1> coarser{d.smooth[LEVEL + 1]};
    auto smooth = [&](int c, int x, int y) { return bilinear(coarser, c, half_pixel(y, 0.5f), half_pixel(x, 0.5f)); };
    auto none = [](int, int, int) { return 0.0f; };
    for_shares<LEVEL>(memory, smooth, none, [&](int x, int y, const Shares &share) {
        UNROLL for (int c = 0; c < 3; c++)
            to.at(c, y, x) = lerp(means.at(c, y, x), smooth(c, x, y), c == 0 ? share.luma : share.colour);
        to.at(3, y, x) = smooth(3, x, y);
    });
}

// What share of each of the finest cells becomes smooth, and how far its colour may be off.
FN void share_bands(float *memory) {
    const DebandingState &d = frame.debanding;
    const Cells<0> smooth{d.smooth[0]}, deviations{d.deviations}, to{d.shares};
    auto read = [](const Cells<0> &cells) { return [=](int c, int x, int y) { return cells.at(c, y, x); }; };
    for_shares<0>(memory, read(smooth), read(deviations), [&](int x, int y, const Shares &share) {
        to.at(0, y, x) = d.amount * share.luma, to.at(1, y, x) = d.amount * share.colour;
        to.at(2, y, x) = 1 / share.tolerance;
    });
}

// A sample of luma or a colour on its way to the smooth picture.
FN float without_bands(const Debanding &of, int c, int x, int y) {
    const DebandingState &d = frame.debanding;
    const Channel one = sample_channel(c);
    const float across = half_pixel(x, 1.0f / (DEBAND_CELL >> one.x)), down = half_pixel(y, 1.0f / (DEBAND_CELL >> one.y));
    auto between = [&](float *cells, int channel) { return bilinear(Cells<0>{cells}, channel, down, across); };
    const float zero = zero_of(of, c), per = c > 0 ? between(d.shares, 2) : 1 / (OF_SAMPLE * of.code);
    return zero + debanded(seen(c, x, y) - zero, between(d.smooth[0], c), between(d.shares, c > 0), per);
}

FN void deband_picture() {
    const Planes &to = frame.debanding.picture;
    const Debanding of = debanding_of(frame.format);
    const Block block = block_of<Region>(frame.width, frame.height);
    for (int item = threadIdx.x; item < REGION_CELLS; item += THREADS) {
        const int x = block.left / CELL + item % REGION_CELLS_WIDE, y = block.top / CELL + item / REGION_CELLS_WIDE;
        if (CELL * x >= frame.width || CELL * y >= frame.height) continue;
        if (is_rgb()) {
            for_samples(channel(0), x, y, [&](int u, int v) {
                const float grey = without_bands(of, 0, u, v);
                const float red = grey + without_bands(of, 1, u, v), blue = grey + without_bands(of, 2, u, v);
                keep(to, channel(0), u, v, red), keep(to, channel(2), u, v, blue);
                keep(to, channel(1), u, v, 2 * grey - 0.5f * (red + blue));
            });
            continue;
        }
        for (int c = 0; c < channels(); c++)
            for_samples(channel(c), x, y, [&](int u, int v) { keep(to, channel(c), u, v, without_bands(of, c, u, v)); });
    }
}

} // namespace rt
