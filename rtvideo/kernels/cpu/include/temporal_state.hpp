// What is kept from frame to frame: the picture so far, for how long each cell of it has stood, and the light.
#pragma once
#include "mains_state.hpp"

namespace rt {

struct TemporalState {
    Format format;      // of the picture: as the decoder's, in 16 bits
    Planes picture[2];  // read from one, written to the other, so that neighbours are what they were
    int now;            // the newest
    uint8_t *age;       // of each cell
    int cells_wide, cells_high;
    float *level, *change,
        *spread; // of each patch that is looked at: mean so far, mean and deviation of the difference
    float *gain;        // of its light
    int patches_wide, patches_high;
    Scene scene;
    float *light;       // log2 t at the last scale
    MotionState motion;
    MainsState mains;
    void *memory[2];
};

template <class T, int STEP>
FN void codes_of(const Planes &planes, const Channel &c, int row, int first, int count, float code, const float *before,
                 float *to) {
    const T *from = (const T *)(planes.data[c.plane] + row * planes.stride[c.plane]) + (int64_t)first * STEP + c.offset;
    if (before) {
        for (int x = 0; x < count; x++) to[x] = from[(int64_t)x * STEP] * code - before[x];
    } else {
        for (int x = 0; x < count; x++) to[x] = from[(int64_t)x * STEP] * code;
    }
}

// Samples of a row of a channel in codes of 8 bits, less those of `before` if there is any, for the columns from `left`
// on; the last ones repeat beyond edges.
ROW_FUNCTION read_codes(const Format &f, const Planes &planes, const Channel &c, int row, int width, int height,
                        int left, int count, float *to, const float *before = 0) {
    row = clamp(row, 0, height - 1);
    const int first = max(left, 0), last = min(left + count, width), wanted = last - first;
    float *const begin = to + first - left, *const end = to + last - left;
    const float *const less = before ? before + first - left : 0;
#define STEPS(T)                                                                                                       \
    c.step == 1   ? codes_of<T, 1>(planes, c, row, first, wanted, f.code, less, begin)                                 \
    : c.step == 2 ? codes_of<T, 2>(planes, c, row, first, wanted, f.code, less, begin)                                 \
                  : codes_of<T, 3>(planes, c, row, first, wanted, f.code, less, begin)
    f.wide ? STEPS(uint16_t) : STEPS(uint8_t);
#undef STEPS
    for (float *p = to; p < begin; p++) *p = *begin;
    for (float *p = end; p < to + count; p++) *p = end[-1];
}

FN void write_codes(const TemporalState &state, const Planes &planes, const Channel &c, int row, int left, int first,
                    int last, const float *from) {
    narrow(state.format, c, planes, row, left, first, last, true, from);
}

// Room for a picture of this size and light of so many cells. False if there is not enough memory.
FN bool allocate(TemporalState &state, const Format &kept, int width, int height, int64_t light) {
    state.format = kept;
    state.cells_wide = (width + CELL - 1) / CELL, state.cells_high = (height + CELL - 1) / CELL;
    state.patches_wide = (width + PATCH - 1) / PATCH, state.patches_high = height / PATCH / 2 + 1;
    const PictureSize size = size_of(kept, width, height);
    const size_t picture = size.all();
    size_t cells = ((size_t)state.cells_wide * state.cells_high + 63) / 64 * 64;
    size_t patches = (size_t)state.patches_wide * state.patches_high;
    state.memory[0] = fresh(2 * picture + cells);
    state.memory[1] = fresh(sizeof(float) * (4 * patches + light));
    if (!state.memory[0] || !state.memory[1] || !allocate(state.motion, kept, width, height)) return false;
    if (state.motion.usable && !allocate(state.mains, state.motion.now[MAINS_LEVEL], kept, width, height)) return false;
    unsigned char *p = (unsigned char *)state.memory[0];
    for (Planes &planes : state.picture) p = place(planes, size, p);
    state.age = p;
    state.level = (float *)state.memory[1], state.change = state.level + patches, state.spread = state.change + patches;
    state.gain = state.spread + patches, state.light = state.gain + patches;
    return true;
}

FN void reset(TemporalState &state) {
    memset(state.age, 0, (size_t)state.cells_wide * state.cells_high); // the first frame counts wholly
    state.scene.seen = 0, state.scene.has_light = state.motion.model.known = false;
    state.mains.mains.seen = 0;
}

} // namespace rt
