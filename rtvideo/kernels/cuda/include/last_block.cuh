// One block goes on with what all blocks of a kernel have made: a kernel less, at whose end all would wait.
#pragma once
#include "frame.cuh"

extern "C" {
__device__ int blocks_done; // of the kernel that runs; 0 when a module is loaded
}

namespace rt {

// Whether this is the last block that comes here: what the others left before is there to be read.
FN bool is_last_block(int *memory) {
    if (threadIdx.x == 0) {
        fence();
        *memory = atomicAdd(&blocks_done, 1) == gridDim.x * gridDim.y - 1;
        if (*memory) blocks_done = 0; // for the next frame
    }
    barrier();
    const bool last = *memory;
    fence();
    barrier();
    return last;
}

} // namespace rt
