// Motion, block by block on each level of the pyramid.
#pragma once
#include "camera_motion.hpp"

namespace rt {

// Lanes are added in pairs, the pairs in pairs: one after another they would wait for each other.
template <int HALF, int... I> FN vec sum_of_lanes(vec v, Indices<I...> lanes) {
    v += __builtin_shufflevector(v, v, (I ^ HALF)...);
    if constexpr (HALF > 1) return sum_of_lanes<HALF / 2>(v, lanes);
    return v;
}
FN float sum_of(vec v) { return sum_of_lanes<LANES / 2>(v, LANE)[0]; }

FN Displaced displaced(const Layer &layer, int x, int y, Vector v) {
    return displaced(layer.width, layer.height, x, y, v);
}

FN vec across(const float *row, float share) { return lerp(load(row), load(row + 1), share); }

// Variance of the difference over a window.
static float residual_of(const Layer &kept, const Layer &now, int x, int y, Vector v) {
    constexpr int PARTS = WINDOW_WIDE / LANES;
    const Displaced at = displaced(kept, x, y, v);
    vec before[PARTS], sum = {}, squares = {};
    for (int row = 0; row <= WINDOW_HIGH; row++) {
        const float *from = kept.at(at.x, at.y + row), *target = now.at(x, y + row - 1);
    UNROLL for (int i = 0; i < PARTS; i++) {
            const vec h = across(from + i * LANES, at.across);
            if (row > 0) {
                const vec d = load(target + i * LANES) - lerp(before[i], h, at.down);
                sum += d, squares += d * d;
            }
            before[i] = h;
        }
    }
    return variance_of(sum_of(sum), sum_of(squares));
}

// Sums over the window where it is now: of the gradient of the picture so far, and of the difference.
static Structure structure_of(const Layer &kept, const Layer &now, int x, int y, Vector v) {
    constexpr int PARTS = (WINDOW_WIDE + 2 + LANES - 1) / LANES;
    const Displaced at = displaced(kept, x, y, v);
    float seen[WINDOW_HIGH + 2][PARTS * LANES];
    vec before[PARTS];
    for (int row = 0; row <= WINDOW_HIGH + 2; row++) {
        UNROLL for (int i = 0; i < PARTS; i++) {
            const vec h = across(kept.at(at.x - 1, at.y + row - 1) + i * LANES, at.across);
            if (row > 0) store(seen[row - 1] + i * LANES, lerp(before[i], h, at.down));
            before[i] = h;
        }
    }
    vec s[WINDOW_SUMS] = {};
    for (int row = 1; row <= WINDOW_HIGH; row++) {
        for (int i = 0; i < WINDOW_WIDE; i += LANES)
            add_pixel(s, load(seen[row] + i + 1), load(seen[row] + i), load(seen[row] + i + 2),
                      load(seen[row - 1] + i + 1), load(seen[row + 1] + i + 1), load(now.at(x + i, y + row - 1)));
    }
    float sums[WINDOW_SUMS];
    UNROLL for (int i = 0; i < WINDOW_SUMS; i++) sums[i] = sum_of(s[i]);
    return structure_of(sums);
}

// A motion of a block, and what it leaves of the difference.
struct Candidate {
    Vector v;
    float left;
};

// Where a block of a level is compared: the motions that were tried, and the best of them.
struct Window {
    const Layer &kept, &now;
    int x, y; // its first pixel
    Candidate best;
    int count;
    Candidate tried[4 + (2 * REACH + 1) * (2 * REACH + 1)];

    METHOD Window(const MotionState &m, int level, int column, int row)
        : kept(m.kept[level]), now(m.now[level]), x(window_left(column)), y(window_top(row)), count(0) {}

    METHOD float left_by(Vector v) const { return residual_of(kept, now, x, y, v); }

