// What is kept from frame to frame, and samples in codes of 8 bits, one at a time.
#pragma once
#include "planes.cuh"

namespace rt {

// Only kernels of a single block write here, but for `moving`.
static_assert(sizeof(Scene) <= 1536 && sizeof(FoundMotion) <= 256 && sizeof(Mains) <= 256,
              "as temporal_state.py leaves");

// No frame before this one counts; for kernels before `estimate_scene`, which settles it.
FN bool is_reset() { return frame.time.reset || frame.state.scene->seen == 0; }

// Whether the picture so far may move along: it is large enough. Only then are bands looked for.
FN bool carries() { return frame.time.carries && min(frame.width, frame.height) >= LEAST_SIDE; }
FN bool evens() { return frame.time.evens && carries(); }

FN int channels() { return channels(LAYOUT); }
FN bool is_rgb() { return is_rgb(LAYOUT); }
FN int width_of(const Channel &c) { return (frame.width + c.x) >> c.x; }
FN int height_of(const Channel &c) { return (frame.height + c.y) >> c.y; }

// Samples of a channel in codes; the last ones repeat beyond edges.
FN float code_of(const Planes &from, bool wide, float code, const Channel &c, int x, int y) {
    x = clamp(x, 0, width_of(c) - 1), y = clamp(y, 0, height_of(c) - 1);
    return sample(from, wide, c, x, y) * code;
}
// The picture so far, carried along if anything moved.
struct Before {
    const int carried;

    METHOD Before() : carried(frame.state.motion.found->moved > 0) {}
    METHOD const Planes &planes() const { return frame.state.before[carried]; }
    METHOD float operator()(const Channel &c, int x, int y) const { return code_of(planes(), true, 1 / UNIT, c, x, y); }
};
// The frame as it was decoded.
struct Decoded {
    METHOD float operator()(const Channel &c, int x, int y) const {
        return code_of(frame.in, WIDE, frame.format.code, c, x, y);
    }
};
// The same without the bands of lamps, if it has any.
struct Now {
    const bool evened;

    METHOD Now() : evened(evens() && frame.state.mains.found->bands) {}
    METHOD float operator()(const Channel &c, int x, int y) const {
        return evened ? code_of(frame.state.mains.picture, true, 1 / UNIT, c, x, y) : Decoded{}(c, x, y);
    }
};

FN void keep(const Planes &to, const Channel &c, int x, int y, float code) {
    unsigned short *line = (unsigned short *)(to.data[c.plane] + y * to.stride[c.plane]);
    line[x * c.step + c.offset] = (unsigned short)rounded(UNIT * code, 0, 65535);
}

template <class Read> FN float luma(const Read &read, int x, int y) {
    if (!is_rgb()) return read(channel(0), x, y);
    return grey_of(read(channel(0), x, y), read(channel(1), x, y), read(channel(2), x, y));
}

// Every sample that a channel has in a cell and in the picture.
template <class F> FN void for_samples(const Channel &c, int cell_x, int cell_y, const F &f) {
    UNROLL for (int i = 0; i < CELL; i++) {
        UNROLL for (int j = 0; j < CELL; j++) {
            const int x = ((CELL * cell_x) >> c.x) + j, y = ((CELL * cell_y) >> c.y) + i;
            if (j < CELL >> c.x && i < CELL >> c.y && x < width_of(c) && y < height_of(c)) f(x, y);
        }
    }
}

// A block of threads takes so many pixels, and with them whole cells.
typedef Shape<64, 32, 1> Region;
constexpr int REGION_CELLS_WIDE = Region::WIDTH / CELL, REGION_CELLS = REGION_CELLS_WIDE * (Region::HEIGHT / CELL);

} // namespace rt
