// Cells of up to eight channels on tensor cores: 16 pixels by 16 numbers of each by 8 outputs at once (PTX ISA,
// mma.m16n8k16), factors in half precision, sums in f32.
#pragma once
#include "packed.cuh"

namespace rt {

constexpr int WARP = 32, PIXELS = 16, OCTET = 8;

// Eight channels of a pixel; missing ones are zero. What `load_octets` takes at once.
struct alignas(16) Octet {
    Word pairs[OCTET / 2];
};

// The weights of a layer as the lanes of a warp hold them: of each tap (or, of a fusion, each edge) those of two inputs.
template <int TAPS> struct Matrix {
    float bias[OCTET];
    Word words[TAPS][WARP];
};

#ifdef __CUDACC__
FN void together() { __syncwarp(); }
FN void multiply_add(float (&sums)[2][2], Word a0, Word a1, Word b) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sums[0][0]), "+f"(sums[0][1]), "+f"(sums[1][0]), "+f"(sums[1][1])
        : "r"(a0), "r"(a1), "r"(b));
}
FN void multiply_add(float (&sums)[2][2], const Word (&a)[4], Word b0, Word b1) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0][0]), "+f"(sums[0][1]), "+f"(sums[1][0]), "+f"(sums[1][1])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    multiply_add(sums, a[0], a[1], b0), multiply_add(sums, a[2], a[3], b1);
#endif
}
// Octets from shared memory: each lane says where one is, and gets a word of every eighth lane's.
FN void load_octets(Word (&a)[4], const Octet *at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
                 : "r"((unsigned)__cvta_generic_to_shared(at))
                 : "memory");
}
#endif

// The lane's share of a layer's weights: they stay in registers while the warp goes over its pixels.
template <int TAPS> struct Held {
    float bias[2];
    Word words[TAPS];
};
template <int TAPS> FN Held<TAPS> held(const Matrix<TAPS> &all) {
    const int lane = threadIdx.x % WARP;
    Held<TAPS> mine;
    UNROLL for (int k = 0; k < 2; k++) mine.bias[k] = all.bias[lane % 4 * 2 + k];
    UNROLL for (int tap = 0; tap < TAPS; tap++) mine.words[tap] = all.words[tap][lane];
    return mine;
}

// A tile and a plane of octets, pixel by pixel.
template <int N, class S, int B, int A> struct OctetTile {
    static constexpr int CHANNELS = N, BEFORE = B, AFTER = A;
    static constexpr int WIDTH = S::WIDTH + B + A, HEIGHT = S::HEIGHT + B + A;
    Octet *data;
};
template <int N> struct OctetPlane {
    static constexpr int CHANNELS = N;
    Octet *data;

    METHOD Octet &at(const Block &block, int x, int y) const { return data[block.place(0, x, y)]; }
};

// The pixels that a warp works on, run by run: 16 of a tile with BEFORE and AFTER, row after row. Of each a lane holds
// two channels.
template <class S, int B, int A> struct WarpRun {
    static constexpr int BEFORE = B, AFTER = A;
    static constexpr int WIDTH = S::WIDTH + B + A, HEIGHT = S::HEIGHT + B + A;
    const Block &block;
    int lane, first;

    METHOD explicit WarpRun(const Block &b) : block(b), lane(threadIdx.x % WARP), first(threadIdx.x / WARP * PIXELS) {}
    METHOD bool more() const { return first < WIDTH * HEIGHT; }
    METHOD void next() { first += THREADS / WARP * PIXELS, together(); }

    // Which pixel of the tile the lane's i-th is, and the first of its channels.
    METHOD int pixel(int i) const { return first + lane / 4 + 8 * i; }
    METHOD int pair() const { return lane % 4; }
    METHOD int x(int i) const { return block.left + pixel(i) % WIDTH - B; }
    METHOD int y(int i) const { return block.top + pixel(i) / WIDTH - B; }
    METHOD bool real(int i) const { return pixel(i) < WIDTH * HEIGHT; }
    METHOD bool inside(int i) const { return x(i) >= 0 && x(i) < block.width && y(i) >= 0 && y(i) < block.height; }
    METHOD bool own(int i) const {
        const int column = pixel(i) % WIDTH - B, row = pixel(i) / WIDTH - B;
        return column >= 0 && column < S::WIDTH && row >= 0 && row < S::HEIGHT && inside(i);
    }
};

// What a lane holds of a tensor: two channels of two pixels.
template <int N> struct Fragment {
    static constexpr int CHANNELS = N;
    float v[2][2];
};

template <int N> FN Fragment<N> fragment_of(Word first, Word second) {
    return {{{low(first), high(first)}, {low(second), high(second)}}};
}
template <int N> FN Word pair_of(const Fragment<N> &x, int i) { return pair(x.v[i][0], x.v[i][1]); }

template <int N, class S, int B, int A, class P>
FN Fragment<N> fetch(const OctetTile<N, S, B, A> &from, const P &p) {
    Word words[2];
    UNROLL for (int i = 0; i < 2; i++) {
        const int pixel = min(p.pixel(i), P::WIDTH * P::HEIGHT - 1);
        const int row = pixel / P::WIDTH + B - P::BEFORE, column = pixel % P::WIDTH + B - P::BEFORE;
        words[i] = from.data[row * from.WIDTH + column].pairs[p.pair()];
    }
    return fragment_of<N>(words[0], words[1]);
}
template <int N, class S, int B, int A> FN Fragment<N> fetch(const OctetPlane<N> &from, const WarpRun<S, B, A> &p) {
    Word words[2];
    UNROLL for (int i = 0; i < 2; i++)
        words[i] = p.real(i) && p.inside(i) ? from.at(p.block, p.x(i), p.y(i)).pairs[p.pair()] : 0;
    return fragment_of<N>(words[0], words[1]);
}

