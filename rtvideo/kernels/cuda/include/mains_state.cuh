// What is known of the bands of lamps on the mains: pixels of a level of the pyramid, its rows and blocks.
#pragma once
#include "motion_state.cuh"

namespace rt {

FN int shares_wide() { return (level_width(MAINS_LEVEL) + MAINS_BLOCK - 1) / MAINS_BLOCK; }
FN int shares_high() { return (level_height(MAINS_LEVEL) + MAINS_BLOCK - 1) / MAINS_BLOCK; }
FN float &share_at(int channel, int column, int row) {
    return frame.state.mains.share[(channel * shares_high() + row) * shares_wide() + column];
}

} // namespace rt
