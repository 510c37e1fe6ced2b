// Pictures that are kept: memory, size and planes.
#pragma once
#include "grid.hpp"
#include <stdlib.h>

namespace rt {

// Workspaces come zeroed and touched: the first frame is as fast as the others, and nothing is ever undefined.
static void *fresh(size_t bytes) {
    void *p = 0;
#if defined(_WIN32)
    p = _aligned_malloc(bytes + 4096, 4096);
    if (!p) return 0;
#else
    if (posix_memalign(&p, 4096, bytes + 4096)) return 0;
#endif
    memset(p, 0, bytes + 4096);
    return p;
}

// Give back what `fresh` gave.
static void release(void *p) {
#if defined(_WIN32)
    _aligned_free(p);
#else
    free(p);
#endif
}

// Bytes of each plane of a picture, and of a row of it.
struct PictureSize {
    size_t bytes[3];
    int64_t stride[3];

    size_t all() const { return bytes[0] + bytes[1] + bytes[2]; }
};

// Of a picture in 16 bits.
FN PictureSize size_of(const Format &kept, int width, int height) {
    PictureSize size = {};
    for (int c = 0; c < channels(kept); c++) {
        const Channel one = channel(kept, c);
        size.stride[one.plane] = (((width + one.x) >> one.x) * one.step * sizeof(uint16_t) + 63) / 64 * 64;
        size.bytes[one.plane] = size.stride[one.plane] * ((height + one.y) >> one.y);
    }
    return size;
}

// Planes from `memory` on; returns where they end.
FN unsigned char *place(Planes &planes, const PictureSize &size, unsigned char *memory) {
    for (int k = 0; k < 3; k++) {
        planes.data[k] = size.bytes[k] ? memory : 0, planes.stride[k] = size.stride[k];
        memory += size.bytes[k];
    }
    return memory;
}

} // namespace rt
