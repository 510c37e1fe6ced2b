// Exposure of a frame (steps 2, 3, 5 and 6 of rtvideo/models/description.py), in log2 as all that works on the grid.
#pragma once

namespace rt {

// What the statistics of a frame decide.
struct Exposure {
    float mean;             // n, taken out before the stages
    float contrast, offset; // log t = contrast * x + offset
    float own;              // a, the share of the pixel's own light
    float need;             // share of the user's strength that the frame needs
};

template <class V> FN V largest_of(V red, V green, V blue) { return max(max(red, green), blue); }
template <class V> FN V smallest_of(V red, V green, V blue) { return min(min(red, green), blue); }
template <class V> FN V mean_of(V red, V green, V blue) { return (red + green + blue) * (1.0f / 3); }

// Step 2: the state of a cell, of the sum of the warm start over its pixels.
template <class V> FN V log_of_mean(V sum, float share, float floor) { return log2(sum * share + floor); }

// The second of the STATISTICS; at least 1e-6 in natural units.
FN float deviation_of(double variance) { return (float)sqrt(variance > 2.0814e-12 ? variance : 2.0814e-12); }

FN float smoothstep(float x) {
    x = clamp(x, 0.0f, 1.0f);
    return x * x * (3 - 2 * x);
}

// Step 2: the share of the strength that a frame needs. `limits` are from and to of frames in colour, then of grey ones.
constexpr float NO_COLOUR = 0.02f * 1.442695f, COLOURED = 0.06f * 1.442695f; // in log2
FN float need_of_light(float level, float colour, const float *limits) {
    const float grey = 1 - smoothstep((colour - NO_COLOUR) / (COLOURED - NO_COLOUR));
    const float low = limits[0] + grey * (limits[2] - limits[0]), high = limits[1] + grey * (limits[3] - limits[1]);
    return 1 - smoothstep((level - low) / (high - low));
}

// Steps 3 and 5: `g` are the STATISTICS, `w` holds biases, then [output][statistic]. Brightness belongs to step 7, where
// the pixel's own light has been mixed in: here, where one number does it for the whole frame, it is as much larger.
FN Exposure exposure_of(const float (&g)[5], const float *w, bool centred, bool mix, float brightness) {
    float out[3];
    for (int i = 0; i < 3; i++) {
        out[i] = w[i];
        for (int j = 0; j < 5; j++) out[i] += w[3 + 5 * i + j] * g[j];
    }
    const float mean = centred ? g[0] : 0;
    const float own = mix ? 1 / (1 + exp2(out[2])) : 0;
    return Exposure{mean, exp2(out[1]), mean + out[0] - brightness / max(1 - own, 1e-6f), own, 1};
}

// Step 5: log2 t of a state.
template <class V> FN V light_of(const Exposure &e, V state) { return e.contrast * state + e.offset; }

} // namespace rt
