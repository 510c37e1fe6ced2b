// A block of threads makes a tile of the picture. What its layers hand on lies in shared memory, with a halo; what
// one thread makes for its own pixels stays in registers.
#pragma once
#include "frame.cuh"

namespace rt {

// A tile in pixels, and how many pixels of a column a thread works on at once: each weight then serves ROWS of them,
// and neighbouring threads read neighbouring columns, which never meet in one bank.
template <int W, int H, int R> struct Shape {
    static constexpr int WIDTH = W, HEIGHT = H, ROWS = R;
};

// Where a block's tile lies, in a picture (or grid) of this size; tensors between kernels hold so many rows of it, from
// ORIGIN on.
struct Block {
    int left, top, width, height, origin, rows;

    // Where a tensor between kernels has a pixel.
    METHOD long long place(int channel, int x, int y) const {
        return ((long long)channel * rows + (y - origin)) * width + x;
    }
};

template <class S> FN Block block_of(int width, int height, int first = 0, int origin = 0) {
    const int left = (int)blockIdx.x * S::WIDTH, top = (first + (int)blockIdx.y) * S::HEIGHT;
    return Block{left, top, width, height, origin, frame.rows};
}
// The same at half the size of the picture.
template <class S> FN Block block_at_half_size(int first, int origin) {
    Block block = block_of<S>((frame.width + 1) / 2, (frame.height + 1) / 2, first, origin / 2);
    block.rows = (frame.rows + 1) / 2;
    return block;
}

// A tile and what lies BEFORE (left, above) and AFTER it. Beyond the last row lie ROWS - 1 more that threads may read,
// never use, and nobody writes.
template <int N, class S, int B, int A, class T = float> struct Tile {
    static constexpr int CHANNELS = N, BEFORE = B, AFTER = A;
    static constexpr int WIDTH = S::WIDTH + B + A, HEIGHT = S::HEIGHT + B + A;
    T *data;

    METHOD T &at(int channel, int row, int column) const { return data[(channel * HEIGHT + row) * WIDTH + column]; }
};

// The pixels that a thread works on, run by run: ROWS of one column of a tile with BEFORE and AFTER.
template <class S, int B, int A> struct Run {
    typedef S Of;
    static constexpr int ROWS = S::ROWS, BEFORE = B, AFTER = A;
    static constexpr int WIDTH = S::WIDTH + B + A, HEIGHT = S::HEIGHT + B + A;
    const Block &block;
    int item, column, row;

    METHOD explicit Run(const Block &b) : block(b), item(threadIdx.x) { place(); }
    METHOD bool more() const { return item < WIDTH * ((HEIGHT + ROWS - 1) / ROWS); }
    METHOD void next() { item += THREADS, place(); }
    METHOD void place() { column = item % WIDTH, row = item / WIDTH * ROWS; }

    METHOD int row_of(int i) const { return row + i; }
    METHOD int column_of(int) const { return column; }
    METHOD int x(int = 0) const { return block.left + column - B; }
    METHOD int y(int i) const { return block.top + row + i - B; }
    // Row i exists; it lies in the picture; it lies in the tile itself, which one block alone has.
    METHOD bool real(int i) const { return row + i < HEIGHT; }
    METHOD bool inside(int i) const { return x() >= 0 && x() < block.width && y(i) >= 0 && y(i) < block.height; }
    METHOD bool own(int i) const {
        return column >= B && column < B + S::WIDTH && row + i >= B && row + i < B + S::HEIGHT && inside(i);
    }
};

// The same where steps look around a pixel little or not at all: two by two pixels a thread, which share their chroma,
// their cells of a grid and accesses to memory. Tiles begin and end with whole ones, halos included.
template <class S, int B, int A> struct QuadRun {
    typedef S Of;
    static constexpr int ROWS = 4, BEFORE = B, AFTER = A;
    static constexpr int WIDTH = S::WIDTH + B + A, HEIGHT = S::HEIGHT + B + A;
    static_assert(B % 2 == 0 && A % 2 == 0 && S::WIDTH % 2 == 0 && S::HEIGHT % 2 == 0, "whole quads");
    const Block &block;
    int item, column, row;

    METHOD explicit QuadRun(const Block &b) : block(b), item(threadIdx.x) { place(); }
    METHOD bool more() const { return item < WIDTH / 2 * (HEIGHT / 2); }
    METHOD void next() { item += THREADS, place(); }
    METHOD void place() { column = item % (WIDTH / 2) * 2, row = item / (WIDTH / 2) * 2; }

    METHOD int row_of(int i) const { return row + i / 2; }
    METHOD int column_of(int i) const { return column + i % 2; }
    METHOD int x(int i = 0) const { return block.left + column_of(i) - B; }
    METHOD int y(int i) const { return block.top + row_of(i) - B; }
    METHOD bool real(int) const { return true; }
    METHOD bool inside(int i) const { return x(i) >= 0 && x(i) < block.width && y(i) >= 0 && y(i) < block.height; }
    METHOD bool own(int i) const {
        return column >= B && column < B + S::WIDTH && row >= B && row < B + S::HEIGHT && inside(i);
    }
};

// What a thread holds of a tensor: all channels of its pixels.
template <int N, int R, class T = float> struct Values {
    static constexpr int CHANNELS = N, ROWS = R;
    T v[N][R];
};

// A tensor between two kernels, as wide as the picture: planes of 32-bit words.
template <int N, class T = float> struct Plane {
    static constexpr int CHANNELS = N;
    T *data;

    METHOD T *at(const Block &block, int channel, int x, int y) const { return data + block.place(channel, x, y); }
    METHOD void read(const Block &block, int x, int y, T (&v)[N]) const {
        UNROLL for (int c = 0; c < N; c++) v[c] = *at(block, c, x, y);
    }
};

// The thread's pixels of anything that can be read at a place; zero outside the picture, as the network's padding says.
template <class T = float, class Source, class P>
FN Values<Source::CHANNELS, P::ROWS, T> fetch(const Source &from, const P &p) {
    Values<Source::CHANNELS, P::ROWS, T> values;
    UNROLL for (int i = 0; i < P::ROWS; i++) {
        T v[Source::CHANNELS] = {};
        if (p.real(i) && p.inside(i)) from.read(p.block, p.x(i), p.y(i), v);
        UNROLL for (int c = 0; c < Source::CHANNELS; c++) values.v[c][i] = v[c];
    }
    return values;
}

// Two words of a plane that are accessed at once.
template <class T> struct alignas(8) Couple {
    T first, second;
};

// A quad of a plane; an even width has the words of each row in couples.
template <int N, class T, class S, int B, int A>
FN Values<N, 4, T> fetch(const Plane<N, T> &from, const QuadRun<S, B, A> &p) {
    Values<N, 4, T> values;
    const long long size = (long long)p.block.rows * p.block.width;
    UNROLL for (int i = 0; i < 2; i++) {
        const bool both = p.inside(2 * i) && p.inside(2 * i + 1) && p.block.width % 2 == 0;
        const T *at = from.data + p.block.place(0, p.x(), p.y(2 * i));
        UNROLL for (int c = 0; c < N; c++) {
            Couple<T> row = {};
            if (both) {
                row = *(const Couple<T> *)(at + c * size);
            } else {
                if (p.inside(2 * i)) row.first = at[c * size];
                if (p.inside(2 * i + 1)) row.second = at[c * size + 1];
            }
            values.v[c][2 * i] = row.first, values.v[c][2 * i + 1] = row.second;
        }
    }
    return values;
}
template <int N, class T, class S, int B, int A>
FN void put(const Plane<N, T> &to, const QuadRun<S, B, A> &p, const Values<N, 4, T> &values) {
    const long long size = (long long)p.block.rows * p.block.width;
    UNROLL for (int i = 0; i < 2; i++) {
        if (!p.own(2 * i)) continue;
        T *at = to.data + p.block.place(0, p.x(), p.y(2 * i));
        const bool both = p.own(2 * i + 1);
        UNROLL for (int c = 0; c < N; c++) {
            const Couple<T> row = {values.v[c][2 * i], values.v[c][2 * i + 1]};
            if (both && p.block.width % 2 == 0) {
                *(Couple<T> *)(at + c * size) = row;
            } else {
                at[c * size] = row.first;
                if (both) at[c * size + 1] = row.second;
            }
        }
    }
}

template <int N, class S, int B, int A, class T, class P>
FN Values<N, P::ROWS, T> fetch(const Tile<N, S, B, A, T> &from, const P &p) {
    Values<N, P::ROWS, T> values;
    UNROLL for (int c = 0; c < N; c++) {
        UNROLL for (int i = 0; i < P::ROWS; i++)
            values.v[c][i] = from.at(c, p.row_of(i) + B - P::BEFORE, p.column_of(i) + B - P::BEFORE);
    }
    return values;
}

template <int N, class S, int B, int A, class T, class P, int R>
FN void put(const Tile<N, S, B, A, T> &to, const P &p, const Values<N, R, T> &values) {
    static_assert(B == P::BEFORE && A == P::AFTER, "a step fills the whole tensor");
    UNROLL for (int i = 0; i < R; i++) {
        if (!p.real(i)) break;
        const bool inside = p.inside(i);
        UNROLL for (int c = 0; c < N; c++) to.at(c, p.row_of(i), p.column_of(i)) = inside ? values.v[c][i] : 0;
    }
}

// The same for steps that read it at the pixel alone: what lies outside of the picture does not matter.
template <int N, class S, int B, int A, class T, class P, int R>
FN void keep(const Tile<N, S, B, A, T> &to, const P &p, const Values<N, R, T> &values) {
    UNROLL for (int i = 0; i < R; i++) {
        if (!p.real(i)) break;
        UNROLL for (int c = 0; c < N; c++) to.at(c, p.row_of(i), p.column_of(i)) = values.v[c][i];
    }
}

template <int N, class T, class P, int R>
FN void put(const Plane<N, T> &to, const P &p, const Values<N, R, T> &values) {
    UNROLL for (int i = 0; i < R; i++) {
        if (!p.own(i)) continue;
        UNROLL for (int c = 0; c < N; c++) *to.at(p.block, c, p.x(i), p.y(i)) = values.v[c][i];
    }
}

} // namespace rt
