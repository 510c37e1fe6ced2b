// Exposure compensation: what a change of exposure or of light did to a picture is done to the one that is kept. So
// neither noise nor what is left behind comes with it: what was averaged stays, at its new brightness.
#pragma once
#include "common/scene_statistics.h"

namespace rt {

// A level after the change of exposure.
FN float exposed(const Scene &scene, float level) {
    const float l = clamp(level, 0.0f, 255.0f);
    const int k = (int)l;
    return level + scene.curve[k] + (scene.curve[k + 1] - scene.curve[k]) * (l - k);
}

// A value whose distance to `zero` is multiplied: chroma by exposure, all channels by light.
FN float scaled(float value, float zero, float gain) { return zero + (value - zero) * gain; }

// The code of black from which light counts.
FN float zero_of_light(float black) { return black - FOOT; }

// Where the middle of the cell at a pixel lies among `count` patches `step` pixels apart: behind which, and how far.
FN float place_of(int pixel, int step, int count, int &behind) {
    const float at = clamp((pixel + (CELL - PATCH) * 0.5f) / step, 0.0f, count - 1.0f);
    behind = min((int)at, max(count - 2, 0));
    return at - behind;
}

// The gain of light on a cell, less 1, between those of four patches.
FN float gain_between(const float *above, const float *below, int x, int next, float across, float down) {
    const float l = above[x] + (below[x] - above[x]) * down, r = above[next] + (below[next] - above[next]) * down;
    return l - 1 + (r - l) * across;
}

} // namespace rt
