// The layers of a distillation cell, a row at a time: channels unrolled, vectors along x.
#pragma once
#include "rows.hpp"

#include "common/layers.h"

namespace rt {

// How many vectors a kernel with so many output channels works on at once: accumulators must stay in registers.
constexpr int vectors(int outputs) { return 4 * outputs <= ACCUMULATORS ? 4 : 2 * outputs <= ACCUMULATORS ? 2 : 1; }

// acc += K x K convolution of `in` at one position. Weights are [row][column][input][output].
template <int K, int DILATION, int OUT, int P, int IN>
FN void taps(vec (&acc)[OUT][P], const Rows<IN> &in, int row, int x, const float *w) {
    UNROLL for (int i = 0; i < K; i++) {
        UNROLL for (int c = 0; c < IN; c++) {
            const float *source = in.at(c, row + (i - K / 2) * DILATION) + x;
            UNROLL for (int j = 0; j < K; j++) {
                vec v[P];
                UNROLL for (int p = 0; p < P; p++) v[p] = load(source + p * LANES + (j - K / 2) * DILATION);
                UNROLL for (int o = 0; o < OUT; o++) {
                    vec weight = splat(w[((i * K + j) * IN + c) * OUT + o]);
                    UNROLL for (int p = 0; p < P; p++) acc[o][p] += weight * v[p];
                }
            }
        }
    }
}

// One channel, and results of all channels at one position, whatever the storage.
template <int C> FN vec fetch(const Rows<C> &in, int c, int row, int x) { return load(in.at(c, row) + x); }
template <int C, int P> FN void put(const Rows<C> &out, int row, int x, const vec (&v)[C][P]) {
    UNROLL for (int o = 0; o < C; o++) {
        UNROLL for (int p = 0; p < P; p++) store(out.at(o, row) + x + p * LANES, v[o][p]);
    }
}

#if defined(__AVX512BF16__)
// The same on pairs of channels: [row][column][pair][output].
template <int K, int DILATION, int OUT, int P, int IN>
FN void taps(vec (&acc)[OUT][P], const Packed<IN> &in, int row, int x, const float *w) {
    constexpr int PAIRS = (IN + 1) / 2;
    UNROLL for (int i = 0; i < K; i++) {
        UNROLL for (int c = 0; c < PAIRS; c++) {
            const float *source = in.at(c, row + (i - K / 2) * DILATION) + x;
            UNROLL for (int j = 0; j < K; j++) {
                vec v[P];
                UNROLL for (int p = 0; p < P; p++) v[p] = load(source + p * LANES + (j - K / 2) * DILATION);
                UNROLL for (int o = 0; o < OUT; o++) {
                    const float *weight = w + ((i * K + j) * PAIRS + c) * OUT + o;
                    UNROLL for (int p = 0; p < P; p++) acc[o][p] = dot(acc[o][p], v[p], weight);
                }
            }
        }
    }
}
template <int C> FN vec fetch(const Packed<C> &in, int c, int row, int x) {
    vec pairs = load(in.at(c / 2, row) + x);
    return c % 2 ? unpack_high(pairs) : unpack_low(pairs);
}
template <int C, int P> FN void put(const Packed<C> &out, int row, int x, const vec (&v)[C][P]) {
    UNROLL for (int o = 0; o < C; o += 2) {
        UNROLL for (int p = 0; p < P; p++)
            store(out.at(o / 2, row) + x + p * LANES, pack(v[o][p], o + 1 < C ? v[o + 1 < C ? o + 1 : o][p] : vec{}));
    }
}
#endif

// One row of a convolution; `w` holds the biases, then the weights.
template <int K, int DILATION, bool LEAKY, class In, class Out>
ROW_FUNCTION convolution(const Tile &tile, In in, Out out, int row, const float *w) {
    if (blank(tile, out, row)) return;
    constexpr int OUT = Out::CHANNELS, P = vectors(OUT);
    for (int x = 0; x < tile.width; x += P * LANES) {
        vec acc[OUT][P];
        UNROLL for (int o = 0; o < OUT; o++) {
            UNROLL for (int p = 0; p < P; p++) acc[o][p] = splat(w[o]);
        }
        taps<K, DILATION>(acc, in, row, x, w + OUT);
        if (LEAKY) {
            UNROLL for (int o = 0; o < OUT; o++) {
                UNROLL for (int p = 0; p < P; p++) acc[o][p] = leaky(acc[o][p]);
            }
        }
        put(out, row, x, acc);
    }
    trim(tile, out, row);
}

// A skip on a remaining edge: r + r.
template <bool LEAKY, class In, class Out>
ROW_FUNCTION doubled(const Tile &tile, In in, Out out, int row) {
    if (blank(tile, out, row)) return;
    constexpr int C = Out::CHANNELS;
    for (int x = 0; x < tile.width; x += LANES) {
        vec v[C][1];
        UNROLL for (int c = 0; c < C; c++) {
            v[c][0] = fetch(in, c, row, x) * 2.0f;
            if (LEAKY) v[c][0] = leaky(v[c][0]);
        }
        put(out, row, x, v);
    }
}

// The 1x1 fusion c5 of what the four distilling edges deliver, for a few vectors of columns: each edge is added as
// soon as it is made, and nothing leaves the registers in between.
template <int C> constexpr int FUSED = vectors(2 * C);

template <int C> struct Fusion {
    vec acc[C][FUSED<C>];
};

template <int C> FN Fusion<C> begin_fusion(const float *w) {
    Fusion<C> f;
    UNROLL for (int o = 0; o < C; o++) {
        UNROLL for (int p = 0; p < FUSED<C>; p++) f.acc[o][p] = splat(w[o]);
    }
    return f;
}

template <int EDGE, bool LEAKY, int C> FN void add(Fusion<C> &f, const vec (&d)[C][FUSED<C>], const float *w) {
    UNROLL for (int c = 0; c < C; c++) {
        vec v[FUSED<C>];
        UNROLL for (int p = 0; p < FUSED<C>; p++) v[p] = LEAKY ? leaky(d[c][p]) : d[c][p];
        UNROLL for (int o = 0; o < C; o++) {
            vec weight = splat(w[C + (EDGE * C + c) * C + o]);
            UNROLL for (int p = 0; p < FUSED<C>; p++) f.acc[o][p] += weight * v[p];
        }
    }
}

template <int EDGE, int K, int DILATION, int C, class In>
FN void distil(Fusion<C> &f, const In &in, int row, int x, const float *w, const float *c5) {
    vec d[C][FUSED<C>];
    UNROLL for (int o = 0; o < C; o++) {
        UNROLL for (int p = 0; p < FUSED<C>; p++) d[o][p] = splat(w[o]);
    }
    taps<K, DILATION>(d, in, row, x, w + C);
    add<EDGE, true>(f, d, c5);
}

template <int EDGE, bool LEAKY, int C, class In>
FN void distil_skip(Fusion<C> &f, const In &in, int row, int x, const float *c5) {
    vec d[C][FUSED<C>];
    UNROLL for (int c = 0; c < C; c++) {
        UNROLL for (int p = 0; p < FUSED<C>; p++) d[c][p] = fetch(in, c, row, x + p * LANES);
    }
    add<EDGE, LEAKY>(f, d, c5);
}

// ONTO: added to a row of `onto` (equation 2; c5 is negated). Last, so that each rounding on the way is of the size of
// the cell's result.
template <bool ONTO, int C, class In, class Out>
FN void end_fusion(Fusion<C> &f, const In &onto, const Out &out, int row, int x) {
    if (ONTO) {
        UNROLL for (int o = 0; o < C; o++) {
            UNROLL for (int p = 0; p < FUSED<C>; p++) f.acc[o][p] += fetch(onto, o, row, x + p * LANES);
        }
    }
    put(out, row, x, f.acc);
}

} // namespace rt
