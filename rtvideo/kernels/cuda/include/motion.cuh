// Motion, block by block on each level of the pyramid. A block of threads measures some blocks: a team for each, whose
// threads have a column of its window each. The last block of threads of a level looks at all that were measured.
#pragma once
#include "camera_motion.cuh"
#include "last_block.cuh"
#include "scene_statistics.cuh"

namespace rt {

constexpr int TEAMS_WIDE = 4, TEAMS = TEAMS_WIDE * TEAMS_WIDE, AT_ONCE = 2 * REACH + 1; // motions that are tried
static_assert(2 * AT_ONCE >= WINDOW_SUMS, "room for sums of either kind");

// What the teams of a block of threads know.
struct Teams {
    float parts[2 * AT_ONCE][TEAMS][WINDOW_WIDE + 1]; // of columns; one more, so that no two begin in one bank
    float sums[2 * AT_ONCE][TEAMS];
    Vector tried[AT_ONCE][TEAMS];
    Vector prior[TEAMS], best[TEAMS];
    Structure structures[TEAMS];
    float least[TEAMS];
    Choice choices[TEAMS];
    bool unlike[TEAMS]; // what is left is more than noise
    int any_unlike, moved;
};

// What the last block of threads needs.
union Settling {
    Fitting fitting;
    struct {
        int counts[SPREADS], sums[SPREADS / CHUNK];
    } left;
};
static_assert(sizeof(Teams) <= 26 << 10 && sizeof(Settling) <= 26 << 10, "as much room as temporal.py leaves");

// The block of a team: it may lie beyond the picture, whose edges repeat, and is kept nowhere then.
struct TeamBlock {
    int column, row;

