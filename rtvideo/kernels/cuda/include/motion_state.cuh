// What motion is looked for in: levels of luma, and blocks on them.
#pragma once
#include "temporal_state.cuh"

namespace rt {

// Whether there is a picture so far that may move along.
FN bool follows() { return carries() && !is_reset(); }

FN int level_width(int level) { return (frame.width + (2 << level) - 1) / (2 << level); }
FN int level_height(int level) { return (frame.height + (2 << level) - 1) / (2 << level); }
FN int blocks_wide(int level) { return (level_width(level) + MOTION_BLOCK - 1) / MOTION_BLOCK; }
FN int blocks_high(int level) { return (level_height(level) + MOTION_BLOCK - 1) / MOTION_BLOCK; }
FN int motion_blocks(int level) { return blocks_wide(level) * blocks_high(level); }
FN bool all_measured() { return are_all_measured(motion_blocks(0)); }

// Luma at a part of the size; its edges repeat around it.
struct Layer {
    float *data;
    int width, height;

    METHOD float at(int x, int y) const { return data[clamp(y, 0, height - 1) * width + clamp(x, 0, width - 1)]; }
};
FN Layer kept_layer(int level) {
    return Layer{frame.state.motion.kept[level], level_width(level), level_height(level)};
}
FN Layer now_layer(int level) { return Layer{frame.state.motion.now[level], level_width(level), level_height(level)}; }

} // namespace rt
