// Motion of the camera: one model for the whole picture, which is what a camera that turns, zooms and shakes makes of a
// scene far away. It is fitted to the motion of blocks by least squares again and again, in which what is far off hardly
// counts, so that a thing which moves by itself does not matter.
#pragma once
#include "common/motion.h"

namespace rt {

constexpr int FIT_STEPS = 5, FIRST_STEP = 2; // the first where a model is known
constexpr float CLOSE = 0.4f; // pixels of a level: what is off by more hardly counts
constexpr float COMMON = 0.25f; // share of the picture that follows a model worth believing
constexpr float AT_REST = 0.06f; // pixels of half the size: a camera that moves less stands still
constexpr float HEAVIEST = 200 * WINDOW_WIDE; // times the noise's variance: a block counts for no more
constexpr double STIFF = 1e-3; // of all blocks' weight, what each term but the shift costs

// x' = a + bx + cy + gx^2 + hxy, y' = d + ex + fy + gxy + hy^2, a homography to second order. Places are in halves
// of the width from the middle.
constexpr int TERMS = 8;
struct Model {
    float p[TERMS];
    bool known;
};
FN Vector moved_by(const Model &m, float x, float y) {
    const float bend = m.p[6] * x + m.p[7] * y;
    return Vector{m.p[0] + m.p[1] * x + m.p[2] * y + x * bend, m.p[3] + m.p[4] * x + m.p[5] * y + y * bend};
}

// The middle of a block of a level of so many pixels as the model sees it.
FN void place_of_block(int width, int height, int column, int row, float &x, float &y) {
    const float half = 0.5f * width, middle = 0.5f * height;
    x = MOTION_BLOCK * (column + 0.5f) / half - 1, y = (MOTION_BLOCK * (row + 0.5f) - middle) / half;
}

// The motion of a block as the camera's makes it; a model is in pixels of the finest level.
FN Vector expected(const Model &model, int level, int width, int height, int column, int row) {
    if (!model.known) return Vector{0, 0};
    float x, y;
    place_of_block(width, height, column, row, x, y);
    return (1.0f / (1 << level)) * moved_by(model, x, y);
}

// Of many blocks the fit takes every second one. Step by step less may be off.
FN int every_of(int blocks) { return 3 * blocks > MOST_MEASURED ? 2 : 1; }
FN float close_of(int level, int step) { return CLOSE * (1 << level) * (FIT_STEPS - step); }

// Sums for the least squares: of the matrix the lower half, each of its rows with its right side behind it. Then the
// weights of all blocks, and of what agrees with the model so far.
constexpr int FIT_SUMS = TERMS * (TERMS + 3) / 2 + 2;
template <class T> struct Fit {
    T sums[FIT_SUMS];

    METHOD T &a(int row, int column) { return sums[row * (row + 3) / 2 + column]; }
    METHOD T &b(int row) { return sums[row * (row + 3) / 2 + row + 1]; }
    METHOD T &all() { return sums[FIT_SUMS - 2]; }
    METHOD T &agree() { return sums[FIT_SUMS - 1]; }
};
// The share of the picture that agrees.
FN double share_of(Fit<double> &fit) { return fit.agree() / (fit.all() > 0 ? fit.all() : 1); }

// A block at a place, with what is known of its motion `v`.
template <class T>
FN void add_block(Fit<T> &fit, const Model &model, float x, float y, Vector v, const Structure &s, float noise,
                  float close) {
    if (!tells(s, noise)) return;
    const float trace = s.xx + s.yy, limit = min(1.0f, (HEAVIEST * noise + 1) / max(trace, 1e-6f));
    const float w = limit * (model.known ? agreement(v - moved_by(model, x, y), close) : 1);
    const float xx = w * s.xx, xy = w * s.xy, yy = w * s.yy, bx = xx * v.x + xy * v.y, by = xy * v.x + yy * v.y;
    const float across[TERMS] = {1, x, y, 0, 0, 0, x * x, x * y}, down[TERMS] = {0, 0, 0, 1, x, y, x * y, y * y};
    fit.all() += limit * trace, fit.agree() += w * trace;
    UNROLL for (int i = 0; i < TERMS; i++) {
        const float p = xx * across[i] + xy * down[i], q = xy * across[i] + yy * down[i];
        fit.b(i) += across[i] * bx + down[i] * by;
        UNROLL for (int j = 0; j <= i; j++) fit.a(i, j) += p * across[j] + q * down[j];
    }
}

// Solves a x = b by Cholesky's method. The shift is free, all else costs a little.
FN void solve(Fit<double> &fit, Model &model) {
    ROLLED for (int i = 0; i < TERMS; i++) {
        fit.a(i, i) += STIFF * (i == 0 || i == 3 ? STIFF : 1) * fit.all() + 1e-9;
        ROLLED for (int j = 0; j <= i; j++) {
            double sum = fit.a(i, j);
            ROLLED for (int k = 0; k < j; k++) sum -= fit.a(i, k) * fit.a(j, k);
            fit.a(i, j) = i == j ? sqrt(sum > 1e-12 ? sum : 1e-12) : sum / fit.a(j, j);
        }
    }
    ROLLED for (int i = 0; i < TERMS; i++) {
        ROLLED for (int k = 0; k < i; k++) fit.b(i) -= fit.a(i, k) * fit.b(k);
        fit.b(i) /= fit.a(i, i);
    }
    ROLLED for (int i = TERMS - 1; i >= 0; i--) {
        ROLLED for (int k = i + 1; k < TERMS; k++) fit.b(i) -= fit.a(k, i) * fit.b(k);
        fit.b(i) /= fit.a(i, i);
        model.p[i] = (float)fit.b(i);
    }
    model.known = true;
}

// Whether the model moves nothing by more than `least`; `down` is the height for the width.
FN bool at_rest(const Model &model, float down, float least) {
    float most = 0;
    for (int i = 0; i < 4; i++) {
        const Vector v = moved_by(model, i & 1 ? 1 : -1, i & 2 ? down : -down);
        most = max(most, max(abs(v.x), abs(v.y)));
    }
    return !model.known || most < least;
}

} // namespace rt
