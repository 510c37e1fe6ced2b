// What is kept from frame to frame: the picture so far, for how long each cell of it has stood, and the light.
#pragma once
#include "grid.hpp"
#include <stdlib.h>

#include "common/temporal_state.h"

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

// Workspaces come zeroed and touched: the first frame is as fast as the others, and nothing is ever undefined.
static void *fresh(size_t bytes) {
    void *p = 0;
    if (posix_memalign(&p, 4096, bytes + 4096)) return 0;
    memset(p, 0, bytes + 4096);
    return p;
}

// Bytes of each plane of a picture, and of a row of it.
struct PictureSize {
    size_t bytes[3];
    int64_t stride[3];

    size_t all() const { return bytes[0] + bytes[1] + bytes[2]; }
};

// Of a picture in 16 bits.
FN PictureSize size_of(const Format &kept, int width, int height) {
    PictureSize size = {};
    for (int c = 0; c < channels(kept); c++) {
        const Channel one = channel(kept, c);
        size.stride[one.plane] = (((width + one.x) >> one.x) * one.step * sizeof(uint16_t) + 63) / 64 * 64;
        size.bytes[one.plane] = size.stride[one.plane] * ((height + one.y) >> one.y);
    }
    return size;
}

// Planes from `memory` on; returns where they end.
FN unsigned char *place(Planes &planes, const PictureSize &size, unsigned char *memory) {
    for (int k = 0; k < 3; k++) {
        planes.data[k] = size.bytes[k] ? memory : 0, planes.stride[k] = size.stride[k];
        memory += size.bytes[k];
    }
    return memory;
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
    if (!state.memory[0] || !state.memory[1]) return false;
    unsigned char *p = (unsigned char *)state.memory[0];
    for (Planes &planes : state.picture) p = place(planes, size, p);
    state.age = p;
    state.level = (float *)state.memory[1], state.change = state.level + patches, state.spread = state.change + patches;
    state.gain = state.spread + patches, state.light = state.gain + patches;
    return true;
}

FN void reset(TemporalState &state) {
    memset(state.age, 0, (size_t)state.cells_wide * state.cells_high); // the first frame counts wholly
    state.scene.seen = 0, state.scene.has_light = false;
}

} // namespace rt
