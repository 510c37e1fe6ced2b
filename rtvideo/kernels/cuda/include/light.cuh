// Light and image at full size, for the pixels that a thread holds.
#pragma once
#include "tile.cuh"

#include "common/light.h"

namespace rt {

// One function of values, pixel by pixel and channel by channel.
template <int N, class P, class F> FN Values<N, P::ROWS> each(const P &, F f) {
    Values<N, P::ROWS> out;
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < P::ROWS; i++) out.v[c][i] = f(c, i);
    }
    return out;
}

// A function object on values; an input of one channel serves all.
template <int N, class P, class F, class... In> FN Values<N, P::ROWS> pointwise(const P &p, F f, const In &...in) {
    return each<N>(p, [&](int c, int i) { return f(in.v[In::CHANNELS == 1 ? 0 : c][i]...); });
}

// The weight of noise removal, less where cells were averaged over time.
template <int N, class P>
FN Values<N, P::ROWS> less_where_averaged(const P &p, const Values<N, P::ROWS> &weight, const Frame &frame) {
    float left[P::ROWS];
    UNROLL for (int i = 0; i < P::ROWS; i++) {
        const int cell = p.y(i) / CELL * ((frame.width + CELL - 1) / CELL) + p.x(i) / CELL;
        const bool over_time = frame.time.frames > 0 && p.real(i) && p.inside(i);
        left[i] = over_time ? noise_left(unpacked_age((float)frame.state.age[cell])) : 1;
    }
    return each<N>(p, [&](int c, int i) { return weight.v[c][i] * left[i]; });
}

// The largest channel, from which a shared illumination takes the pixel's own maximum.
template <class P> FN Values<1, P::ROWS> channel_max(const P &p, const Values<3, P::ROWS> &y) {
    return each<1>(p, [&](int, int i) { return largest_of(y.v[0][i], y.v[1][i], y.v[2][i]); });
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

template <int SIZE, int N, class S, int B, int A, int PB, int PA>
FN Values<N, 4> window_max(const QuadRun<S, PB, PA> &p, const Tile<N, S, B, A> &in) {
    constexpr int FIRST = SIZE == 3 ? -1 : 0, SPAN = SIZE + 1;
    const int row = p.row + B - PB + FIRST, column = p.column + B - PB + FIRST;
    Values<N, 4> out;
    UNROLL for (int c = 0; c < N; c++) {
        float wide[SPAN][2]; // of each row, the largest around each of the two columns
        UNROLL for (int i = 0; i < SPAN; i++) {
            float v[SPAN];
            UNROLL for (int j = 0; j < SPAN; j++) v[j] = in.at(c, row + i, column + j);
            const float both = SIZE == 3 ? fmaxf(v[1], v[2]) : v[1];
            wide[i][0] = fmaxf(v[0], both), wide[i][1] = fmaxf(both, v[SPAN - 1]);
        }
        UNROLL for (int j = 0; j < 2; j++) {
            const float both = SIZE == 3 ? fmaxf(wide[1][j], wide[2][j]) : wide[1][j];
            out.v[c][j] = fmaxf(wide[0][j], both), out.v[c][2 + j] = fmaxf(both, wide[SPAN - 1][j]);
        }
    }
    return out;
}

template <int SIZE, class S, int B, int A, class P>
FN Values<3, P::ROWS> residual(const P &p, const Tile<3, S, B, A> &u, const Values<3, P::ROWS> &y, float gamma) {
    const Values<3, P::ROWS> largest = window_max<SIZE>(p, u), image = fetch(u, p);
    return each<3>(p, [&](int c, int i) { return residual_of(largest.v[c][i], image.v[c][i], y.v[c][i], gamma); });
}

} // namespace rt
