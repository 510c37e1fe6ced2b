// The bands of lamps on the mains, found on the pyramid and divided out. The last block of threads looks at all rows.
#pragma once
#include "last_block.cuh"
#include "mains_state.cuh"

namespace rt {

// Rows of the level that a block of threads takes, parts of a row that are summed up apart, and waves that are tried.
constexpr int BAND_ROWS = 8, ROW_PARTS = 32, WAVES = (int)((MOST_CYCLES - FEWEST) / CYCLE_STEP) + 2;
static_assert(sizeof(Wave) * WAVES <= 2048 && sizeof(float) * BAND_ROWS * ROW_PARTS <= 2048, "as temporal.py leaves");

// How much of the wave the blocks of the level have, learnt over frames.
FN void learn_shares() {
    const MainsState &m = frame.state.mains;
    const int width = level_width(MAINS_LEVEL), height = level_height(MAINS_LEVEL), wide = shares_wide();
    const float mean = m.found->wave.mean;
    for (int item = threadIdx.x; item < wide * shares_high(); item += THREADS) {
        const int column = item % wide, row = item / wide, left = column * MAINS_BLOCK;
        const int right = min(left + MAINS_BLOCK, width), bottom = min((row + 1) * MAINS_BLOCK, height);
        float product = 0, square = 0;
        for (int y = row * MAINS_BLOCK; y < bottom; y++) {
            float sum = 0;
            for (int x = left; x < right; x++) sum += m.change[y * width + x] - mean;
            product += sum / (right - left) * m.rows[y], square += m.rows[y] * m.rows[y];
        }
        share_at(2, column, row) = learn_share(share_at(0, column, row), share_at(1, column, row), product, square);
    }
}

// One block: which bands the frame has. `anew`: there was no frame to compare it with.
FN void settle_bands(Wave *waves, bool anew) {
    const MainsState &m = frame.state.mains;
    Mains &found = *m.found;
    const int height = level_height(MAINS_LEVEL);
    const float down = (float)height / level_width(MAINS_LEVEL);
    const bool still = is_reset() || at_rest(frame.state.motion.found->model, down, NEARLY_AT_REST);
    if (anew || !still) {
        for (int i = threadIdx.x; i < 3 * shares_wide() * shares_high(); i += THREADS) m.share[i] = 0;
        if (threadIdx.x == 0) found = Mains{}, found.seen = still;
        return;
    }
    for (int k = threadIdx.x; FEWEST + k * CYCLE_STEP < MOST_CYCLES; k += THREADS)
        waves[k] = nearest_wave(m.rows, height, FEWEST + k * CYCLE_STEP);
    barrier();
    if (threadIdx.x == 0) {
        Wave best = {};
        for (int k = 0; FEWEST + k * CYCLE_STEP < MOST_CYCLES; k++)
            if (waves[k].explained > best.explained) best = waves[k];
        follow_bands(found, best);
        const Turn step = turn_of_row(best.cycles, height);
        Turn at = {1, 0};
        for (int y = 0; y < height; y++, at = at * step) m.rows[y] = best.size.re * at.re + best.size.im * at.im;
        found.seen++;
    }
    barrier();
    if (found.agree) learn_shares();
}

FN void find_bands(float *memory) {
    if (!evens()) return;
    const MainsState &m = frame.state.mains;
    const Layer now = now_layer(MAINS_LEVEL);
    const float none = zero_of_light(black_of(frame.state.format));
    const bool anew = is_reset() || m.found->seen == 0;
    const int top = blockIdx.y * BAND_ROWS, rows = min(BAND_ROWS, now.height - top);
    for (int item = threadIdx.x; item < rows * ROW_PARTS; item += THREADS) {
        const int first = (top + item / ROW_PARTS) * now.width;
        float sum = 0;
        for (int x = item % ROW_PARTS; x < now.width; x += ROW_PARTS) {
            const float log = log_above(now.data[first + x], none);
            if (anew)
                m.reference[first + x] = log;
            else
                sum += m.change[first + x] = log - m.reference[first + x];
        }
        memory[item] = sum;
    }
    barrier();
    for (int row = threadIdx.x; row < rows; row += THREADS) {
        float sum = 0;
        for (int i = 0; i < ROW_PARTS; i++) sum += memory[row * ROW_PARTS + i];
        m.rows[top + row] = sum / now.width;
    }
    barrier();
    if (is_last_block((int *)memory)) settle_bands((Wave *)memory, anew);
}

// A region of the frame without its bands, and of the light without bands, which goes on.
FN void divide_bands() {
    if (!evens()) return;
    const MainsState &m = frame.state.mains;
    const Mains &found = *m.found;
    const Format &f = frame.state.format;
    const Block block = block_of<Region>(frame.width, frame.height);
    constexpr int SIDE = 2 << MAINS_LEVEL, LEVEL_WIDE = Region::WIDTH / SIDE;
    const int width = level_width(MAINS_LEVEL), height = level_height(MAINS_LEVEL);
    for (int item = threadIdx.x; found.seen > 1 && item < LEVEL_WIDE * (Region::HEIGHT / SIDE); item += THREADS) {
        const int x = block.left / SIDE + item % LEVEL_WIDE, y = block.top / SIDE + item / LEVEL_WIDE,
                  at = y * width + x;
        if (x < width && y < height)
            m.reference[at] += rate_of_light(found.seen - 1) * (m.change[at] - found.wave.mean);
    }
    if (!found.bands) return;
    for (int item = threadIdx.x; item < REGION_CELLS; item += THREADS) {
        const int x = block.left / CELL + item % REGION_CELLS_WIDE, y = block.top / CELL + item / REGION_CELLS_WIDE;
        if (CELL * x >= frame.width || CELL * y >= frame.height) continue;
        int column, row;
        const float across = between(CELL * x + CELL / 2, shares_wide(), column);
        const float down = between(CELL * y + CELL / 2, shares_high(), row);
        const int right = min(column + 1, shares_wide() - 1), low = min(row + 1, shares_high() - 1);
        const float share = lerp(lerp(share_at(2, column, row), share_at(2, right, row), across),
                                 lerp(share_at(2, column, low), share_at(2, right, low), across), down);
        const float gain = without_band(share, wave_at(m.rows, height, CELL * y + CELL / 2));
        for (int c = 0; c < channels(); c++) {
            const Channel one = channel(c);
            const float none = c == 0 || is_rgb() ? zero_of_light(black_of(f)) : f.chroma_zero * f.code;
            for_samples(one, x, y,
                        [&](int u, int v) { keep(m.picture, one, u, v, scaled(Decoded{}(one, u, v), none, gain)); });
        }
    }
}

} // namespace rt
