// The temporal filter, a cell a thread.
#pragma once
#include "carry.cuh"
#include "scene_statistics.cuh"

#include "common/temporal_filter.h"

namespace rt {

// The mean difference of a cell over the samples that a channel has in it.
FN float cell_mean(const Before &before, const Now &now, int c, int x, int y) {
    const Channel one = channel(c);
    const int wide = CELL >> one.x, high = CELL >> one.y;
    float sum = 0;
    for (int i = 0; i < high; i++) {
        for (int j = 0; j < wide; j++) {
            const int u = x * wide + j, v = y * high + i;
            sum += now(one, u, v) - before(one, u, v);
        }
    }
    return sum * (1.0f / (wide * high));
}

// The age of a cell of the picture so far that was carried, and whether its block moved at all.
FN float carried_age(const Before &before, float age, float noise, int x, int y, bool &moved) {
    constexpr int SIDE = 2 * MOTION_BLOCK / CELL;
    const MotionState &m = frame.state.motion;
    const int at = min(y / SIDE, blocks_high(0) - 1) * blocks_wide(0) + min(x / SIDE, blocks_wide(0) - 1);
    moved = moves(m.vectors[0][at]);
    if (!moved) return age;
    // Means of cells on either side, and of rows above and below.
    auto mean = [&](int left, int top) {
        float sum = 0;
        for (int i = 0; i < CELL * CELL; i++) sum += luma(before, left + i % CELL, top + i / CELL);
        return sum * (1.0f / (CELL * CELL));
    };
    const float across = (mean(CELL * (x + 1), CELL * y) - mean(CELL * (x - 1), CELL * y)) * 0.25f;
    const float down = 0.5f * (mean(CELL * x, CELL * y + 1) - mean(CELL * x, CELL * y - 1));
    return age_carried(age, across * across + down * down, m.unsure[at], loss_of(m.residuals[at], m.found->noise[0]),
                       noise);
}

// The picture that is kept from now on. Cells of a region and around it, and their pixels, lie in shared memory: the
// difference of luma, and that of colour (of RGB red and blue without their luma).
FN void filter(float *memory) {
    constexpr int AROUND = LINE / 2; // cells
    constexpr int CELLS_WIDE = REGION_CELLS_WIDE + 2 * AROUND;
    constexpr int CELLS = CELLS_WIDE * (Region::HEIGHT / CELL + 2 * AROUND);
    constexpr int WIDTH = CELL * CELLS_WIDE;
    const TemporalState &state = frame.state;
    Scene &scene = *state.scene;
    const Block block = block_of<Region>(frame.width, frame.height);
    const int left = block.left / CELL, top = block.top / CELL;
    const Before before;
    const Now now;
    float *grey = memory, *means = grey + CELL * CELL * CELLS, *colour = means + CELLS;
    int *moving = (int *)(colour + 2 * CELLS);
    if (threadIdx.x == 0) *moving = 0;
    for (int item = threadIdx.x; item < CELLS; item += THREADS) {
        const int column = item % CELLS_WIDE, row = item / CELLS_WIDE, x = left + column - AROUND,
                  y = top + row - AROUND;
        float mean = 0;
    UNROLL for (int i = 0; i < CELL * CELL; i++) {
            const int u = i % CELL, v = i / CELL;
            const float d = luma(now, CELL * x + u, CELL * y + v) - luma(before, CELL * x + u, CELL * y + v);
            grey[(CELL * row + v) * WIDTH + CELL * column + u] = d, mean += 0.25f * d;
        }
        means[item] = mean;
        for (int c = 0; c < 2 && channels() > 1; c++)
            colour[c * CELLS + item] = is_rgb() ? cell_mean(before, now, 2 * c, x, y) - mean : cell_mean(before, now, c + 1, x, y);
    }
    barrier();
    int moved = 0;
    for (int item = threadIdx.x; item < REGION_CELLS; item += THREADS) {
        const int column = item % REGION_CELLS_WIDE + AROUND, row = item / REGION_CELLS_WIDE + AROUND;
        const int x = left + column - AROUND, y = top + row - AROUND;
        if (CELL * x >= frame.width || CELL * y >= frame.height) continue;
        float sum = 0, size = 0, level = 0;
        for (int i = -1; i <= CELL; i++) {
            UNROLL for (int j = -1; j <= CELL; j++) {
                const float d = grey[(CELL * row + i) * WIDTH + CELL * column + j];
                sum += d, size += abs(d);
            }
        }
        for (int i = 0; i < CELL * CELL; i++) level += 0.25f * luma(before, CELL * x + i % CELL, CELL * y + i / CELL);
        const int at = y * ((frame.width + CELL - 1) / CELL) + x;
        const unsigned char *ages = before.carried ? state.age : state.age_before;
        float age = scene.seen == 1 ? 0 : unpacked_age((float)ages[at]);
        const float noise = noise_at(scene, level);
        bool carried = false;
        if (before.carried) age = carried_age(before, age, noise, x, y, carried);
        const float per = per_noise_of_difference(noise, age);
        float z = deviations(sum, size, per);
        UNROLL for (int lean = -1; lean <= 1; lean++) {
            const int step = CELLS_WIDE + lean;
            const float *here = means + row * CELLS_WIDE + column;
            z = max(z, line_deviations(here[-2 * step] + here[-step], *here, here[step] + here[2 * step], per, lean == 0));
        }
        for (int c = 0; c < 2 && channels() > 1; c++) {
            float sum = 0;
            for (int i = -1; i <= 1; i++)
                UNROLL for (int j = -1; j <= 1; j++) sum += colour[c * CELLS + (row + i) * CELLS_WIDE + column + j];
            z = max(z, colour_deviations(sum, per, of_colour(is_rgb())));
        }
        const float gate = gate_of(z);
        age = next_age(age, gate, frame.time.frames);
        state.age[at] = packed_age(age);
        moved += moves(gate) || carried;
        const float weight = 1 / age;
        if (carries())
            state.motion.kept[0][y * level_width(0) + x] = level + weight * means[row * CELLS_WIDE + column];
        for (int c = 0; c < channels(); c++) {
            const Channel one = channel(c);
            for_samples(one, x, y, [&](int u, int v) {
                const float old = before(one, u, v);
                keep(state.after, one, u, v, old + weight * (now(one, u, v) - old));
            });
        }
    }
    atomicAdd(moving, moved);
    barrier();
    if (threadIdx.x == 0) atomicAdd(&scene.moving, *moving);
}

} // namespace rt
