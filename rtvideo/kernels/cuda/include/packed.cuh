// Pairs of half precision: two channels in a word, multiplied at once. Sums are in half precision too.
#pragma once
#include "layers.cuh"

namespace rt {

typedef unsigned Word; // the even channel in the low half; a missing last channel is zero

#ifdef __CUDACC__
FN Word fma_pair(Word a, Word b, Word c) {
    Word d;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}
FN Word pair(float low, float high) {
    Word d;
    asm("{.reg .f16 l, h; cvt.rn.f16.f32 l, %1; cvt.rn.f16.f32 h, %2; mov.b32 %0, {l, h};}"
        : "=r"(d)
        : "f"(low), "f"(high));
    return d;
}
FN float low(Word pair) {
    float f;
    asm("{.reg .f16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l;}" : "=f"(f) : "r"(pair));
    return f;
}
FN float high(Word pair) {
    float f;
    asm("{.reg .f16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h;}" : "=f"(f) : "r"(pair));
    return f;
}
FN Word twice_low(Word pair) {
    Word d;
    asm("{.reg .b16 l, h; mov.b32 {l, h}, %1; mov.b32 %0, {l, l};}" : "=r"(d) : "r"(pair));
    return d;
}
FN Word twice_high(Word pair) {
    Word d;
    asm("{.reg .b16 l, h; mov.b32 {l, h}, %1; mov.b32 %0, {h, h};}" : "=r"(d) : "r"(pair));
    return d;
}
FN Word larger(Word a, Word b) {
#if __CUDA_ARCH__ >= 800
    Word d;
    asm("max.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
#else
    return pair(fmaxf(low(a), low(b)), fmaxf(high(a), high(b)));
#endif
}
#endif

template <int N, int R> struct Pairs : Values<(N + 1) / 2, R, Word> {
    static constexpr int CHANNELS = N, WORDS = (N + 1) / 2;
};

// A tile and a plane of pairs.
template <int N, class S, int B, int A> struct PairTile : Tile<(N + 1) / 2, S, B, A, Word> {};
template <int N> struct PairPlane : Plane<(N + 1) / 2, Word> {
    static constexpr int CHANNELS = N;
};

template <int N, int R> FN Pairs<N, R> packed(const Values<N, R> &x) {
    Pairs<N, R> pairs;
    UNROLL for (int c = 0; c < N; c += 2) {
        UNROLL for (int i = 0; i < R; i++)
            pairs.v[c / 2][i] = pair(x.v[c][i], c + 1 < N ? x.v[c + 1 < N ? c + 1 : c][i] : 0.0f);
    }
    return pairs;
}
template <int N, int R> FN Values<N, R> unpacked(const Pairs<N, R> &pairs) {
    Values<N, R> x;
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < R; i++) x.v[c][i] = c % 2 ? high(pairs.v[c / 2][i]) : low(pairs.v[c / 2][i]);
    }
    return x;
}

template <int N, class S, int B, int A, class P>
FN Pairs<N, P::ROWS> fetch(const PairTile<N, S, B, A> &from, const P &p) {
    return {fetch((const Tile<(N + 1) / 2, S, B, A, Word> &)from, p)};
}
template <int N, class P> FN Pairs<N, P::ROWS> fetch(const PairPlane<N> &from, const P &p) {
    return {fetch<Word>((const Plane<(N + 1) / 2, Word> &)from, p)};
}

template <int N, int R> FN Pairs<N, R> leaky(Pairs<N, R> x) {
    const Word slope = pair(SLOPE, SLOPE);
    UNROLL for (int c = 0; c < x.WORDS; c++) {
        UNROLL for (int i = 0; i < R; i++) x.v[c][i] = larger(x.v[c][i], fma_pair(x.v[c][i], slope, 0));
    }
    return x;
}
template <int N, int R> FN Pairs<N, R> doubled(Pairs<N, R> x) {
    const Word two = pair(2, 2);
    UNROLL for (int c = 0; c < x.WORDS; c++) {
        UNROLL for (int i = 0; i < R; i++) x.v[c][i] = fma_pair(x.v[c][i], two, 0);
    }
    return x;
}
template <int N, int R> FN Pairs<N, R> sum(Pairs<N, R> a, const Pairs<N, R> &b) {
    const Word one = pair(1, 1);
    UNROLL for (int c = 0; c < a.WORDS; c++) {
        UNROLL for (int i = 0; i < R; i++) a.v[c][i] = fma_pair(b.v[c][i], one, a.v[c][i]);
    }
    return a;
}
template <int N, class P> FN Pairs<N, P::ROWS> bias(const P &, const Word *w) {
    Pairs<N, P::ROWS> acc;
    UNROLL for (int o = 0; o < acc.WORDS; o++) {
        UNROLL for (int i = 0; i < P::ROWS; i++) acc.v[o][i] = w[o];
    }
    return acc;
}

// acc += channel c, both halves of a word alike, times a row of weights: [output pair].
template <int N, int R> FN void add(Pairs<N, R> &acc, const Word *v, int c, const Word *w) {
    UNROLL for (int i = 0; i < R; i++) {
        const Word both = c % 2 ? twice_high(v[i]) : twice_low(v[i]);
        UNROLL for (int o = 0; o < acc.WORDS; o++) acc.v[o][i] = fma_pair(both, w[o], acc.v[o][i]);
    }
}

// As in layers.cuh; weights are pairs of outputs.
template <int K, int DILATION, int OUT, int IN, class S, int B, int A, class P>
FN Pairs<OUT, P::ROWS> convolution(const P &p, const PairTile<IN, S, B, A> &in, const Word *w) {
    constexpr int REACH = K / 2 * DILATION, R = P::ROWS, SPAN = R + 2 * REACH, WORDS = (OUT + 1) / 2;
    [[maybe_unused]] constexpr int WORDS_AT_ONCE = K * K * IN * WORDS * R <= LONGEST ? (IN + 1) / 2 : 1;
    const int row = p.row + B - P::BEFORE - REACH, column = p.column + B - P::BEFORE - REACH;
    Pairs<OUT, R> acc = bias<OUT>(p, w);
    w += WORDS;
    UNROLL_BY(WORDS_AT_ONCE) for (int pair = 0; pair < (IN + 1) / 2; pair++) {
        UNROLL for (int j = 0; j < K; j++) {
            Word v[SPAN];
            UNROLL for (int i = 0; i < SPAN; i++) v[i] = in.at(pair, row + i, column + j * DILATION);
            UNROLL for (int k = 0; k < K; k++) {
                UNROLL for (int half = 0; half < 2; half++) {
                    const int c = 2 * pair + half;
                    if (c < IN) add(acc, v + k * DILATION, half, w + ((k * K + j) * IN + c) * WORDS);
                }
            }
        }
    }
    return acc;
}
template <int OUT, int IN, class P>
FN Pairs<OUT, P::ROWS> convolution(const P &p, const Pairs<IN, P::ROWS> &in, const Word *w) {
    Pairs<OUT, P::ROWS> acc = bias<OUT>(p, w);
    UNROLL for (int c = 0; c < IN; c++) add(acc, in.v[c / 2], c, w + acc.WORDS + c * acc.WORDS);
    return acc;
}
template <int EDGE, int N, int R> FN void distil(Pairs<N, R> &acc, const Pairs<N, R> &edge, const Word *w) {
    UNROLL for (int c = 0; c < N; c++) add(acc, edge.v[c / 2], c, w + acc.WORDS + (EDGE * N + c) * acc.WORDS);
}

} // namespace rt
