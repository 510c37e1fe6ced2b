// Motion of the camera, from that of the blocks of a level.
#pragma once
#include "pyramid.hpp"

#include "common/camera_motion.h"

namespace rt {

// The middle of a block as the model sees it.
FN void place_of_block(const Layer &layer, int column, int row, float &x, float &y) {
    const float half = 0.5f * layer.width, middle = 0.5f * layer.height;
    x = MOTION_BLOCK * (column + 0.5f) / half - 1, y = (MOTION_BLOCK * (row + 0.5f) - middle) / half;
}

// The motion of a block as the camera's makes it.
FN Vector expected(const MotionState &m, int level, int column, int row) {
    if (!m.model.known) return Vector{0, 0};
    float x, y;
    place_of_block(m.now[level], column, row, x, y);
    return (1.0f / (1 << level)) * moved_by(m.model, x, y);
}

// The model of what the blocks of a level say; of many every second one.
static void fit_model(MotionState &m, int level) {
    const float scale = 1 << level;
    const int every = 3 * m.blocks(level) > MOST_MEASURED ? 2 : 1;
    double share = 0;
    for (int step = m.model.known ? FIRST_STEP : 0; step < FIT_STEPS; step++) {
        Fit fit = {};
        const float close = CLOSE * scale * (FIT_STEPS - step);
        for (int row = 0; row < m.high[level]; row++) {
            for (int column = row % every; column < m.wide[level]; column += every) {
                const int at = row * m.wide[level] + column;
                float x, y;
                place_of_block(m.now[level], column, row, x, y);
                add_block(fit, m.model, x, y, scale * m.measured[level][at], m.structures[level][at], m.noise[level],
                          close);
            }
        }
        solve(fit, m.model);
        share = fit.agree / (fit.all > 0 ? fit.all : 1);
    }
    m.model.known = share > COMMON;
}

} // namespace rt
