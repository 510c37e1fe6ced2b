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

// Samples of a row of a channel in codes of 8 bits, for the columns from `left` on; the last ones repeat beyond edges.
FN void read_codes(const Format &f, const Planes &planes, const Channel &c, int row, int width, int height, int left,
                   int count, float *to) {
    row = clamp(row, 0, height - 1);
    int first = max(left, 0), last = min(left + count, width);
    widen(f, c, planes, row, left, first, last, to);
    float *begin = to + first - left, *end = to + last - left;
    for (float *p = begin; p < end; p++) *p *= f.code;
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