    METHOD explicit TeamBlock(int team)
        : column(blockIdx.x * TEAMS_WIDE + team % TEAMS_WIDE), row(blockIdx.y * TEAMS_WIDE + team / TEAMS_WIDE) {}
    METHOD bool exists(int level) const { return column < blocks_wide(level) && row < blocks_high(level); }
    METHOD int at(int level) const { return row * blocks_wide(level) + column; }
};

template <class F> FN void each_team(const F &f) {
    for (int team = threadIdx.x; team < TEAMS; team += THREADS) f(team, TeamBlock(team));
}

// Each column of each window: f(team, column, the window's left, its top).
template <class F> FN void each_column(const F &f) {
    for (int item = threadIdx.x; item < TEAMS * WINDOW_WIDE; item += THREADS) {
        const int team = item / WINDOW_WIDE;
        const TeamBlock block(team);
        f(team, item % WINDOW_WIDE, window_left(block.column), window_top(block.row));
    }
}

FN void sum_columns(Teams &t, int count) {
    barrier();
    for (int item = threadIdx.x; item < count * TEAMS; item += THREADS) {
        const float *parts = t.parts[item / TEAMS][item % TEAMS];
        float sum = 0;
    UNROLL for (int i = 0; i < WINDOW_WIDE; i++) sum += parts[i];
        t.sums[item / TEAMS][item % TEAMS] = sum;
    }
    barrier();
}

// What the first `count` motions leave that are tried; sums for `left_of`.
FN void measure_residuals(Teams &t, int level, int count) {
    const Layer kept = kept_layer(level), now = now_layer(level);
    barrier();
    each_column([&](int team, int column, int x, int y) {
        for (int k = 0; k < count; k++) {
            const Displaced at = displaced(kept.width, kept.height, x, y, t.tried[k][team]);
            float before = 0, sum = 0, squares = 0;
            for (int row = 0; row <= WINDOW_HIGH; row++) {
                const float h =
                    lerp(kept.at(at.x + column, at.y + row), kept.at(at.x + column + 1, at.y + row), at.across);
                if (row > 0) {
                    const float d = now.at(x + column, y + row - 1) - lerp(before, h, at.down);
                    sum += d, squares += d * d;
                }
                before = h;
            }
            t.parts[2 * k][team][column] = sum, t.parts[2 * k + 1][team][column] = squares;
        }
    });
    sum_columns(t, 2 * count);
}
FN float left_of(const Teams &t, int k, int team) { return variance_of(t.sums[2 * k][team], t.sums[2 * k + 1][team]); }

// The structure of each team's block where its best motion reads the picture so far.
FN void measure_structures(Teams &t, int level) {
    const Layer kept = kept_layer(level), now = now_layer(level);
    barrier();
    each_column([&](int team, int column, int x, int y) {
        const Displaced at = displaced(kept.width, kept.height, x, y, t.best[team]);
        float before[3], sums[WINDOW_SUMS] = {}; // a row of samples; then two rows between samples, and what is above
        float left = 0, here = 0, right = 0, above = 0;
        for (int row = 0; row <= WINDOW_HIGH + 2; row++) {
            float seen[3], samples[4];
            UNROLL for (int i = 0; i < 4; i++) samples[i] = kept.at(at.x - 1 + column + i, at.y + row - 1);
            UNROLL for (int i = 0; i < 3; i++) {
                const float h = lerp(samples[i], samples[i + 1], at.across);
                seen[i] = row > 0 ? lerp(before[i], h, at.down) : 0, before[i] = h;
            }
            if (row > 2) add_pixel(sums, here, left, right, above, seen[1], now.at(x + column, y + row - 3));
            above = here, left = seen[0], here = seen[1], right = seen[2];
        }
        UNROLL for (int i = 0; i < WINDOW_SUMS; i++) t.parts[i][team][column] = sums[i];
    });
    sum_columns(t, WINDOW_SUMS);
    each_team([&](int team, TeamBlock) {
        float sums[WINDOW_SUMS];
        UNROLL for (int i = 0; i < WINDOW_SUMS; i++) sums[i] = t.sums[i][team];
        t.structures[team] = structure_of(sums);
    });
}

// The best of those that are tried and of the best so far. What is next to one before it does not count.
FN void take_best(Teams &t, int count) {
    each_team([&](int team, TeamBlock) {
        unsigned counted = 0;
        for (int k = 0; k < count; k++) {
            bool next_to = false;
            for (int i = 0; i < k; i++)
                next_to |= (counted >> i & 1) && is_next_to(t.tried[k][team], t.tried[i][team]);
            if (next_to) continue;
            counted |= 1u << k;
            const float left = left_of(t, k, team);
            if (left < t.least[team]) t.least[team] = left, t.best[team] = t.tried[k][team];
        }
    });
}

// The motion of each team's block as it is measured, from what is thought of it.
FN void measure_blocks(Teams &t, int level) {
    const MotionState &m = frame.state.motion;
    const bool coarsest = level == PYRAMID - 1;
    each_team([&](int team, TeamBlock block) {
        t.best[team] = t.tried[0][team] = t.prior[team], t.tried[1][team] = Vector{0, 0};
        t.least[team] = 1e30f;
        if (coarsest) return;
        const Vector *of = m.vectors[level + 1];
        const Parents parents = parents_of(block.column, block.row, blocks_wide(level + 1), blocks_high(level + 1));
        t.tried[2][team] = 2.0f * of[parents.own], t.tried[3][team] = 2.0f * of[parents.beside];
        t.tried[4][team] = 2.0f * of[parents.above];
    });
    measure_residuals(t, level, coarsest ? 2 : 5);
    take_best(t, coarsest ? 2 : 5);
    for (int v = -REACH; v <= REACH && coarsest && !m.found->model.known; v++) {
        each_team([&](int team, TeamBlock) {
            for (int u = -REACH; u <= REACH; u++) t.tried[u + REACH][team] = Vector{(float)u, (float)v};
        });
        measure_residuals(t, level, AT_ONCE);
        take_best(t, AT_ONCE);
    }
    const float pull = pull_of(m.found->noise[level]);
    each_team([&](int team, TeamBlock) { t.prior[team] = t.best[team]; });
    for (int i = 0; i < steps_of(level, all_measured()); i++) {
        measure_structures(t, level);
        each_team([&](int team, TeamBlock) {
            Vector &best = t.best[team];
            best = best + step_of(t.structures[team], pull, best, t.prior[team]);
        });
    }
    each_team([&](int team, TeamBlock) { t.tried[0][team] = t.best[team]; });
    measure_residuals(t, level, 1);
    each_team([&](int team, TeamBlock) { t.least[team] = left_of(t, 0, team); });
}

// What is left of a quiet block of a level, which is noise.
FN void learn_noise(Settling &s, int level) {
    const MotionState &m = frame.state.motion;
    int *counts = s.left.counts, *sums = s.left.sums;
    barrier();
    for (int i = threadIdx.x; i < SPREADS; i += THREADS) counts[i] = 0;
    barrier();
    for (int at = threadIdx.x; at < motion_blocks(level); at += THREADS)
        atomicAdd(counts + spread_bins().of(sqrt(m.residuals[at])), 1);
    barrier();
    for (int i = threadIdx.x; i < SPREADS / CHUNK; i += THREADS) {
        sums[i] = 0;
        for (int k = 0; k < CHUNK; k++) sums[i] += counts[i * CHUNK + k];
    }
    barrier();
    if (threadIdx.x != 0) return;
    const float quiet = quantile(counts, sums, spread_bins(), motion_blocks(level), QUIET_SHARE);
    m.found->noise[level] = max(quiet * quiet, LEAST_VARIANCE);
}

// Blocks of a level, with what the blocks around say that move alike: each as far as its picture tells.
FN void smooth_motion(int level) {
    const MotionState &m = frame.state.motion;
    const int wide = blocks_wide(level), high = blocks_high(level);
    const float noise = m.found->noise[level] + LEAST_VARIANCE;
    for (int at = threadIdx.x; at < motion_blocks(level); at += THREADS) {
        const int column = at % wide, row = at / wide;
        const Vector own = m.measured[level][at];
        Structure sum = {};
        for (int v = max(row - 1, 0); v <= min(row + 1, high - 1); v++) {
            for (int u = max(column - 1, 0); u <= min(column + 1, wide - 1); u++) {
                const int near = (u == column ? 2 : 1) * (v == row ? 2 : 1);
                add_neighbour(sum, m.structures[level][v * wide + u], m.measured[level][v * wide + u] - own, near, noise);
            }
        }
        m.vectors[level][at] = own + step_of(sum, 0, own, own);
    }
}

// Motion of the blocks of a level, then of the camera.
FN void measure_motion(float *memory, int level) {
    if (!follows() || (level == 0 && !all_measured())) return;
    const MotionState &m = frame.state.motion;
    Teams &t = *(Teams *)memory;
    each_team([&](int team, TeamBlock block) {
        t.prior[team] = expected(m.found->model, level, block.column, block.row);
    });
    measure_blocks(t, level);
    each_team([&](int team, TeamBlock block) {
        if (!block.exists(level)) return;
        const int at = block.at(level);
        m.measured[level][at] = t.best[team], m.structures[level][at] = t.structures[team];
        m.residuals[at] = t.least[team];
    });
    barrier();
    if (!is_last_block((int *)memory)) return;
    Settling &s = *(Settling *)memory;
    smooth_motion(level);
    fit_model(s.fitting, level);
    learn_noise(s, level);
    float *noise = m.found->noise;
    if (level == 1 && threadIdx.x == 0 && !all_measured() && noise[0] == 0) noise[0] = 2 * noise[1];
}

// Of each block of the finest level the motion that counts: the camera's, unless another one is better by more than
// noise.
FN void choose_motion(float *memory) {
    if (!follows()) return;
    const MotionState &m = frame.state.motion;
    FoundMotion &found = *m.found;
    Teams &t = *(Teams *)memory;
    const bool still = at_rest(found.model, (float)level_height(0) / level_width(0), AT_REST), all = all_measured();
    const float noise = found.noise[0];
    if (threadIdx.x == 0) t.any_unlike = t.moved = 0;
    each_team([&](int team, TeamBlock block) {
        const Vector whole = still ? Vector{0, 0} : expected(found.model, 0, block.column, block.row);
        const bool known = all && block.exists(0);
        t.tried[0][team] = t.prior[team] = whole, t.tried[1][team] = Vector{0, 0};
        t.tried[2][team] = known ? m.vectors[0][block.at(0)] : whole;
        if (known) t.structures[team] = m.structures[0][block.at(0)];
    });
    measure_residuals(t, 0, 1);
    each_team([&](int team, TeamBlock block) {
        t.choices[team] = Choice{t.prior[team], left_of(t, 0, team), UNSURE};
        t.unlike[team] = t.choices[team].left > NOISY * noise && block.exists(0);
        if (t.unlike[team]) atomicAdd(&t.any_unlike, 1);
    });
    barrier();
    if (t.any_unlike) {
        measure_residuals(t, 0, all ? 3 : 2);
        each_team([&](int team, TeamBlock) {
            const Choice none = {Vector{0, 0}, left_of(t, 1, team), UNSURE};
            if (t.unlike[team] && !is_next_to(t.prior[team], none.motion)) consider(t.choices[team], none, noise);
            t.best[team] = t.tried[2][team], t.least[team] = left_of(t, 2, team);
        });
        if (!all) measure_blocks(t, 0);
        each_team([&](int team, TeamBlock) {
            const Choice own = {t.best[team], t.least[team], UNSURE_ALONE};
            if (t.unlike[team] && tells(t.structures[team], noise)) consider(t.choices[team], own, noise);
        });
    }
    each_team([&](int team, TeamBlock block) {
        if (!block.exists(0)) return;
        const Choice &choice = t.choices[team];
        m.vectors[0][block.at(0)] = limited(choice.motion, FARTHEST), m.residuals[block.at(0)] = choice.left;
        m.unsure[block.at(0)] = choice.unsure * choice.unsure;
        if (moves(choice.motion)) atomicAdd(&t.moved, 1);
    });
    barrier();
    if (threadIdx.x == 0 && t.moved) atomicAdd(&found.moved, t.moved);
    barrier();
    if (is_last_block((int *)memory)) learn_noise(*(Settling *)memory, 0);
}

} // namespace rt
