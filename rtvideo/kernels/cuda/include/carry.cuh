// Carries the picture so far to where it is in the frame: tiles of samples, each with one displacement.
#pragma once
#include "motion_state.cuh"

#include "common/carry.h"

namespace rt {

FN Vector motion_at(float x, float y) {
    return motion_at(frame.state.motion.vectors[0], blocks_wide(0), blocks_high(0), x, y);
}
FN TileMotion motion_of_tile(const Channel &one, int x, int y) {
    return motion_of_tile(frame.state.motion.vectors[0], blocks_wide(0), blocks_high(0), one.x, one.y, x, y);
}

// Where a tile is read, and between which samples.
struct CarriedTile {
    int x, y;
    int u, v; // cells that its ages are off
    float across[TAPS], down[TAPS];
};

// Of a region: its tiles, then rows of samples that are made of those around. Along a side where a tile lies on samples
// one tap is 1 and all others are 0, so that they stay what they are.
FN void carry(float *memory) {
    constexpr int TILES = Region::WIDTH / CARRIED * (Region::HEIGHT / CARRIED), ROWS = CARRIED + TAPS - 1;
    const TemporalState &state = frame.state;
    const Block block = block_of<Region>(frame.width, frame.height);
    if (!state.motion.found->moved) return;
    CarriedTile *tiles = (CarriedTile *)memory;
    float *between = (float *)(tiles + TILES);
    for (int c = 0; c < channels(); c++) {
        const Channel one = channel(c);
        const int left = block.left >> one.x, top = block.top >> one.y, wide = (Region::WIDTH >> one.x) / CARRIED;
        const int count = wide * ((Region::HEIGHT >> one.y) / CARRIED), width = width_of(one), height = height_of(one);
        for (int item = threadIdx.x; item < count; item += THREADS) {
            const int x = left + item % wide * CARRIED, y = top + item / wide * CARRIED;
            const TileMotion by = motion_of_tile(one, x, y);
            CarriedTile &tile = tiles[item];
            tile.x = x + by.across.whole - TAPS_BEFORE, tile.y = y + by.down.whole - TAPS_BEFORE;
            tile.u = by.u, tile.v = by.v;
            for (int k = 0; k < TAPS; k++)
                tile.across[k] = tap_of(by.across.sixteenths, k), tile.down[k] = tap_of(by.down.sixteenths, k);
        }
        barrier();
        for (int item = threadIdx.x; item < count * ROWS * CARRIED; item += THREADS) {
            const CarriedTile &tile = tiles[item / (ROWS * CARRIED)];
            const int x = tile.x + item % CARRIED, y = clamp(tile.y + item / CARRIED % ROWS, 0, height - 1);
            float sum = 0;
    UNROLL for (int k = 0; k < TAPS; k++)
                sum += tile.across[k] * sample(state.before[0], true, one, clamp(x + k, 0, width - 1), y);
            between[item] = sum;
        }
        barrier();
        for (int item = threadIdx.x; item < count * CARRIED * CARRIED; item += THREADS) {
            const int number = item / (CARRIED * CARRIED), column = item % CARRIED, row = item / CARRIED % CARRIED;
            const int x = left + number % wide * CARRIED + column, y = top + number / wide * CARRIED + row;
            if (x >= width || y >= height) continue;
            float sum = 0;
            UNROLL for (int k = 0; k < TAPS; k++)
                sum += tiles[number].down[k] * between[(number * ROWS + row + k) * CARRIED + column];
            keep(state.before[1], one, x, y, sum / UNIT);
        }
        for (int item = threadIdx.x; item < REGION_CELLS && c == 0; item += THREADS) {
            const int column = item % REGION_CELLS_WIDE, row = item / REGION_CELLS_WIDE;
            const CarriedTile &tile = tiles[CELL * row / CARRIED * wide + CELL * column / CARRIED];
            const int cells_wide = (frame.width + CELL - 1) / CELL, cells_high = (frame.height + CELL - 1) / CELL;
            const int x = block.left / CELL + column, y = block.top / CELL + row;
            if (x >= cells_wide || y >= cells_high) continue;
            const int u = x + tile.u, v = y + tile.v;
            const bool known = u >= 0 && u < cells_wide && v >= 0 && v < cells_high;
            state.age[y * cells_wide + x] = known ? state.age_before[v * cells_wide + u] : 0;
        }
        barrier();
    }
}

} // namespace rt
