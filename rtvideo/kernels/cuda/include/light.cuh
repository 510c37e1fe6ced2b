// Light and image at full size, for the pixels that a thread holds (section 3.1.1 of the paper): what light.hpp does.
#pragma once
#include "tile.cuh"

namespace rt {

// One function of values, pixel by pixel and channel by channel.
template <int N, class P, class F> FN Values<N, P::ROWS> each(const P &, F f) {
    Values<N, P::ROWS> out;
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < P::ROWS; i++) out.v[c][i] = f(c, i);
    }
    return out;
}

// Equation 1: the maximum over the window, channel by channel. SIZE 2 looks right and down only.
template <int SIZE, int N, class S, int B, int A, class P>
FN Values<N, P::ROWS> window_max(const P &p, const Tile<N, S, B, A> &in) {
    constexpr int FIRST = SIZE == 3 ? -1 : 0, SPAN = P::ROWS + SIZE - 1;
    const int row = p.row + B - P::BEFORE + FIRST, column = p.column + B - P::BEFORE;
    Values<N, P::ROWS> out;
    UNROLL for (int c = 0; c < N; c++) {
        float wide[SPAN];
        UNROLL for (int i = 0; i < SPAN; i++) {
            wide[i] = fmaxf(in.at(c, row + i, column), in.at(c, row + i, column + 1));
            if (SIZE == 3) wide[i] = fmaxf(wide[i], in.at(c, row + i, column - 1));
        }
        UNROLL for (int i = 0; i < P::ROWS; i++) {
            out.v[c][i] = fmaxf(wide[i], wide[i + 1]);
            if (SIZE == 3) out.v[c][i] = fmaxf(out.v[c][i], wide[i + SIZE - 1]);
        }
    }
    return out;
}

// The residual of the warm start: max over the window of u, minus gamma (u - y).
template <int SIZE, class S, int B, int A, class P>
FN Values<3, P::ROWS> residual(const P &p, const Tile<3, S, B, A> &u, const Values<3, P::ROWS> &y, float gamma) {
    const Values<3, P::ROWS> largest = window_max<SIZE>(p, u), image = fetch(u, p);
    return each<3>(p, [&](int c, int i) { return largest.v[c][i] - gamma * (image.v[c][i] - y.v[c][i]); });
}

// u = clamp(y / max(t, t_min), 0, 1).
template <class P, class V> FN V divide(const P &p, const V &y, const V &t, float t_min) {
    return each<3>(p, [&](int c, int i) { return fminf(y.v[c][i] / fmaxf(t.v[c][i], t_min), 1.0f); });
}

// The released form, t = clamp(sigmoid(z), 1/1000, 1), as its inverse: min(1 + exp(-z), 1000).
// The cell delivers -z log2(e), which the fusion's weights contain.
template <class P, class V> FN V inverse_sigmoid(const P &p, const V &cell) {
    return each<3>(p, [&](int c, int i) { return fminf(1.0f + exp2f(cell.v[c][i]), 1000.0f); });
}

// t of a gain, where a later stage starts from it.
template <class P, class V> FN V inverse(const P &p, const V &gain) {
    return each<3>(p, [&](int c, int i) { return 1.0f / gain.v[c][i]; });
}

// u = clamp(y * gain, 0, 1): no division.
template <class P, class V> FN V multiply(const P &p, const V &y, const V &gain) {
    return each<3>(p, [&](int c, int i) { return fminf(y.v[c][i] * gain.v[c][i], 1.0f); });
}

// The application of t (INVERSE: of its inverse, the gain): u_K = clamp(y / clamp(t, t_min, 1)^strength, 0, 1).
template <bool INVERSE, class P, class V>
FN V apply_linear(const P &p, const V &y, const V &t, float t_min, float strength) {
    const float low = INVERSE ? 1.0f : t_min, high = INVERSE ? 1.0f / t_min : 1.0f;
    return each<3>(p, [&](int c, int i) {
        const float light = clamp(t.v[c][i], low, high), image = y.v[c][i];
        if (strength == 1) return fminf(INVERSE ? image * light : image / light, 1.0f);
        return fminf(image * exp2f((INVERSE ? strength : -strength) * log2f(light)), 1.0f);
    });
}

// How much noise removal takes away, of the same t: amount, times 1 - t^strength if GUIDED.
template <bool INVERSE, bool GUIDED, class P, class V>
FN V weight_linear(const P &p, const V &t, float t_min, float strength, float amount) {
    const float low = INVERSE ? 1.0f : t_min, high = INVERSE ? 1.0f / t_min : 1.0f;
    return each<3>(p, [&](int c, int i) {
        if (!GUIDED) return amount;
        const float log_t = log2f(clamp(t.v[c][i], low, high)) * (INVERSE ? -strength : strength);
        return amount * (1.0f - exp2f(log_t));
    });
}

// The largest channel, from which a shared illumination takes the pixel's own maximum.
template <class P> FN Values<1, P::ROWS> channel_max(const P &p, const Values<3, P::ROWS> &y) {
    return each<1>(p, [&](int, int i) { return fmaxf(fmaxf(y.v[0][i], y.v[1][i]), y.v[2][i]); });
}

// How much noise removal takes away: amount, times 1 - t if GUIDED by the gain.
template <int N, bool GUIDED, class P>
FN Values<N, P::ROWS> weight_log(const P &p, const Values<N, P::ROWS> &gain, float amount) {
    return each<N>(p, [&](int c, int i) { return GUIDED ? amount * (1.0f - exp2f(-gain.v[c][i])) : amount; });
}

// Equation 3: x = u - weight * noise; the last one is clamped to 0..1.
template <int N, bool LAST, class P, class V>
FN V remove(const P &p, const V &u, const Values<N, P::ROWS> &weight, const V &noise) {
    return each<3>(p, [&](int c, int i) {
        const float v = u.v[c][i] - weight.v[N == 1 ? 0 : c][i] * noise.v[c][i];
        return LAST ? clamp(v, 0.0f, 1.0f) : v;
    });
}

} // namespace rt
