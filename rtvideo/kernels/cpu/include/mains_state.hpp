// What is known of the bands of lamps on the mains.
#pragma once
#include "motion_state.hpp"

#include "common/mains.h"

namespace rt {

struct MainsState {
    Mains mains;
    float *reference, *change; // of the layer's pixels, in log2: light without bands, and what is above it
    float *rows;               // the same of rows, then the wave
    int height;                // of the layer
    Grid share;                // of blocks: products with the wave, squares of the wave, and what they have of it
    Planes picture;            // room for the frame without bands
    void *memory[2];
};

FN bool allocate(MainsState &m, const Layer &layer, const Format &kept, int width, int height) {
    const int wide = (layer.width + MAINS_BLOCK - 1) / MAINS_BLOCK,
              high = (layer.height + MAINS_BLOCK - 1) / MAINS_BLOCK;
    const size_t cells = ((size_t)layer.width * layer.height + 15) / 16 * 16;
    const PictureSize size = size_of(kept, width, height);
    m.memory[0] = fresh(sizeof(float) * (2 * cells + layer.height + 3 * wide * high)), m.memory[1] = fresh(size.all());
    if (!m.memory[0] || !m.memory[1]) return false;
    m.reference = (float *)m.memory[0], m.change = m.reference + cells, m.rows = m.change + cells;
    m.height = layer.height, m.share = Grid{m.rows + layer.height, wide, high};
    place(m.picture, size, (unsigned char *)m.memory[1]);
    return true;
}

} // namespace rt
