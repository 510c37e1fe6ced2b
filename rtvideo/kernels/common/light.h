// Light and image, pixel by pixel (section 3.1.1 of the paper; steps are those of rtvideo/models/description.py). The
// function objects are what `Pointwise` layers name.
#pragma once
#include "common/exposure.h"

namespace rt {

// Step 4: u = clamp(y / max(t, t_min), 0, 1).
struct divide {
    float t_min;

    template <class V> METHOD V operator()(V y, V t) const { return min(y / max(t, t_min), 1.0f); }
};

// Step 4, the released form: t = clamp(sigmoid(z), 1/1000, 1), as its inverse, min(1 + exp(-z), 1000). The cell delivers
// -z log2(e), which the fusion's weights contain.
struct inverse_sigmoid {
    template <class V> METHOD V operator()(V z) const { return min(exp2(clamp(z, -100.0f, 100.0f)) + 1.0f, 1000.0f); }
};

// t of a gain, where a later stage starts from it.
struct inverse {
    template <class V> METHOD V operator()(V gain) const { return 1.0f / gain; }
};

// u = clamp(y * gain, 0, 1): no division.
struct multiply {
    template <class V> METHOD V operator()(V y, V gain) const { return min(y * gain, 1.0f); }
};

// The residual of the warm start: the maximum of u over the window, less gamma (u - y).
template <class V> FN V residual_of(V maximum, V u, V y, float gamma) { return maximum - gamma * (u - y); }

// Step 7, linear: u_K = clamp(y / clamp(t, t_min, 1)^strength, 0, 1). INVERSE: of the gain, 1 / t.
template <bool INVERSE> struct apply_linear {
    float t_min, strength;

    template <class V> METHOD V operator()(V y, V t) const {
        const V light = clamp(t, INVERSE ? 1.0f : t_min, INVERSE ? 1 / t_min : 1.0f);
        if (strength == 1) return min(INVERSE ? y * light : y / light, 1.0f);
        const V gain = log2(light) * strength;
        return min(y * exp2(INVERSE ? gain : -gain), 1.0f);
    }
};

// What application in the log domain needs besides the grid's light.
struct LightParameters {
    float own;   // a, the share of the pixel's own light; the grids hold the rest
    float floor; // added before the logarithm
    float signal; // f^2 of the signal floor
    float knee;   // k^2 of the chroma floor
    float rolloff; // k of the highlight roll-off
    float log_t_min, strength;
};

// Step 7, log: the pixel's own light is mixed in, or follows the grid's line.
template <class V, class S> FN V mixed(V light, S share, V own, float floor) {
    return light + share * log2(own + floor);
}

// Step 7, log: log2 of the gain, of a light.
template <class V> FN V log_gain(V log_t, const LightParameters &p) {
    return clamp(log_t, p.log_t_min, 0.0f) * -p.strength;
}
template <class V> FN V signal_share(V m, const LightParameters &p) {
    const V square = m * m;
    return square / (square + p.signal);
}

// Step 7, log: the gain under which the pixel's largest channel does not burn. With `above` what it would have above the
// knee, the share of it that is left is one fraction, which is 1 to the bit where nothing is above.
template <class V> FN V rolled_off(V gain, V largest, const LightParameters &p) {
    const float knee = p.rolloff, rest = 1.0f - knee;
    const V above = max(largest * gain - knee, 0.0f);
    return max(gain * ((above + knee * rest) / ((above + rest) * (above + knee))), 1.0f);
}

// Step 8, the chroma floor.
template <class V> FN V less_colour(V value, V grey, V m, const LightParameters &p) {
    const V square = m * m;
    return grey + (value - grey) * (1.0f - p.strength * p.knee / (square + p.knee));
}

// Step 9: w, how much noise removal takes away: amount, times 1 - t^strength if GUIDED by the light.
template <bool INVERSE, bool GUIDED> struct weight_linear {
    float t_min, strength, amount;

    template <class V> METHOD V operator()(V t) const {
        if (!GUIDED) return like(t, amount);
        const V light = clamp(t, INVERSE ? 1.0f : t_min, INVERSE ? 1 / t_min : 1.0f);
        const V log_t = INVERSE ? -log2(light) : log2(light);
        return amount * (1.0f - exp2(log_t * strength));
    }
};
template <bool GUIDED> struct weight_log {
    float amount;

    template <class V> METHOD V operator()(V gain) const {
        return GUIDED ? amount * (1.0f - 1.0f / gain) : like(gain, amount);
    }
};

// Step 9, over time: how much of its noise is left to a cell that was averaged over so many frames. Of noise without
// memory it would be the square root; an encoder's lasts longer (docs/temporal.md).
template <class V> FN V noise_left(V frames) { return exp2(log2(max(frames, 1.0f)) * -0.25f); }

// Equation 3: x = u - w * noise; the LAST one is clamped to 0..1.
template <bool LAST> struct subtract_noise {
    template <class V> METHOD V operator()(V u, V weight, V noise) const {
        const V x = u - weight * noise;
        return LAST ? clamp(x, 0.0f, 1.0f) : x;
    }
};

} // namespace rt
