// The layers of a distillation cell, for the pixels that a thread holds: channels unrolled, weights constant.
#pragma once
#include "tile.cuh"

#include "common/layers.h"

namespace rt {

// Above so many multiply-adds in a row, a loop over channels stays a loop: the instruction cache is small.
constexpr int LONGEST = 1500;

template <int N, int R> FN Values<N, R> leaky(Values<N, R> x) {
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < R; i++) x.v[c][i] = leaky(x.v[c][i]);
    }
    return x;
}

// A skip on a remaining edge: r + r.
template <int N, int R> FN Values<N, R> doubled(Values<N, R> x) {
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < R; i++) x.v[c][i] *= 2.0f;
    }
    return x;
}

template <int N, int R> FN Values<N, R> sum(Values<N, R> a, const Values<N, R> &b) {
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < R; i++) a.v[c][i] += b.v[c][i];
    }
    return a;
}

// What sums start from: the first N weights of a layer.
template <int N, class P> FN Values<N, P::ROWS> bias(const P &, const float *w) {
    Values<N, P::ROWS> acc;
    UNROLL for (int o = 0; o < N; o++) {
        UNROLL for (int i = 0; i < P::ROWS; i++) acc.v[o][i] = w[o];
    }
    return acc;
}

// K x K convolution of a tensor; `w` holds the biases, then [row][column][input][output].
template <int K, int DILATION, int OUT, int IN, class S, int B, int A, class P>
FN Values<OUT, P::ROWS> convolution(const P &p, const Tile<IN, S, B, A> &in, const float *w) {
    constexpr int REACH = K / 2 * DILATION, R = P::ROWS, SPAN = R + 2 * REACH;
    [[maybe_unused]] constexpr int CHANNELS_AT_ONCE = K * K * IN * OUT * R <= LONGEST ? IN : 1;
    const int row = p.row + B - P::BEFORE - REACH, column = p.column + B - P::BEFORE - REACH;
    Values<OUT, R> acc = bias<OUT>(p, w);
    w += OUT;
    UNROLL_BY(CHANNELS_AT_ONCE) for (int c = 0; c < IN; c++) {
        UNROLL for (int j = 0; j < K; j++) {
            float v[SPAN];
            UNROLL for (int i = 0; i < SPAN; i++) v[i] = in.at(c, row + i, column + j * DILATION);
            UNROLL for (int k = 0; k < K; k++) {
                UNROLL for (int o = 0; o < OUT; o++) {
                    UNROLL for (int i = 0; i < R; i++)
                        acc.v[o][i] += w[((k * K + j) * IN + c) * OUT + o] * v[i + k * DILATION];
                }
            }
        }
    }
    return acc;
}

// 1 x 1 convolution of what the thread holds itself.
template <int OUT, int IN, class P>
FN Values<OUT, P::ROWS> convolution(const P &p, const Values<IN, P::ROWS> &in, const float *w) {
    Values<OUT, P::ROWS> acc = bias<OUT>(p, w);
    UNROLL for (int c = 0; c < IN; c++) {
        UNROLL for (int o = 0; o < OUT; o++) {
            UNROLL for (int i = 0; i < P::ROWS; i++) acc.v[o][i] += w[OUT + c * OUT + o] * in.v[c][i];
        }
    }
    return acc;
}

// The 1x1 fusion c5 of the four distilling edges, of which this is one: it is added as soon as it is made.
template <int EDGE, int N, int R> FN void distil(Values<N, R> &acc, const Values<N, R> &edge, const float *w) {
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int o = 0; o < N; o++) {
            UNROLL for (int i = 0; i < R; i++) acc.v[o][i] += w[N + (EDGE * N + c) * N + o] * edge.v[c][i];
        }
    }
}

} // namespace rt