template <int N, class S, int B, int A>
FN void put(const OctetTile<N, S, B, A> &to, const WarpRun<S, B, A> &p, const Fragment<N> &x) {
    UNROLL for (int i = 0; i < 2; i++)
        if (p.real(i)) to.data[p.pixel(i)].pairs[p.pair()] = p.inside(i) ? pair_of(x, i) : 0;
}
template <int N, class S, int B, int A>
FN void put(const OctetPlane<N> &to, const WarpRun<S, B, A> &p, const Fragment<N> &x) {
    UNROLL for (int i = 0; i < 2; i++)
        if (p.own(i)) to.at(p.block, p.x(i), p.y(i)).pairs[p.pair()] = pair_of(x, i);
}
template <int N, class S, int B, int A>
FN void put(const Plane<N> &to, const WarpRun<S, B, A> &p, const Fragment<N> &x) {
    UNROLL for (int i = 0; i < 2; i++) {
        UNROLL for (int k = 0; k < 2; k++) {
            const int c = 2 * p.pair() + k;
            if (c < N && p.own(i)) *to.at(p.block, c, p.x(i), p.y(i)) = x.v[i][k];
        }
    }
}

// What a thread by itself brings into a tile.
template <int N, class P> FN Pairs<N, P::ROWS> fetch(const OctetPlane<N> &from, const P &p) {
    Pairs<N, P::ROWS> pairs;
    UNROLL for (int i = 0; i < P::ROWS; i++) {
        Octet one = {};
        if (p.real(i) && p.inside(i)) one = from.at(p.block, p.x(), p.y(i));
        UNROLL for (int c = 0; c < pairs.WORDS; c++) pairs.v[c][i] = one.pairs[c];
    }
    return pairs;
}
template <int N, class S, int B, int A>
FN void put(const OctetTile<N, S, B, A> &to, const Run<S, B, A> &p, const Pairs<N, S::ROWS> &x) {
    UNROLL for (int i = 0; i < S::ROWS; i++) {
        if (!p.real(i)) break;
        Octet one = {};
        UNROLL for (int c = 0; c < x.WORDS; c++) one.pairs[c] = p.inside(i) ? x.v[c][i] : 0;
        to.data[(p.row + i) * to.WIDTH + p.column] = one;
    }
}

// The layers of a cell, as in layers.cuh.
template <int N> FN Fragment<N> leaky(Fragment<N> x) {
    UNROLL for (int i = 0; i < 4; i++) x.v[i / 2][i % 2] = leaky(x.v[i / 2][i % 2]);
    return x;
}
template <int N> FN Fragment<N> doubled(Fragment<N> x) {
    UNROLL for (int i = 0; i < 4; i++) x.v[i / 2][i % 2] *= 2.0f;
    return x;
}
template <int N, class P, int TAPS> FN Fragment<N> bias(const P &, const Held<TAPS> &w) {
    return {{{w.bias[0], w.bias[1]}, {w.bias[0], w.bias[1]}}};
}

// K x K: two taps at once, and the last one alone.
template <int K, int DILATION, int OUT, int IN, class S, int B, int A, class P>
FN Fragment<OUT> convolution(const P &p, const OctetTile<IN, S, B, A> &in, const Held<K * K> &w) {
    constexpr int REACH = K / 2 * DILATION, TAPS = K * K;
    Fragment<OUT> acc = bias<OUT>(p, w);
    // The pixel whose octets this lane says the place of: lanes from 16 on the second tap's.
    const int pixel = min(p.first + p.lane % PIXELS, P::WIDTH * P::HEIGHT - 1), second = p.lane / PIXELS;
    const int row = pixel / P::WIDTH + B - P::BEFORE - REACH, column = pixel % P::WIDTH + B - P::BEFORE - REACH;
    const Octet *from = in.data + row * in.WIDTH + column;
    UNROLL for (int tap = 0; tap < TAPS; tap += 2) {
        const int mine = min(tap + second, TAPS - 1);
        Word a[4];
        load_octets(a, from + (mine / K * in.WIDTH + mine % K) * DILATION);
        if (tap + 1 < TAPS)
            multiply_add(acc.v, a, w.words[tap], w.words[tap + 1 < TAPS ? tap + 1 : tap]);
        else
            multiply_add(acc.v, a[0], a[1], w.words[tap]);
    }
    return acc;
}

// What one layer leaves in a lane is where the next one wants it.
template <int OUT, int IN, class P> FN Fragment<OUT> convolution(const P &p, const Fragment<IN> &in, const Held<1> &w) {
    Fragment<OUT> acc = bias<OUT>(p, w);
    multiply_add(acc.v, pair_of(in, 0), pair_of(in, 1), w.words[0]);
    return acc;
}
template <int EDGE, int N> FN void distil(Fragment<N> &acc, const Fragment<N> &edge, const Held<4> &w) {
    multiply_add(acc.v, pair_of(edge, 0), pair_of(edge, 1), w.words[EDGE]);
}

} // namespace rt
