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
constexpr int PAD = 32; // pixels around a level, where its edges repeat: windows may lie beyond
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

// Where the window of a block begins.
FN int window_left(int column) { return column * MOTION_BLOCK - (WINDOW_WIDE - MOTION_BLOCK) / 2; }
FN int window_top(int row) { return row * MOTION_BLOCK - (WINDOW_HIGH - MOTION_BLOCK) / 2; }

// Where it begins in the picture so far, within what the edges repeat, and the fractions of a pixel beyond.
struct Displaced {
    int x, y;
    float across, down;
};
FN Displaced displaced(int width, int height, int x, int y, Vector v) {
    const float u = clamp(x + v.x, -PAD + 1.0f, width + PAD - 2.0f * WINDOW_WIDE - 1);
    const float w = clamp(y + v.y, -PAD + 1.0f, height + PAD - WINDOW_HIGH - 2 - 1.0f);
    const int left = (int)(u + PAD) - PAD, top = (int)(w + PAD) - PAD;
    return Displaced{left, top, u - left, w - top};
}

// Variance of the difference over a window, of the sums of differences and of their squares.
FN float variance_of(float sum, float squares) {
    const float mean = sum / WINDOW;
    return max(squares / WINDOW - mean * mean, 0.0f);
}

// Sums over a window: of the gradient's products, and of those with the difference.
struct Structure {
    float xx, xy, yy, bx, by;
};

// What a pixel of the picture so far adds to them, with those around it, and to sums for their means.
constexpr int WINDOW_SUMS = 8;
template <class V> FN void add_pixel(V (&s)[WINDOW_SUMS], V here, V left, V right, V above, V below, V now) {
    const V d = now - here, gx = 0.5f * (right - left), gy = 0.5f * (below - above);
    s[0] += gx * gx, s[1] += gx * gy, s[2] += gy * gy, s[3] += gx * d, s[4] += gy * d;
    s[5] += gx, s[6] += gy, s[7] += d;
}
FN Structure structure_of(const float (&sums)[WINDOW_SUMS]) {
    const float gx = sums[5] / WINDOW, gy = sums[6] / WINDOW;
    return Structure{sums[0] - gx * sums[5], sums[1] - gx * sums[6], sums[2] - gy * sums[6], sums[3] - gx * sums[7],
                     sums[4] - gy * sums[7]};
}

// The step that makes the difference smallest. `pull` is what it costs to leave `prior`.
FN Vector step_of(const Structure &s, float pull, Vector from, Vector prior) {
    const float xx = s.xx + pull, yy = s.yy + pull, per = 1 / max(xx * yy - s.xy * s.xy, 1e-6f * xx * yy);
    const float bx = s.bx + pull * (prior.x - from.x), by = s.by + pull * (prior.y - from.y);
    return limited(Vector{(yy * bx - s.xy * by) * per, (xx * by - s.xy * bx) * per}, 1);
}
FN float pull_of(float noise) { return PULL * WINDOW * max(noise, LEAST_VARIANCE); }

// Whether there are so few blocks of the finest level that all are measured, and how many steps a block takes.
FN bool are_all_measured(int blocks) { return blocks <= MOST_MEASURED; }
FN int steps_of(int level, bool all_measured) { return level > 0 || all_measured ? 2 : 1; }

// Of the next coarser level, which has wide x high blocks, the one that a block is a part of and the two that it
// touches.
struct Parents {
    int own, beside, above;
};
FN Parents parents_of(int column, int row, int wide, int high) {
    const int u = min(column / 2, wide - 1), w = min(row / 2, high - 1);
    const int beside = clamp(u + (column & 1 ? 1 : -1), 0, wide - 1),
              above = clamp(w + (row & 1 ? 1 : -1), 0, high - 1);
    return Parents{w * wide + u, w * wide + beside, above * wide + u};
}

// Whether the picture around a block has more texture than noise has, which would be followed else.
FN bool tells(const Structure &s, float noise) { return s.xx + s.yy > TEXTURE * WINDOW * noise; }

// Whether a motion that leaves `left` is to be believed before one that leaves `least`.
FN bool better(float left, float least, float noise) { return left + BETTER * max(left, noise) < least; }

// The motion of a block that counts, what it leaves, and by how many pixels it may be off.
struct Choice {
    Vector motion;
    float left, unsure;
};
FN void consider(Choice &choice, const Choice &other, float noise) {
    if (better(other.left, choice.left, noise)) choice = other;
}

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
