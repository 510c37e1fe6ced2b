// What is kept from frame to frame, and samples in codes of 8 bits: history.hpp, a sample at a time.
#pragma once
#include "planes.cuh"

namespace rt {

constexpr int CELL = 2;        // pixels: what moves or stays as one
constexpr int PATCH = 8;       // pixels of a patch (a block, in survey.hpp), of which noise is measured
constexpr float UNIT = 256;    // samples that are kept lie in the high bits of 16: so many are a code of 8 bits
constexpr float AGE_UNIT = 16; // ages are kept in sixteenths of a frame

// What is known of the scene. Only kernels of a single block write here, but for `moving`.
struct Scene {
    float noise, slope; // of one frame, in codes: noise + slope * level
    float curve[257];   // by how much each level changed, where the exposure did
    float own;          // share of a pixel's own light
    int seen;           // frames since the last cut
    int moving;         // cells that moved
    int fresh, exposed; // this is the first frame since a cut; the exposure changed
    int shone;          // light changed on some patches
    int lit;            // `own` and the light that is kept are known
};
static_assert(sizeof(Scene) <= 2048, "as much room as history.py leaves");

// Nothing counts that was before this frame; for kernels before `judge`, which settles it.
DEVICE bool forgotten() { return frame.pace.forget || frame.history.scene->seen == 0; }

// A channel of the planes; `x` and `y` are log2 of its subsampling.
struct Channel {
    int plane, offset, step, x, y;

    METHOD int width() const { return (frame.width + x) >> x; }
    METHOD int height() const { return (frame.height + y) >> y; }
};
DEVICE int channels() { return LAYOUT == GRAY ? 1 : 3; }
DEVICE bool is_rgb() { return LAYOUT == RGB || LAYOUT == GBR; }
DEVICE Channel channel(int c) {
    if (is_rgb()) return Channel{plane_of(c), LAYOUT == RGB ? c : 0, LAYOUT == RGB ? 3 : 1, 0, 0};
    if (c == 0) return Channel{0, 0, 1, 0, 0};
    const bool pairs = LAYOUT == NV;
    return Channel{pairs ? 1 : c, pairs ? c - 1 : 0, pairs ? 2 : 1, CHROMA_X, CHROMA_Y};
}

// Samples of a channel in codes; the last ones repeat beyond edges.
DEVICE float code_of(const Planes &from, bool wide, float unit, const Channel &c, int x, int y) {
    x = clamp(x, 0, c.width() - 1), y = clamp(y, 0, c.height() - 1);
    return sample(from, wide, c.plane, y, x * c.step + c.offset) * unit;
}
struct Before {
    METHOD float operator()(const Channel &c, int x, int y) const {
        return code_of(frame.history.before, true, 1 / UNIT, c, x, y);
    }
};
struct Now {
    METHOD float operator()(const Channel &c, int x, int y) const {
        return code_of(frame.in, WIDE, frame.history.code, c, x, y);
    }
};

DEVICE void keep(const Planes &to, const Channel &c, int x, int y, float code) {
    unsigned short *line = (unsigned short *)(to.data[c.plane] + y * to.stride[c.plane]);
    line[x * c.step + c.offset] = (unsigned short)(int)clamp(UNIT * code + 0.5f, 0.0f, 65535.0f);
}

// Of RGB a quarter of red and blue and half of green.
template <class Read> DEVICE float luma(const Read &read, int x, int y) {
    if (!is_rgb()) return read(channel(0), x, y);
    return 0.25f * (read(channel(0), x, y) + read(channel(2), x, y)) + 0.5f * read(channel(1), x, y);
}

// Every sample that a channel has in a cell and in the picture.
template <class F> DEVICE void for_samples(const Channel &c, int cell_x, int cell_y, const F &f) {
    UNROLL for (int i = 0; i < CELL; i++) {
        UNROLL for (int j = 0; j < CELL; j++) {
            const int x = ((CELL * cell_x) >> c.x) + j, y = ((CELL * cell_y) >> c.y) + i;
            if (j < CELL >> c.x && i < CELL >> c.y && x < c.width() && y < c.height()) f(x, y);
        }
    }
}

// A block of threads takes so many pixels, and with them whole cells.
typedef Shape<64, 32, 1> Region;
constexpr int REGION_CELLS_WIDE = Region::WIDTH / CELL, REGION_CELLS = REGION_CELLS_WIDE * (Region::HEIGHT / CELL);

} // namespace rt
