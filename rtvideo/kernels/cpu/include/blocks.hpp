// Noise removal at half size, between pixels and blocks of 2x2 pixels, a row at a time.
#pragma once
#include "layers.hpp"

#include "common/blocks.h"

namespace rt {

// A value of each block, for its two pixels of a row.
FN void repeat(vec v, vec &first, vec &second) { first = twice_low(v, LANE), second = twice_high(v, LANE); }

// Of two rows of pixels, what the network sees of their blocks. The last row and column of pixels repeat where the
// picture has an odd number of them.
template <class Out> ROW_FUNCTION see_blocks(const Tile &tile, Rows<3> in, Out out, int row) {
    const Tile half = halved(tile);
    if (blank(half, out, row)) return;
    const int end = tile.picture_width - tile.left, lower = min(2 * row + 1, tile.picture_height - 1);
    float *rows[2][3];
    for (int c = 0; c < 3; c++) {
        rows[0][c] = in.at(c, 2 * row), rows[1][c] = in.at(c, lower);
        for (int i = 0; i < 2; i++) {
            if (end > 0 && end < tile.width) rows[i][c][end] = rows[i][c][end - 1];
        }
    }
    for (int x = 0; x < half.width; x += LANES) {
        vec pixels[4][3], seen[BLOCK_CHANNELS];
    UNROLL for (int i = 0; i < 2; i++) {
            UNROLL for (int c = 0; c < 3; c++) {
                const vec a = load(rows[i][c] + 2 * x), b = load(rows[i][c] + 2 * x + LANES);
                pixels[2 * i][c] = even(a, b, LANE), pixels[2 * i + 1][c] = odd(a, b, LANE);
            }
        }
        see_block(pixels, seen);
        vec v[BLOCK_CHANNELS][1];
        UNROLL for (int c = 0; c < BLOCK_CHANNELS; c++) v[c][0] = seen[c];
        put(out, row, x, v);
    }
    trim(half, out, row);
}

// Of a row of pixels the noise, of what the network says of their blocks. Means are made again: that costs less than to
// keep them, as what the network has seen may be rounded to bf16.
ROW_FUNCTION noise_in_blocks(const Tile &tile, Rows<3> in, Rows<BLOCK_CHANNELS> said, Rows<3> out, int row) {
    if (blank(tile, out, row)) return;
    const int beside = min(row ^ 1, tile.picture_height - 1), block = row >> 1;
    for (int x = 0; x < tile.width; x += 2 * LANES) {
        vec pixel[2][3], mean[2][3], noise[2][3];
        UNROLL for (int c = 0; c < 3; c++) {
            vec sum[2];
            UNROLL for (int i = 0; i < 2; i++) {
                pixel[i][c] = load(in.at(c, row) + x + i * LANES);
                sum[i] = pixel[i][c] + load(in.at(c, beside) + x + i * LANES);
            }
            const vec means = (even(sum[0], sum[1], LANE) + odd(sum[0], sum[1], LANE)) * 0.25f;
            repeat(means, mean[0][c], mean[1][c]);
            repeat(load(said.at(c, block) + x / 2), noise[0][c], noise[1][c]);
        }
        vec of_luma[2], of_colour[2];
        repeat(share_of_noise(load(said.at(3, block) + x / 2)), of_luma[0], of_luma[1]);
        repeat(share_of_noise(load(said.at(4, block) + x / 2)), of_colour[0], of_colour[1]);
        UNROLL for (int i = 0; i < 2; i++) {
            noise_of(details_of(pixel[i], mean[i]), of_luma[i], of_colour[i], noise[i]);
            UNROLL for (int c = 0; c < 3; c++) store(out.at(c, row) + x + i * LANES, noise[i][c]);
        }
    }
    trim(tile, out, row);
}

} // namespace rt