    // Try a motion. What is next to another leaves as much: the block that one is a part of mostly moves as the camera.
    METHOD Candidate look(Vector v) {
        for (int i = 0; i < count; i++)
            if (is_next_to(v, tried[i].v)) return tried[i];
        const Candidate found = {v, left_by(v)};
        if (count == 0 || found.left < best.left) best = found;
        return tried[count++] = found;
    }
};

// The motion of a block as it is measured, from the best of what was tried and what a coarser level says.
static Candidate measure_block(const MotionState &m, int level, int column, int row, Window &window,
                               Structure &structure) {
    window.look(Vector{0, 0});
    if (level == PYRAMID - 1) {
        for (int v = -REACH; v <= REACH && !m.model.known; v++)
            for (int u = -REACH; u <= REACH; u++) window.look(Vector{(float)u, (float)v});
    } else {
        const Parents parents = parents_of(column, row, m.wide[level + 1], m.high[level + 1]);
        const int around[] = {parents.own, parents.beside, parents.above};
        for (int at : around) window.look(2.0f * m.vectors[level + 1][at]);
    }
    const float pull = pull_of(m.noise[level]);
    const Vector start = window.best.v;
    Vector v = start;
    for (int i = 0; i < steps_of(level, m.all_measured()); i++) {
        structure = structure_of(window.kept, window.now, window.x, window.y, v);
        v = v + step_of(structure, pull, v, start);
    }
    return Candidate{v, window.left_by(v)};
}

struct Search {
    MotionState *motion;
    int level;
    int moved; // blocks
};

// A row of blocks of a level.
static void measure_row(void *argument, int row, int) {
    const Search &s = *(Search *)argument;
    MotionState &m = *s.motion;
    for (int column = 0, at = row * m.wide[s.level]; column < m.wide[s.level]; column++, at++) {
        Window window(m, s.level, column, row);
        window.look(expected(m, s.level, column, row));
        const Candidate found = measure_block(m, s.level, column, row, window, m.structures[s.level][at]);
        m.measured[s.level][at] = found.v, m.residuals[at] = found.left;
    }
}

// A row of blocks of a level, with what the blocks around say that move alike: each as far as its picture tells.
static void smooth_row(void *argument, int row, int) {
    const Search &s = *(Search *)argument;
    MotionState &m = *s.motion;
    const int wide = m.wide[s.level];
    const float noise = m.noise[s.level] + LEAST_VARIANCE;
    for (int column = 0; column < wide; column++) {
        const Vector own = m.measured[s.level][row * wide + column];
        Structure sum = {};
        for (int v = max(row - 1, 0); v <= min(row + 1, m.high[s.level] - 1); v++) {
            for (int u = max(column - 1, 0); u <= min(column + 1, wide - 1); u++) {
                const int at = v * wide + u, near = (u == column ? 2 : 1) * (v == row ? 2 : 1);
                add_neighbour(sum, m.structures[s.level][at], m.measured[s.level][at] - own, near, noise);
            }
        }
        m.vectors[s.level][row * wide + column] = own + step_of(sum, 0, own, own);
    }
}

// Of each block of the finest level the motion that counts: the camera's, unless another one is better by more than noise.
static void choose_row(void *argument, int row, int) {
    Search &s = *(Search *)argument;
    MotionState &m = *s.motion;
    const bool still = at_rest(m.model, (float)m.now[0].height / m.now[0].width, AT_REST);
    const float noise = m.noise[0];
    int moved = 0;
    for (int column = 0, at = row * m.wide[0]; column < m.wide[0]; column++, at++) {
        Window window(m, 0, column, row);
        window.look(still ? Vector{0, 0} : expected(m, 0, column, row));
        Choice choice = {window.best.v, window.best.left, UNSURE};
        if (choice.left > NOISY * noise) {
            if (!still) consider(choice, Choice{Vector{0, 0}, window.look(Vector{0, 0}).left, UNSURE}, noise);
            Structure &structure = m.structures[0][at];
            const Candidate own = m.all_measured()
                                      ? Candidate{m.vectors[0][at], window.left_by(m.vectors[0][at])}
                                      : measure_block(m, 0, column, row, window, structure);
            if (tells(structure, noise)) consider(choice, Choice{own.v, own.left, UNSURE_ALONE}, noise);
        }
        m.vectors[0][at] = limited(choice.motion, FARTHEST), m.residuals[at] = choice.left;
        m.unsure[at] = choice.unsure * choice.unsure;
        moved += moves(choice.motion);
    }
    __atomic_fetch_add(&s.moved, moved, __ATOMIC_RELAXED);
}

// What is left of a quiet block of a level, which is noise.
FN void learn_noise(MotionState &m, int level) {
    Histogram<256> left = {spread_bins(), 0, {}};
    for (int i = 0; i < m.blocks(level); i++) left.add(sqrt(m.residuals[i]));
    const float quiet = left.quantile(QUIET_SHARE);
    m.noise[level] = max(quiet * quiet, LEAST_VARIANCE);
}

// Motion of all blocks. True if anything moved.
static bool find_motion(Context &context) {
    MotionState &m = context.frame.state.motion;
    Search search = {&m, PYRAMID - 1, 0};
    for (int k = 0; k < PYRAMID; k++) pad_edges(m.kept[k]), pad_edges(m.now[k]);
    for (; search.level >= (m.all_measured() ? 0 : 1); search.level--) {
        TIMED("measure motion", context.pool.run(m.high[search.level], measure_row, &search);)
        TIMED("smooth motion", context.pool.run(m.high[search.level], smooth_row, &search);)
        TIMED("motion of the camera", fit_model(m, search.level);)
        learn_noise(m, search.level);
    }
    if (!m.all_measured() && m.noise[0] == 0) m.noise[0] = 2 * m.noise[1];
    TIMED("choose motion", context.pool.run(m.high[0], choose_row, &search);)
    learn_noise(m, 0);
    return m.moved = search.moved > 0;
}

} // namespace rt
