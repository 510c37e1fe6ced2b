// Noise removal behind the temporal filter.
#pragma once
#include "frame.hpp"

#include "common/light.h"

namespace rt {

// The weight of noise removal, less where cells were averaged over time.
template <int C>
ROW_FUNCTION less_where_averaged(const Tile &tile, Rows<C> weight, Rows<C> out, int row, const Frame &frame) {
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    if (blank(tile, out, row)) return;
    const bool over_time = frame.time.frames > 0;
    const TemporalState &state = frame.state;
    const int64_t first = (int64_t)(row / CELL) * state.cells_wide + tile.left / CELL;
    for (int x = 0; x < tile.width; x += 2 * LANES) {
        vec left = splat(1);
        if (over_time) {
            bytes age; // beyond the picture's sides lies other memory of the state: it is read, and not used
            memcpy(&age, state.age + first + x / CELL, sizeof age);
            left = noise_left(unpacked_age(__builtin_convertvector(age, vec)));
        }
        for (int c = 0; c < C; c++) {
            const float *from = weight.at(c, row) + x;
            float *to = out.at(c, row) + x;
            store(to, load(from) * twice_low(left, LANE));
            store(to + LANES, load(from + LANES) * twice_high(left, LANE));
        }
    }
    trim(tile, out, row);
}

} // namespace rt
