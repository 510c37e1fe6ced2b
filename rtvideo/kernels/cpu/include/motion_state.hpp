// What motion is looked for in: pyramids of luma of the picture so far and of the frame, and what is found there.
#pragma once
#include "picture.hpp"

#include "common/camera_motion.h"

namespace rt {

// Luma at a part of the size.
struct Layer {
    float *data;
    int stride, width, height;

    METHOD float *at(int x, int y) const { return data + (int64_t)(y + PAD) * stride + x + PAD; }
};

struct MotionState {
    Layer kept[PYRAMID], now[PYRAMID];
    int wide[PYRAMID], high[PYRAMID]; // blocks
    Vector *measured[PYRAMID], *vectors[PYRAMID]; // as they were measured, and with what the blocks around say
    Structure *structures[PYRAMID];
    float *unsure; // of the finest level's blocks
    float *residuals;      // of the blocks of a level
    float noise[PYRAMID];  // variance of what is left of blocks that moved as thought
    Model model;           // in pixels of the finest level
    bool usable, moved;    // the picture is large enough; some of it moved in this frame
    Planes carried;        // room for the picture so far, and for its ages
    uint8_t *age;
    void *memory[2];

    METHOD int blocks(int level) const { return wide[level] * high[level]; }
    METHOD bool all_measured() const { return are_all_measured(blocks(0)); }
};

FN bool allocate(MotionState &m, const Format &kept, int width, int height) {
    m.usable = min(width, height) >= LEAST_SIDE;
    if (!m.usable) return true;
    int64_t floats = 0;
    auto take = [&](int64_t count) {
        float *p = m.memory[0] ? (float *)m.memory[0] + floats : 0;
        floats += (count + 15) / 16 * 16;
        return p;
    };
    auto place_all = [&] {
        floats = 0;
        for (int k = 0; k < PYRAMID; k++) {
            const int scale = 2 << k, w = (width + scale - 1) / scale, h = (height + scale - 1) / scale;
            const int stride = (w + 2 * PAD + 15) / 16 * 16;
            auto layer = [&] { return Layer{take((int64_t)stride * (h + 2 * PAD)), stride, w, h}; };
            m.kept[k] = layer(), m.now[k] = layer();
            m.wide[k] = (w + MOTION_BLOCK - 1) / MOTION_BLOCK, m.high[k] = (h + MOTION_BLOCK - 1) / MOTION_BLOCK;
            m.measured[k] = (Vector *)take(2 * m.blocks(k)), m.vectors[k] = (Vector *)take(2 * m.blocks(k));
            m.structures[k] = (Structure *)take(5 * m.blocks(k));
        }
        m.residuals = take(m.blocks(0)), m.unsure = take(m.blocks(0));
    };
    place_all(); // how many floats there are, then where each part begins
    const PictureSize size = size_of(kept, width, height);
    const size_t cells = (size_t)((width + CELL - 1) / CELL) * ((height + CELL - 1) / CELL);
    m.memory[0] = fresh(sizeof(float) * floats), m.memory[1] = fresh(size.all() + cells);
    if (!m.memory[0] || !m.memory[1]) return false;
    place_all();
    m.age = place(m.carried, size, (unsigned char *)m.memory[1]);
    return true;
}

} // namespace rt
