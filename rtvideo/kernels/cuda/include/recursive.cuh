// Noise over time: the recursive filter of recursive.hpp, a cell a thread.
#pragma once
#include "survey.cuh"

namespace rt {

constexpr float STANDS = 2, MOVES = 4.5f; // deviations: what is less is noise, what is more is motion
// Deviations of means over a neighbourhood for one of a pixel; see recursive.hpp.
constexpr float OF_MEAN = 0.45f, OF_COLOUR = 0.5f;
constexpr float OF_SIZE = 0.8f; // the mean of |noise|

DEVICE float risen(const Scene &scene, float level) {
    const float l = clamp(level, 0.0f, 255.0f);
    const int k = (int)l;
    return level + scene.curve[k] + (scene.curve[k + 1] - scene.curve[k]) * (l - k);
}

// Where the middle of a cell lies among `count` patches that are `step` pixels apart: after which, and how far.
DEVICE float place(int cell, int step, int count, int &after) {
    const float at = clamp((CELL * cell + (CELL - PATCH) * 0.5f) / step, 0.0f, count - 1.0f);
    after = min((int)at, max(count - 2, 0));
    return at - after;
}

// The gain of light on a cell, between the middles of patches.
DEVICE float gain(int cell_x, int cell_y) {
    const int wide = patches_wide(), high = patches() / wide;
    int x, y;
    const float across = place(cell_x, PATCH, wide, x), down = place(cell_y, 2 * PATCH, high, y);
    const float *above = frame.history.gain + y * wide, *below = frame.history.gain + min(y + 1, high - 1) * wide;
    const int next = min(x + 1, wide - 1);
    const float l = above[x] + (below[x] - above[x]) * down, r = above[next] + (below[next] - above[next]) * down;
    return l + (r - l) * across;
}

// What a change of exposure or of light did to a picture is done to the one that is kept; see recursive.hpp.
DEVICE void relight() {
    const History &h = frame.history;
    const Scene &scene = *h.scene;
    if (!scene.exposed && !scene.shone) return;
    const Block block = block_of<Region>(frame.width, frame.height);
    for (int item = threadIdx.x; item < REGION_CELLS; item += THREADS) {
        const int x = block.left / CELL + item % REGION_CELLS_WIDE, y = block.top / CELL + item / REGION_CELLS_WIDE;
        if (CELL * x >= frame.width || CELL * y >= frame.height) continue;
        const float shone = scene.shone ? gain(x, y) : 1;
        if (shone == 1 && !scene.exposed) continue;
        float level = 0;
        for (int i = 0; scene.exposed && i < CELL * CELL; i++)
            level += luma(Before{}, CELL * x + i % CELL, CELL * y + i / CELL) / 4;
        const float ratio = scene.exposed ? brightening(level, risen(scene, level)) : 1;
        for (int c = 0; c < channels(); c++) {
            const Channel one = channel(c);
            const bool is_luma = c == 0 && !is_rgb();
            const float zero = is_rgb() ? h.black : h.format.chroma_zero / UNIT;
            const float none = is_luma || is_rgb() ? h.black - FOOT : zero;
            for_samples(one, x, y, [&](int u, int v) {
                const float old = Before{}(one, u, v);
                const float exposed = is_luma ? risen(scene, old) : zero + (old - zero) * ratio;
                keep(h.before, one, u, v, none + (exposed - none) * shone);
            });
        }
    }
}

// The mean difference of a cell over the samples that a channel has in it.
DEVICE float cell_mean(int c, int x, int y) {
    const Channel one = channel(c);
    const int wide = CELL >> one.x, high = CELL >> one.y;
    float sum = 0;
    for (int i = 0; i < high; i++) {
        for (int j = 0; j < wide; j++) {
            const int u = x * wide + j, v = y * high + i;
            sum += Now{}(one, u, v) - Before{}(one, u, v);
        }
    }
    return sum * (1.0f / (wide * high));
}

// The picture that is kept from now on. Cells and the pixels of cells around a region lie in shared memory: the
// difference of luma, and that of colour (of RGB red and blue without their luma).
DEVICE void recurse(float *memory) {
    constexpr int CELLS_WIDE = REGION_CELLS_WIDE + 2, CELLS = CELLS_WIDE * (Region::HEIGHT / CELL + 2);
    constexpr int WIDTH = CELL * CELLS_WIDE;
    const History &h = frame.history;
    Scene &scene = *h.scene;
    const Block block = block_of<Region>(frame.width, frame.height);
    const int left = block.left / CELL, top = block.top / CELL;
    float *grey = memory, *colour = grey + CELL * CELL * CELLS;
    int *moving = (int *)(colour + 2 * CELLS);
    if (threadIdx.x == 0) *moving = 0;
    for (int item = threadIdx.x; item < CELLS; item += THREADS) {
        const int column = item % CELLS_WIDE, row = item / CELLS_WIDE, x = left + column - 1, y = top + row - 1;
        float mean = 0;
        UNROLL for (int i = 0; i < CELL * CELL; i++) {
            const int u = i % CELL, v = i / CELL;
            const float d = luma(Now{}, CELL * x + u, CELL * y + v) - luma(Before{}, CELL * x + u, CELL * y + v);
            grey[(CELL * row + v) * WIDTH + CELL * column + u] = d, mean += 0.25f * d;
        }
        for (int c = 0; c < 2 && channels() > 1; c++)
            colour[c * CELLS + item] = is_rgb() ? cell_mean(2 * c, x, y) - mean : cell_mean(c + 1, x, y);
    }
    barrier();
    int moved = 0;
    for (int item = threadIdx.x; item < REGION_CELLS; item += THREADS) {
        const int column = item % REGION_CELLS_WIDE + 1, row = item / REGION_CELLS_WIDE + 1;
        const int x = left + column - 1, y = top + row - 1;
        if (CELL * x >= frame.width || CELL * y >= frame.height) continue;
        float sum = 0, size = 0, level = 0;
        for (int i = -1; i <= CELL; i++) {
            UNROLL for (int j = -1; j <= CELL; j++) {
                const float d = grey[(CELL * row + i) * WIDTH + CELL * column + j];
                sum += d, size += fabsf(d);
            }
        }
        for (int i = 0; i < CELL * CELL; i++) level += luma(Before{}, CELL * x + i % CELL, CELL * y + i / CELL);
        unsigned char *kept_age = h.age + y * ((frame.width + CELL - 1) / CELL) + x;
        float age = scene.fresh ? 0 : *kept_age * (1 / AGE_UNIT);
        // The kept picture's own: the chord of sqrt(1 + 1 / age).
        const float noise = noise_at(scene, 0.25f * level) * (1 + 0.4142f / fmaxf(age, 1)), per = 1 / noise;
        float z = fmaxf(fabsf(sum) * (per * (1 / (16 * OF_MEAN))), 2 * (size * (per * (1 / (16 * OF_SIZE))) - 1));
        for (int c = 0; c < 2 && channels() > 1; c++) {
            float mean = 0;
            for (int i = -1; i <= 1; i++)
                UNROLL for (int j = -1; j <= 1; j++) mean += colour[c * CELLS + (row + i) * CELLS_WIDE + column + j];
            z = fmaxf(z, fabsf(mean) * (per * (1 / (9 * OF_COLOUR))));
        }
        const float gate = clamp((z - STANDS) * (1 / (MOVES - STANDS)), 0.0f, 1.0f);
        const float older = fminf(age + 1, frame.pace.frames);
        age = older + gate * (1 - older);
        *kept_age = (unsigned char)(age * AGE_UNIT + 0.5f);
        moved += gate > 0.5f;
        const float weight = 1 / age;
        for (int c = 0; c < channels(); c++) {
            const Channel one = channel(c);
            for_samples(one, x, y, [&](int u, int v) {
                const float old = Before{}(one, u, v);
                keep(h.after, one, u, v, old + weight * (Now{}(one, u, v) - old));
            });
        }
    }
    atomicAdd(moving, moved);
    barrier();
    if (threadIdx.x == 0) atomicAdd(&scene.moving, *moving);
}

} // namespace rt
