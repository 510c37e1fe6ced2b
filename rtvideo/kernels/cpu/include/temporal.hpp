// The temporal passes, in front of the network.
#pragma once
#include "carry.hpp"
#include "exposure_compensation.hpp"
#include "mains.hpp"
#include "temporal_filter.hpp"

namespace rt {

// The picture so far takes the place of the frame.
template <int WIDEST> static void over_time(Context &context) {
    Frame &frame = context.frame;
    TemporalState &state = frame.state;
    Scene &scene = state.scene;
    int width = context.width, height = context.height;
    auto pass = [&](Strip strip, int halo, int unit) {
        context.pass(strip, width, height, halo, unit, WIDEST, width, height);
    };
    if (frame.time.reset) reset(state);
    state.motion.moved = false;
    if (frame.time.carries && state.motion.usable) {
        TIMED("pyramids", pass(build_pyramids, 0, 1 << PYRAMID);)
    }
    if (frame.time.evens && frame.time.carries && state.motion.usable) {
        const Layer &small = state.motion.now[MAINS_LEVEL];
        const bool still = at_rest(state.motion.model, (float)small.height / small.width, NEARLY_AT_REST);
        if (find_bands(state.mains, small, zero_of_light(black_of(state.format)), still)) {
            pass(divide_bands, 0, CELL);
            frame.in = state.mains.picture, frame.read = state.format;
        }
    }
    if (scene.seen && frame.time.carries && state.motion.usable && find_motion(context)) {
        TIMED("carry", pass(carry, 0, 2 * MOTION_BLOCK);)
        const Planes before = state.picture[state.now];
        uint8_t *const ages = state.age;
        state.picture[state.now] = state.motion.carried, state.motion.carried = before;
        state.age = state.motion.age, state.motion.age = ages;
    }
    if (scene.seen) {
        TIMED("scene statistics", pass(measure_patches, 0, 2 * PATCH);)
        if (estimate_scene(state, height, frame.time.frames))
            reset(state);
        else if (scene.exposure_changed || scene.light_changed)
            pass(compensate, 0, CELL);
    }
    scene.moving = 0;
    TIMED("temporal filter", pass(filter, TEMPORAL_HALO, CELL);)
    state.now = 1 - state.now, scene.seen += scene.seen < 1 << 20;
    frame.in = state.picture[state.now], frame.read = state.format;
}

} // namespace rt
