// Lamps on the mains: 100 or 120 times a second their light rises and falls, and a rolling shutter makes bands of it, a
// wave over the rows that moves on from frame to frame. It is told from all else by its one period over rows, which
// stays, and by its steps from frame to frame, which are alike. All is in log2 of codes above black.
#pragma once
#include "common/exposure_compensation.h"
#include "common/interpolation.h"

namespace rt {

constexpr int MAINS_LEVEL = 2; // of the pyramid: an eighth of the size
constexpr int MAINS_BLOCK = 8; // pixels of that level, for which is learnt how much of the wave they have
constexpr float FEWEST = 0.8f, MOST_CYCLES = 8.2f, CYCLE_STEP = 0.1f; // waves on the picture's height
constexpr float EXPLAINED = 0.6f; // of the rows' changes, by a wave
constexpr float FAINTEST = 0.01f; // wave
constexpr float SAME_CYCLES = 0.35f, SAME_STEP = 0.6f; // by which frames may differ
constexpr float STEP = 0.1f; // from frame to frame, at least: bands that stand are part of the scene
constexpr float NEARLY_AT_REST = 0.5f; // pixels of half the size: a camera that moves more sees other rows
constexpr int SURE = 4, SURELY = 12; // frames that agree
constexpr int REMEMBERED = 24; // frames, of which the light without bands is the mean
constexpr float DOUBT = 1e-3f; // squared, of a block's wave

// A turn, for rows one after another.
struct Turn {
    float re, im;
};
FN Turn operator*(Turn a, Turn b) { return Turn{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
FN Turn back(Turn a) { return Turn{a.re, -a.im}; }
FN Turn one_long(Turn a) {
    const float per = 1 / sqrt(max(a.re * a.re + a.im * a.im, 1e-12f));
    return Turn{a.re * per, a.im * per};
}
// Of a small angle, by its series.
FN Turn turn_of(float angle) {
    const float s = angle * angle;
    return Turn{1 - s / 2 * (1 - s / 12 * (1 - s / 30)), angle * (1 - s / 6 * (1 - s / 20 * (1 - s / 42)))};
}
FN Turn turn_of_row(float cycles, int rows) { return turn_of(6.2831853f * cycles / rows); }

struct Wave {
    float cycles, mean, explained;
    Turn size; // of cosine and sine
};

// The wave of so many cycles that is nearest to the rows.
FN Wave nearest_wave(const float *change, int rows, float cycles) {
    const Turn step = turn_of_row(cycles, rows);
    Turn at = {1, 0};
    double c = 0, s = 0, cc = 0, cs = 0, ss = 0, d = 0, dc = 0, ds = 0, dd = 0;
    for (int i = 0; i < rows; i++, at = at * step) {
        const float v = change[i];
        c += at.re, s += at.im, cc += at.re * at.re, cs += at.re * at.im, ss += at.im * at.im;
        d += v, dc += v * at.re, ds += v * at.im, dd += v * v;
    }
    cc -= c * c / rows, cs -= c * s / rows, ss -= s * s / rows, dc -= c * d / rows, ds -= s * d / rows,
        dd -= d * d / rows;
    const double per = 1 / (cc * ss - cs * cs + 1e-9), a = (ss * dc - cs * ds) * per, b = (cc * ds - cs * dc) * per;
    const double left = dd > 1e-12 ? (a * dc + b * ds) / dd : 0;
    return Wave{cycles, (float)((d - a * c - b * s) / rows), (float)left, Turn{(float)a, (float)b}};
}

// What is known of the bands.
struct Mains {
    int seen, agree; // frames
    bool bands; // they are there: from now on they are divided out
    Wave wave;
    Turn phase, step;
};

// A frame's wave: is it that of the frames before, moved on?
FN void follow_bands(Mains &m, const Wave &wave) {
    const float strength = wave.size.re * wave.size.re + wave.size.im * wave.size.im;
    const Turn phase = one_long(wave.size), step = phase * back(m.phase);
    const float off = (step.re - m.step.re) * (step.re - m.step.re) + (step.im - m.step.im) * (step.im - m.step.im);
    const bool wave_like = wave.explained > EXPLAINED && strength > FAINTEST * FAINTEST;
    const bool alike =
        abs(wave.cycles - m.wave.cycles) < SAME_CYCLES && off < SAME_STEP * SAME_STEP && step.re < 1 - STEP;
    m.agree = wave_like && alike ? min(m.agree + 1, SURELY) : max(m.agree - 2, 0);
    m.bands = m.agree >= SURE;
    m.wave = wave, m.phase = phase, m.step = step;
}

// What is above black, of luma.
template <class V> FN V log_above(V luma, float none) { return log2(max(luma - none, 1.0f)); }

// How much a block has of the wave, of the sums of its products with the wave and of the wave's squares, which are
// learnt over frames.
FN float learn_share(float &products, float &squares, float product, float square) {
    const float keep = 1 - 1.0f / REMEMBERED;
    products = keep * products + product, squares = keep * squares + square;
    return clamp(products / (squares + DOUBT), 0.0f, 2.0f);
}

// How much of the way the light without bands goes to that of a frame, after so many frames.
FN float rate_of_light(int seen) { return 1.0f / min(seen + 1, REMEMBERED); }

// The wave at a row of the picture, of the waves of the level's `height` rows.
FN float wave_at(const float *rows, int height, int row) {
    const float at = clamp((row + 0.5f) / (2 << MAINS_LEVEL) - 0.5f, 0.0f, height - 1.0f);
    const int above = min((int)at, max(height - 2, 0));
    return lerp(rows[above], rows[min(above + 1, height - 1)], at - above);
}

// Between the middles of which of `count` blocks a pixel lies, and how far.
FN float between(int pixel, int count, int &behind) {
    const float at = clamp((float)pixel / (MAINS_BLOCK * (2 << MAINS_LEVEL)) - 0.5f, 0.0f, count - 1.0f);
    behind = min((int)at, max(count - 2, 0));
    return at - behind;
}

// The gain that takes a band away of which a place has a share.
FN float without_band(float share, float wave) { return exp2(-share * wave); }

} // namespace rt
