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

// Sums for the least squares.
struct Fit {
    double a[TERMS][TERMS], b[TERMS];
    double all, agree; // weights of all blocks, and of what agrees with the model so far
};

// A block at a place, with what is known of its motion `v`.
FN void add_block(Fit &fit, const Model &model, float x, float y, Vector v, const Structure &s, float noise,
                  float close) {
    if (!tells(s, noise)) return;
    const float trace = s.xx + s.yy, limit = min(1.0f, (HEAVIEST * noise + 1) / max(trace, 1e-6f));
    const float w = limit * (model.known ? agreement(v - moved_by(model, x, y), close) : 1);
    const float xx = w * s.xx, xy = w * s.xy, yy = w * s.yy, bx = xx * v.x + xy * v.y, by = xy * v.x + yy * v.y;
    const float across[TERMS] = {1, x, y, 0, 0, 0, x * x, x * y}, down[TERMS] = {0, 0, 0, 1, x, y, x * y, y * y};
    fit.all += limit * trace, fit.agree += w * trace;
    for (int i = 0; i < TERMS; i++) {
        const float p = xx * across[i] + xy * down[i], q = xy * across[i] + yy * down[i];
        fit.b[i] += across[i] * bx + down[i] * by;
        for (int j = 0; j <= i; j++) fit.a[i][j] += p * across[j] + q * down[j];
    }
}

// Solves a x = b by Cholesky's method. The shift is free, all else costs a little.
FN void solve(Fit &fit, Model &model) {
    auto &a = fit.a;
    auto &b = fit.b;
    for (int i = 0; i < TERMS; i++) {
        a[i][i] += STIFF * (i == 0 || i == 3 ? STIFF : 1) * fit.all + 1e-9;
        for (int j = 0; j <= i; j++) {
            double sum = a[i][j];
            for (int k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
            a[i][j] = i == j ? sqrt(sum > 1e-12 ? sum : 1e-12) : sum / a[j][j];
        }
    }
    for (int i = 0; i < TERMS; i++) {
        for (int k = 0; k < i; k++) b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = TERMS - 1; i >= 0; i--) {
        for (int k = i + 1; k < TERMS; k++) b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
        model.p[i] = (float)b[i];
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
