// Light smoothing on the grid, a row of cells at a time, which threads share out.
#pragma once
#include "carry.hpp"
#include "guide.hpp"

#include "common/light_smoothing.h"

namespace rt {

// The light that was shown last, where the picture so far was carried.
struct CarriedLight {
    const MotionState &motion;
    Grid from, to;
    int channels, cell; // pixels of a cell's side
};

static void carry_light_row(void *argument, int y, int) {
    const CarriedLight &light = *(const CarriedLight *)argument;
    const int wide = light.from.width, high = light.from.height, cell = light.cell;
    for (int x = 0; x < wide; x++) {
        const float middle[2] = {(x + 0.5f) * cell, (y + 0.5f) * cell};
        const Vector by = motion_at(light.motion, middle[0], middle[1]);
        const float u = clamp((middle[0] + by.x) / cell - 0.5f, 0.0f, wide - 1.0f);
        const float v = clamp((middle[1] + by.y) / cell - 0.5f, 0.0f, high - 1.0f);
        const int left = (int)u, top = (int)v, right = min(left + 1, wide - 1), low = min(top + 1, high - 1);
        for (int c = 0; c < light.channels; c++) {
            const float *a = light.from.at(c, top), *b = light.from.at(c, low);
            light.to.at(c, y)[x] = lerp(lerp(a[left], a[right], u - left), lerp(b[left], b[right], u - left), v - top);
        }
    }
}

// `moved` has room for all channels.
static void carry_light(Context &context, const Grid &light, int channels, int cell, float *moved) {
    TemporalState &state = context.frame.state;
    CarriedLight carried = {state.motion, light, light, channels, cell};
    carried.from.data = state.light, carried.to.data = moved;
    context.pool.run(light.height, carry_light_row, &carried);
    memcpy(state.light, moved, sizeof(float) * light.width * light.height * channels);
}

// A channel of the light on its way to what is shown.
struct FollowedLight {
    float *shown, *kept;
    float least; // share of its way that it goes where it did not change
    Padded changes;
    float *changed; // in each row, the sum
};

static void measure_change_row(void *argument, int y, int) {
    const FollowedLight &light = *(const FollowedLight *)argument;
    const int wide = light.changes.width;
    const float *shown = light.shown + (int64_t)y * wide, *kept = light.kept + (int64_t)y * wide;
    float *const changes = light.changes.at(y);
    double sum = 0;
    for (int x = 0; x < wide; x++) sum += changes[x] = change_of_light(shown[x], kept[x]);
    light.changed[y] = (float)sum;
}

static void follow_row(void *argument, int y, int) {
    const FollowedLight &light = *(const FollowedLight *)argument;
    const int wide = light.changes.width;
    float *const shown = light.shown + (int64_t)y * wide, *const kept = light.kept + (int64_t)y * wide;
    for (int x = 0; x < wide; x += LANES) {
        // The neighbours' too, so that the light around what changed changes with it.
        vec change = load(light.changes.at(y) + x);
    UNROLL for (int i = 0; i < 9; i++) change = max(change, load(light.changes.at(y + i / 3 - 1) + x + i % 3 - 1));
        const size_t size = sizeof(float) * min(LANES, wide - x); // behind a row lies what another thread follows
        vec before = {}, now = {};
        memcpy(&before, kept + x, size), memcpy(&now, shown + x, size);
        const vec v = followed(before, now, light.least, change);
        memcpy(kept + x, &v, size), memcpy(shown + x, &v, size);
    }
}

// `light` (channels of log2 t) and `exposure` become what is shown. `space` has room for a channel and its edges, and a
// number for each row.
static void smooth_light(Context &context, const Grid &light, Exposure &exposure, int channels, float *space) {
    TemporalState &state = context.frame.state;
    const int64_t cells = (int64_t)light.width * light.height;
    const float least = least_rate(state.scene, state.cells_wide * state.cells_high, context.frame.time.light);
    if (least >= 1) {
        memcpy(state.light, light.data, sizeof(float) * cells * channels);
        follow_exposure(state.scene, exposure, least, 1);
        return;
    }
    const Padded changes = {space + light.height, light.width, light.height};
    double changed = 0;
    for (int c = 0; c < channels; c++) {
        FollowedLight followed = {light.data + c * cells, state.light + c * cells, least, changes, space};
        context.pool.run(light.height, measure_change_row, &followed);
        changes.repeat_edges();
        for (int y = 0; y < light.height; y++) changed += followed.changed[y];
        context.pool.run(light.height, follow_row, &followed);
    }
    follow_exposure(state.scene, exposure, least, (float)(changed / (cells * channels)));
}

} // namespace rt
