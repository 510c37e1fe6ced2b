// What debanding needs for a frame: the pyramid of cells, and room for the picture.
#pragma once
#include "temporal_state.hpp"

#include "common/debanding.h"

namespace rt {

struct DebandingState {
    float amount; // 0: off, 1: all of it
    Debanding parameters;
    Format format;  // of the picture: as the decoder's, in 16 bits
    Planes picture;
    Grid means[DEBAND_LEVELS], smooth[DEBAND_LEVELS];
    Grid deviations; // of luma within the finest cells
    int level;       // that is being made
    void *memory[2];
};

// Room for a frame of this size. False if there is not enough memory.
FN bool allocate(DebandingState &state, const Format &kept, int width, int height) {
    state.format = kept;
    const PictureSize size = size_of(kept, width, height);
    int64_t floats = 0;
    auto grid = [&](int level, int channels) {
        const int cell = DEBAND_CELL << level;
        Grid g = {(float *)state.memory[1], (width + cell - 1) / cell, (height + cell - 1) / cell};
        if (g.data) g.data += floats;
        floats += (int64_t)channels * g.width * g.height;
        return g;
    };
    auto grids = [&] {
        floats = 0;
        for (int k = 0; k < DEBAND_LEVELS; k++) state.means[k] = grid(k, MEANS);
        for (int k = 1; k < DEBAND_LEVELS; k++) state.smooth[k] = grid(k, SMOOTH);
        state.deviations = grid(0, 1);
    };
    grids(); // how many floats there are, then where each grid begins
    state.memory[0] = fresh(size.all()), state.memory[1] = fresh(sizeof(float) * floats);
    if (!state.memory[0] || !state.memory[1]) return false;
    grids();
    place(state.picture, size, (unsigned char *)state.memory[0]);
    return true;
}

} // namespace rt
