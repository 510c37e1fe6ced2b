// Light over time, in logarithms on its own grid. In a picture that moves, light follows slowly, so that what enters does
// not darken the rest; a real change of light is followed at once. In a picture that stands still it is always followed:
// the network evens out what a camera or an encoder does to the whole, which a light that lags behind would let pass.
#pragma once
#include "common/exposure.h"
#include "common/temporal_state.h"

namespace rt {

constexpr float STILL = 0.1f, MOVING = 0.2f; // share of cells that move
constexpr float WHIM = 0.03f, CHANGE = 0.145f; // of log2 t

// Share of its way that light goes where it did not change; 1 where it goes all of it.
FN float least_rate(const Scene &scene, int cells, float light) {
    const float moving = clamp(((float)scene.moving / cells - STILL) / (MOVING - STILL), 0.0f, 1.0f);
    return scene.has_light ? 1 - moving * (1 - light) : 1;
}

// How much of a change of log2 t is real, from 0 to 1.
FN float change_of_light(float now, float kept) {
    return clamp((abs(now - kept) - WHIM) / (CHANGE - WHIM), 0.0f, 1.0f);
}

template <class V> FN V followed(V kept, V now, float least, V change) {
    return kept + (least + (1 - least) * change) * (now - kept);
}

// What is one number for the whole frame follows as the light does in the mean.
FN void follow_exposure(Scene &scene, Exposure &exposure, float least, float change) {
    const bool lags = least < 1; // else what is kept may be nothing yet
    scene.own = exposure.own = lags ? followed(scene.own, exposure.own, least, change) : exposure.own;
    scene.need = exposure.need = lags ? followed(scene.need, exposure.need, least, change) : exposure.need;
    scene.has_light = true;
}

} // namespace rt
