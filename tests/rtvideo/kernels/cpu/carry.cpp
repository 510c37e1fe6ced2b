// Carrying alone, for a test: planes and ages are carried along given vectors, a strip after the other.
#include "temporal.hpp"

using namespace rt;

#define EXPORT extern "C" __attribute__((visibility("default")))

static void copy(const Planes &from, const Planes &to, const Format &kept, int width, int height) {
    for (int c = 0; c < channels(kept); c++) {
        const Channel one = channel(kept, c);
        const int wide = (width + one.x) >> one.x, high = (height + one.y) >> one.y;
        for (int row = 0; row < high; row++)
            memcpy(to.data[one.plane] + row * to.stride[one.plane], from.data[one.plane] + row * from.stride[one.plane],
                   sizeof(uint16_t) * wide * one.step);
    }
}

// `strip` columns at a time; a vector for each block of 16 x 16, in halves of a pixel. False without enough memory.
EXPORT int carry_all(const Format *kept, int width, int height, int strip, const Vector *vectors, const uint8_t *ages,
                     const Planes *from, const Planes *to, uint8_t *carried) {
    Frame *frame = (Frame *)calloc(1, sizeof(Frame));
    TemporalState &state = frame->state;
    const bool enough = allocate(state, *kept, width, height, 0);
    if (enough) {
        const size_t cells = (size_t)state.cells_wide * state.cells_high;
        copy(*from, state.picture[0], *kept, width, height);
        memcpy(state.age, ages, cells),
            memcpy(state.motion.vectors[0], vectors, sizeof(Vector) * state.motion.blocks(0));
        for (int first = 0; first < width; first += strip) {
            Tile tile = {};
            tile.first = first, tile.last = min(first + strip, width), tile.bottom = height;
            tile.picture_width = width, tile.picture_height = height;
            carry(tile, *frame, Arena{});
        }
        copy(state.motion.carried, *to, *kept, width, height);
        memcpy(carried, state.motion.age, cells);
    }
    for (void *p : state.memory) free(p);
    for (void *p : state.motion.memory) free(p);
    for (void *p : state.mains.memory) free(p);
    free(frame);
    return enough;
}

// Ages of cells as the filter takes them, of `left` and noise of their blocks and of how steep the picture is.
EXPORT void ages_after(int count, float *ages, const float *steepness, const float *unsure, const float *left,
                       float of_block, float noise) {
    for (int i = 0; i < count; i++)
        ages[i] = age_carried(ages[i], steepness[i], unsure[i], loss_of(left[i], of_block), noise);
}
