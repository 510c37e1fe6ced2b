// Light smoothing on the grid.
#pragma once
#include "carry.hpp"

#include "common/interpolation.h"
#include "common/light_smoothing.h"

namespace rt {

// The light that was shown last moves along with the picture. `cell` are pixels; `moved` has room for all channels.
static void carry_light(TemporalState &state, const Grid &light, int channels, int cell, float *moved) {
    const int64_t cells = (int64_t)light.width * light.height;
    const Grid kept = {state.light, light.width, light.height};
    for (int y = 0; y < light.height; y++) {
        for (int x = 0; x < light.width; x++) {
            const float middle[2] = {(x + 0.5f) * cell, (y + 0.5f) * cell};
            const Vector by = motion_at(state.motion, middle[0], middle[1]);
            const float u = clamp((middle[0] + by.x) / cell - 0.5f, 0.0f, light.width - 1.0f);
            const float v = clamp((middle[1] + by.y) / cell - 0.5f, 0.0f, light.height - 1.0f);
            const int left = (int)u, top = (int)v, right = min(left + 1, light.width - 1),
                      low = min(top + 1, light.height - 1);
            for (int c = 0; c < channels; c++) {
                const float *a = kept.at(c, top), *b = kept.at(c, low);
                moved[c * cells + (int64_t)y * light.width + x] =
                    lerp(lerp(a[left], a[right], u - left), lerp(b[left], b[right], u - left), v - top);
            }
        }
    }
    memcpy(state.light, moved, sizeof(float) * cells * channels);
}

// `light` (channels of log2 t) and `exposure` become what is shown. `changes` has room for a channel.
static void smooth_light(TemporalState &state, float rate, const Grid &light, Exposure &exposure, int channels,
                         float *changes) {
    Scene &scene = state.scene;
    int64_t cells = (int64_t)light.width * light.height;
    float least = least_rate(scene, state.cells_wide * state.cells_high, rate);
    if (least >= 1) {
        memcpy(state.light, light.data, sizeof(float) * cells * channels);
        follow_exposure(scene, exposure, least, 1);
        return;
    }
    double changed = 0;
    for (int c = 0; c < channels; c++) {
        float *kept = state.light + c * cells, *shown = light.data + c * cells;
        for (int64_t i = 0; i < cells; i++) changes[i] = change_of_light(shown[i], kept[i]);
        for (int64_t i = 0; i < cells; i++) changed += changes[i];
        for (int y = 0; y < light.height; y++)
            for (int x = 0; x < light.width; x++) {
                // The neighbours' too, so that the light around what changed changes with it.
                float change = 0;
                for (int v = max(y - 1, 0); v <= min(y + 1, light.height - 1); v++)
                    for (int u = max(x - 1, 0); u <= min(x + 1, light.width - 1); u++)
                        change = max(change, changes[v * light.width + u]);
                int64_t i = (int64_t)y * light.width + x;
                kept[i] = followed(kept[i], shown[i], least, change);
            }
        memcpy(shown, kept, sizeof(float) * cells);
    }
    follow_exposure(scene, exposure, least, (float)(changed / (cells * channels)));
}

} // namespace rt
