// The layers of a distillation cell, a row at a time: channels unrolled, vectors along x.
#pragma once
#include "rows.hpp"

namespace rt {

constexpr float SLOPE = 0.05f; // of the leaky ReLU below zero

INLINE vec leaky(vec x) { return max(x, x * SLOPE); }

// How many vectors a kernel with so many output channels works on at once: accumulators must stay in registers.
constexpr int vectors(int outputs) {
    return 4 * outputs <= ACCUMULATORS ? 4 : 2 * outputs <= ACCUMULATORS ? 2 : 1;
}

// acc += K x K convolution of `in` at one position. Weights are [row][column][input][output].
template <int IN, int OUT, int K, int DILATION, int P>
INLINE void taps(vec (&acc)[OUT][P], const Rows<IN> &in, int row, int x, const float *w) {
    UNROLLED for (int i = 0; i < K; i++) {
        UNROLLED for (int c = 0; c < IN; c++) {
            const float *source = in.at(c, row + (i - K / 2) * DILATION) + x;
            UNROLLED for (int j = 0; j < K; j++) {
                vec v[P];
                UNROLLED for (int p = 0; p < P; p++) v[p] = load(source + p * LANES + (j - K / 2) * DILATION);
                UNROLLED for (int o = 0; o < OUT; o++) {
                    vec weight = splat(w[((i * K + j) * IN + c) * OUT + o]);
                    UNROLLED for (int p = 0; p < P; p++) acc[o][p] += weight * v[p];
                }
            }
        }
    }
}

// One row of a convolution; `w` holds the biases, then the weights. `out(channel, x)` says where results go.
template <int IN, int OUT, int K, int DILATION, bool LEAKY, class Out>
INLINE void convolve(const Rows<IN> &in, int row, int begin, int end, const float *w, Out out) {
    constexpr int P = vectors(OUT);
    for (int x = begin; x < end; x += P * LANES) {
        vec acc[OUT][P];
        UNROLLED for (int o = 0; o < OUT; o++) {
            UNROLLED for (int p = 0; p < P; p++) acc[o][p] = splat(w[o]);
        }
        taps<IN, OUT, K, DILATION, P>(acc, in, row, x, w + OUT);
        UNROLLED for (int o = 0; o < OUT; o++) {
            UNROLLED for (int p = 0; p < P; p++)
                store(out(o, x) + p * LANES, LEAKY ? leaky(acc[o][p]) : acc[o][p]);
        }
    }
}

template <int K, int DILATION, bool LEAKY, int IN, int OUT>
ROW_FUNCTION convolution(const Tile &tile, Rows<IN> in, Rows<OUT> out, int row, const float *w) {
    if (blank(tile, out, row)) return;
    convolve<IN, OUT, K, DILATION, LEAKY>(in, row, 0, tile.width, w, [&](int o, int x) { return out.at(o, row) + x; });
    trim(tile, out, row);
}

// A skip on a remaining edge: r + r.
template <bool LEAKY, int C> ROW_FUNCTION doubled(const Tile &tile, Rows<C> in, Rows<C> out, int row) {
    if (blank(tile, out, row)) return;
    for (int c = 0; c < C; c++) {
        const float *source = in.at(c, row);
        float *target = out.at(c, row);
        for (int x = 0; x < tile.width; x += LANES) {
            vec v = load(source + x) * 2.0f;
            store(target + x, LEAKY ? leaky(v) : v);
        }
    }
}

// The 1x1 fusion c5 of what the four distilling edges deliver, for a few vectors of columns: each edge is added as
// soon as it is made, and nothing leaves the registers in between.
template <int C> constexpr int FUSED = vectors(2 * C);

template <int C> struct Fusion {
    vec acc[C][FUSED<C>];
};

template <int C> INLINE Fusion<C> begin_fusion(const float *w) {
    Fusion<C> f;
    UNROLLED for (int o = 0; o < C; o++) {
        UNROLLED for (int p = 0; p < FUSED<C>; p++) f.acc[o][p] = splat(w[o]);
    }
    return f;
}

template <int EDGE, bool LEAKY, int C> INLINE void add(Fusion<C> &f, const vec (&d)[C][FUSED<C>], const float *w) {
    UNROLLED for (int c = 0; c < C; c++) {
        vec v[FUSED<C>];
        UNROLLED for (int p = 0; p < FUSED<C>; p++) v[p] = LEAKY ? leaky(d[c][p]) : d[c][p];
        UNROLLED for (int o = 0; o < C; o++) {
            vec weight = splat(w[C + (EDGE * C + c) * C + o]);
            UNROLLED for (int p = 0; p < FUSED<C>; p++) f.acc[o][p] += weight * v[p];
        }
    }
}

template <int EDGE, int K, int DILATION, int C>
INLINE void distil(Fusion<C> &f, const Rows<C> &in, int row, int x, const float *w, const float *c5) {
    vec d[C][FUSED<C>];
    UNROLLED for (int o = 0; o < C; o++) {
        UNROLLED for (int p = 0; p < FUSED<C>; p++) d[o][p] = splat(w[o]);
    }
    taps<C, C, K, DILATION, FUSED<C>>(d, in, row, x, w + C);
    add<EDGE, true>(f, d, c5);
}

template <int EDGE, bool LEAKY, int C>
INLINE void distil_skip(Fusion<C> &f, const Rows<C> &in, int row, int x, const float *c5) {
    vec d[C][FUSED<C>];
    UNROLLED for (int c = 0; c < C; c++) {
        UNROLLED for (int p = 0; p < FUSED<C>; p++) d[c][p] = load(in.at(c, row) + x + p * LANES);
    }
    add<EDGE, LEAKY>(f, d, c5);
}

// ONTO: added to a row of `onto` (equation 2; c5 is negated). Last, so that each rounding on the way is of the size of
// the cell's result.
template <bool ONTO, int C>
INLINE void end_fusion(const Fusion<C> &f, const Rows<C> &onto, const Rows<C> &out, int row, int x) {
    UNROLLED for (int o = 0; o < C; o++) {
        UNROLLED for (int p = 0; p < FUSED<C>; p++) {
            vec v = f.acc[o][p];
            if (ONTO) v += load(onto.at(o, row) + x + p * LANES);
            store(out.at(o, row) + x + p * LANES, v);
        }
    }
}

} // namespace rt
