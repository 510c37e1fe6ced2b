// Motion of the camera, from that of the blocks of a level.
#pragma once
#include "pyramid.hpp"

#include "common/camera_motion.h"

namespace rt {

// The motion of a block as the camera's makes it.
FN Vector expected(const MotionState &m, int level, int column, int row) {
    return expected(m.model, level, m.now[level].width, m.now[level].height, column, row);
}

// The model of what the blocks of a level say; of many every second one.
static void fit_model(MotionState &m, int level) {
    const float scale = 1 << level;
    const int every = every_of(m.blocks(level));
    double share = 0;
    for (int step = m.model.known ? FIRST_STEP : 0; step < FIT_STEPS; step++) {
        Fit<double> fit = {};
        const float close = close_of(level, step);
        for (int row = 0; row < m.high[level]; row++) {
            for (int column = row % every; column < m.wide[level]; column += every) {
                const int at = row * m.wide[level] + column;
                float x, y;
                place_of_block(m.now[level].width, m.now[level].height, column, row, x, y);
                add_block(fit, m.model, x, y, scale * m.measured[level][at], m.structures[level][at], m.noise[level],
                          close);
            }
        }
        solve(fit, m.model);
        share = share_of(fit);
    }
    m.model.known = share > COMMON;
}

} // namespace rt
