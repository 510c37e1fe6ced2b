// Guided upsampling on the grid: lines of log2 t over the light of a cell, fitted around each cell and averaged. The fast
// guided filter (He and Sun, arXiv:1505.00996) with radius 1; step 7 of rtvideo/models/description.py.
#pragma once

namespace rt {

constexpr float GUIDE_EPSILON = 0.002f * 2.0813689810056077f; // in squared log2

template <class V> FN V mean(const V (&v)[9]) {
    V sum = v[0];
    UNROLL for (int i = 1; i < 9; i++) sum += v[i];
    return sum * (1.0f / 9);
}

// A = cov(own, log t) / (var(own) + GUIDE_EPSILON), B = mean(log t) - A mean(own), over the nine cells around one.
// `own` and `light` are those of the cell, `mean` what was taken out of `own`; `d_own` and `d_light` what the nine are
// above them: differences are small where values are not, which keeps their products exact.
template <class V>
FN void fit_line(V own, float mean_out, V light, const V (&d_own)[9], const V (&d_light)[9], V &slope, V &intercept) {
    const V own_mean = mean(d_own), light_mean = mean(d_light);
    V products[9], squares[9];
    UNROLL for (int i = 0; i < 9; i++) {
        products[i] = (d_own[i] - own_mean) * (d_light[i] - light_mean);
        squares[i] = (d_own[i] - own_mean) * (d_own[i] - own_mean);
    }
    slope = mean(products) / (mean(squares) + GUIDE_EPSILON);
    intercept = light + light_mean - slope * (own + own_mean + mean_out);
}

} // namespace rt
