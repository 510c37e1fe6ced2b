// Frames to and from the tensors that other runtimes work on: planar RGB in 0..1, f32 or f16, shape (3, height, width).
#pragma once
#include "packed.cuh"
#include "planes.cuh"

namespace rt {

struct Half {
    unsigned short bits;
};
FN void put(float *at, float value) { *at = value; }
FN void put(Half *at, float value) { at->bits = (unsigned short)pair(value, 0); }
FN float get(const float *at) { return *at; }
FN float get(const Half *at) { return low(at->bits); }

template <class S, class T> FN void to_tensor(T *tensor) {
    const Block block = block_of<S>(frame.width, frame.height);
    for (int item = threadIdx.x; item < S::WIDTH * S::HEIGHT; item += THREADS) {
        const int x = block.left + item % S::WIDTH, y = block.top + item / S::WIDTH;
        if (x >= block.width || y >= block.height) continue;
        float rgb[3];
        Picture().read(block, x, y, rgb);
    UNROLL for (int c = 0; c < 3; c++) put(tensor + block.place(c, x, y), rgb[c]);
    }
}

template <class S, class T> FN void from_tensor(float *memory, const T *tensor) {
    const Block block = block_of<S>(frame.width, frame.height);
    const Tile<3, S, 0, 0> tile{memory};
    for (int item = threadIdx.x; item < S::WIDTH * S::HEIGHT; item += THREADS) {
        const int column = item % S::WIDTH, row = item / S::WIDTH;
        const int x = block.left + column, y = block.top + row;
        if (x >= block.width || y >= block.height) continue;
        UNROLL for (int c = 0; c < 3; c++) tile.at(c, row, column) = get(tensor + block.place(c, x, y));
    }
    barrier();
    store_picture(block, tile);
}

} // namespace rt
