// Motion of the picture since the frame before, block by block on a pyramid of luma, coarse to fine: by Gauss-Newton
// steps (Lucas and Kanade, IJCAI 1981; in blocks as Kroeger et al., ECCV 2016). Differences count about their mean over
// a window, so that a change of exposure or light is no motion.
#pragma once
#include "common/temporal_state.h"

namespace rt {

constexpr int PYRAMID = 4; // levels: half, quarter, eighth and sixteenth of the size
constexpr int MOTION_BLOCK = 8; // pixels of a level that move alike
constexpr int WINDOW_WIDE = 16, WINDOW_HIGH = 12; // pixels that are compared for a block, which lies in their middle
constexpr int WINDOW = WINDOW_WIDE * WINDOW_HIGH;
constexpr int REACH = 3; // pixels of the coarsest level within which motion is looked for
constexpr int LEAST_SIDE = 64; // pixels of a picture in which motion is looked for
constexpr int MOST_MEASURED = 2600; // blocks of the finest level, if all of them are to be measured
constexpr float PULL = 0.05f; // of the noise's variance, what it costs to leave the motion that is thought of
constexpr float LEAST_VARIANCE = 0.02f; // of noise: rounding makes as much
constexpr float NOISY = 1.5f; // times the noise's variance: what is left of a block that moved as thought
constexpr float BETTER = 0.25f; // of what is left: by so much must another motion be better than the camera's
constexpr float TEXTURE = 0.7f; // of the noise in a difference; the picture so far has half of that at most
constexpr float FARTHEST = 256; // pixels of half the size
constexpr float NEXT_TO = 0.06f; // pixels of a level, by which two motions differ that need not both be tried
constexpr float UNSURE = 0.1f,
                UNSURE_ALONE = 0.2f; // pixels that a block may be off that moves with the camera, or alone

// Displacements in pixels of a level; the picture so far is read there.
struct Vector {
    float x, y;
};

FN Vector operator+(Vector a, Vector b) { return Vector{a.x + b.x, a.y + b.y}; }
FN Vector operator-(Vector a, Vector b) { return Vector{a.x - b.x, a.y - b.y}; }
FN Vector operator*(float s, Vector a) { return Vector{s * a.x, s * a.y}; }
FN bool moves(Vector a) { return a.x != 0 || a.y != 0; }
FN bool is_next_to(Vector a, Vector b) { return max(abs(a.x - b.x), abs(a.y - b.y)) < NEXT_TO; }
FN Vector limited(Vector a, float most) { return Vector{clamp(a.x, -most, most), clamp(a.y, -most, most)}; }

// Sums over a window: of the gradient's products, and of those with the difference.
struct Structure {
    float xx, xy, yy, bx, by;
};

// The step that makes the difference smallest. `pull` is what it costs to leave `prior`.
FN Vector step_of(const Structure &s, float pull, Vector from, Vector prior) {
    const float xx = s.xx + pull, yy = s.yy + pull, per = 1 / max(xx * yy - s.xy * s.xy, 1e-6f * xx * yy);
    const float bx = s.bx + pull * (prior.x - from.x), by = s.by + pull * (prior.y - from.y);
    return limited(Vector{(yy * bx - s.xy * by) * per, (xx * by - s.xy * bx) * per}, 1);
}
FN float pull_of(float noise) { return PULL * WINDOW * noise; }

// Whether the picture around a block has more texture than noise has, which would be followed else.
FN bool tells(const Structure &s, float noise) { return s.xx + s.yy > TEXTURE * WINDOW * noise; }

// Whether a motion that leaves `left` is to be believed before one that leaves `least`.
FN bool better(float left, float least, float noise) { return left + BETTER * max(left, noise) < least; }

// How alike two motions are, from 0 to 1; `close` is far.
FN float agreement(Vector off, float close) {
    const float w = 1 / (1 + (off.x * off.x + off.y * off.y) / (close * close));
    return w * w;
}

// What a block around one, itself included, says of its motion: as far as its picture tells, and if it moves alike.
FN void add_neighbour(Structure &sum, const Structure &one, Vector off, float near, float noise) {
    const float weight = near * agreement(off, 1), xx = one.xx + noise, yy = one.yy + noise;
    sum.xx += weight * xx, sum.xy += weight * one.xy, sum.yy += weight * yy;
    sum.bx += weight * (xx * off.x + one.xy * off.y), sum.by += weight * (one.xy * off.x + yy * off.y);
}

} // namespace rt
