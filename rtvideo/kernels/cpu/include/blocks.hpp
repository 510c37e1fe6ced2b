// Between pixels and blocks of 2x2 pixels: a block is a pixel at half the size, with four channels for each of a pixel's,
// row by row (step 9 of rtvideo/models/description.py).
#pragma once
#include "rows.hpp"

namespace rt {

// Of a row of pixels, the left and the right ones of each block, in two channels.
template <int C> FN void put_row(const Rows<C> &out, int channel, int row, int x, vec first, vec second) {
    store(out.at(channel, row) + x, even(first, second, LANE));
    store(out.at(channel + 1, row) + x, odd(first, second, LANE));
}
#if defined(__AVX512BF16__)
template <int C> FN void put_row(const Packed<C> &out, int channel, int row, int x, vec first, vec second) {
    store(out.at(channel / 2, row) + x, pack_neighbours(first, second));
}
#endif

// A row of blocks. The last row and column of pixels repeat where the picture has an odd number of them.
template <int C, class Out> ROW_FUNCTION unshuffle(const Tile &tile, Rows<C> in, Out out, int row) {
    const Tile half = halved(tile);
    if (blank(half, out, row)) return;
    const int end = tile.picture_width - tile.left;
    for (int i = 0; i < 2; i++) {
        const int from = min(2 * row + i, tile.picture_height - 1);
        for (int c = 0; c < C; c++) {
            float *source = in.at(c, from);
            if (end > 0 && end < tile.width) source[end] = source[end - 1];
            for (int x = 0; x < half.width; x += LANES)
                put_row(out, 4 * c + 2 * i, row, x, load(source + 2 * x), load(source + 2 * x + LANES));
        }
    }
    trim(half, out, row);
}

// A row of pixels, of the row of blocks in which they lie.
template <int C> ROW_FUNCTION shuffle(const Tile &tile, Rows<4 * C> in, Rows<C> out, int row) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < C; c++) {
        const int channel = 4 * c + 2 * (row & 1);
        const float *left = in.at(channel, row >> 1), *right = in.at(channel + 1, row >> 1);
        float *target = out.at(c, row);
        for (int x = 0; x < tile.width; x += 2 * LANES) {
            vec a = load(left + x / 2), b = load(right + x / 2);
            store(target + x, turns_low(a, b, LANE)), store(target + x + LANES, turns_high(a, b, LANE));
        }
    }
    trim(tile, out, row);
}

} // namespace rt
