// Light over time, in logarithms on its own grid. In a picture that moves, light follows slowly, so that what enters does
// not darken the rest; a real change of light is followed at once. In a picture that stands still it is always followed:
// the network evens out what a camera or an encoder does to the whole, which a light that lags behind would let pass.
#pragma once
#include "history.hpp"

namespace rt {

constexpr float STILL = 0.1f, MOVING = 0.2f;    // share of cells that move
constexpr float WHIM = 0.03f, CHANGE = 0.145f;  // of log2 t

// `light` (channels of log2 t) becomes what is shown; returns the same of `own`, the share of a pixel's own light.
// `gates` has room for a channel.
static float steady(History &h, const Pace &pace, const Grid &light, float own, int channels, float *gates) {
    int64_t cells = (int64_t)light.width * light.height;
    float share = (float)h.moving / ((float)h.cells_wide * h.cells_high);
    float moving = clamp((share - STILL) / (MOVING - STILL), 0.0f, 1.0f);
    float base = 1 - moving * (1 - pace.light);
    if (!h.lit || base >= 1) {
        memcpy(h.light, light.data, sizeof(float) * cells * channels);
        h.own = own, h.lit = true;
        return own;
    }
    double changed = 0;
    for (int c = 0; c < channels; c++) {
        float *kept = h.light + c * cells, *shown = light.data + c * cells;
        for (int64_t i = 0; i < cells; i++) {
            float off = shown[i] > kept[i] ? shown[i] - kept[i] : kept[i] - shown[i];
            gates[i] = clamp((off - WHIM) / (CHANGE - WHIM), 0.0f, 1.0f);
        }
        for (int64_t i = 0; i < cells; i++) changed += gates[i];
        for (int y = 0; y < light.height; y++)
            for (int x = 0; x < light.width; x++) {
                // The neighbours' too, so that the light around what changed changes with it.
                float gate = 0;
                for (int v = max(y - 1, 0); v <= min(y + 1, light.height - 1); v++)
                    for (int u = max(x - 1, 0); u <= min(x + 1, light.width - 1); u++)
                        if (gates[v * light.width + u] > gate) gate = gates[v * light.width + u];
                int64_t i = (int64_t)y * light.width + x;
                kept[i] += (base + (1 - base) * gate) * (shown[i] - kept[i]);
            }
        memcpy(shown, kept, sizeof(float) * cells);
    }
    h.own += (base + (1 - base) * (float)(changed / (cells * channels))) * (own - h.own);
    return h.own;
}

} // namespace rt
