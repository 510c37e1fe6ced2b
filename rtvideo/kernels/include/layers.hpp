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

// What the four distilling edges deliver for one block of columns, before the 1x1 fusion.
template <int C> struct Distilled {
    alignas(64) float d[4 * C][BLOCK];
};

template <int EDGE, int C, int K, int DILATION>
INLINE void distil(Distilled<C> &to, const Rows<C> &in, int row, int x, const float *w) {
    convolve<C, C, K, DILATION, true>(in, row, x, x + BLOCK, w,
                                      [&](int o, int at) { return to.d[EDGE * C + o] + (at - x); });
}

template <int EDGE, bool LEAKY, int C> INLINE void distil_skip(Distilled<C> &to, const Rows<C> &in, int row, int x) {
    UNROLLED for (int c = 0; c < C; c++) {
        UNROLLED for (int p = 0; p < BLOCK; p += LANES) {
            vec v = load(in.at(c, row) + x + p);
            store(to.d[EDGE * C + c] + p, LEAKY ? leaky(v) : v);
        }
    }
}

// The 1x1 fusion c5, added to a row of `onto` if there is one (equation 2, its weights negated).
template <bool ONTO, int C>
INLINE void fuse(const Distilled<C> &from, Rows<C> onto, Rows<C> out, int row, int x, const float *w) {
    constexpr int P = vectors(C);
    for (int at = 0; at < BLOCK; at += P * LANES) {
        vec acc[C][P];
        UNROLLED for (int o = 0; o < C; o++) {
            UNROLLED for (int p = 0; p < P; p++) {
                acc[o][p] = splat(w[o]);
            }
        }
        UNROLLED for (int c = 0; c < 4 * C; c++) {
            vec v[P];
            UNROLLED for (int p = 0; p < P; p++) v[p] = load(from.d[c] + at + p * LANES);
            UNROLLED for (int o = 0; o < C; o++) {
                vec weight = splat(w[C + c * C + o]);
                UNROLLED for (int p = 0; p < P; p++) acc[o][p] += weight * v[p];
            }
        }
        UNROLLED for (int o = 0; o < C; o++) {
            UNROLLED for (int p = 0; p < P; p++) {
                // Added last: each rounding on the way is then of the size of the cell's result.
                if (ONTO) acc[o][p] += load(onto.at(o, row) + x + at + p * LANES);
                store(out.at(o, row) + x + at + p * LANES, acc[o][p]);
            }
        }
    }
}

} // namespace rt
