// Frames to and from the tensors that other runtimes work on: planar RGB in 0..1, f32, shape (3, height, width).
#pragma once
#include "planes.cuh"

namespace rt {

template <class S> DEVICE void to_tensor(float *tensor) {
    const Block block = block_of<S>(frame.width, frame.height);
    for (int item = threadIdx.x; item < S::WIDTH * S::HEIGHT; item += THREADS) {
        const int x = block.left + item % S::WIDTH, y = block.top + item / S::WIDTH;
        if (x >= block.width || y >= block.height) continue;
        float rgb[3];
        Picture().read(block, x, y, rgb);
        UNROLL for (int c = 0; c < 3; c++) *Plane<3>{tensor}.at(block, c, x, y) = rgb[c];
    }
}

template <class S> DEVICE void from_tensor(float *memory, float *tensor) {
    const Block block = block_of<S>(frame.width, frame.height);
    const Tile<3, S, 0, 0> tile{memory};
    for (int item = threadIdx.x; item < S::WIDTH * S::HEIGHT; item += THREADS) {
        const int column = item % S::WIDTH, row = item / S::WIDTH;
        const int x = block.left + column, y = block.top + row;
        if (x >= block.width || y >= block.height) continue;
        UNROLL for (int c = 0; c < 3; c++) tile.at(c, row, column) = *Plane<3>{tensor}.at(block, c, x, y);
    }
    barrier();
    store_picture(block, tile);
}

} // namespace rt
