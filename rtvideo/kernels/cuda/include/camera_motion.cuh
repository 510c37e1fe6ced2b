// Motion of the camera, from that of the blocks of a level: one block of threads, so that nothing waits for the host.
#pragma once
#include "motion_state.cuh"

namespace rt {

// The motion of a block as the camera's makes it.
FN Vector expected(const Model &model, int level, int column, int row) {
    return expected(model, level, level_width(level), level_height(level), column, row);
}

// Sums for the fit: of so many parts of the blocks in single precision, then of quarters of the parts in double.
constexpr int FIT_PARTS = 128, QUARTERS = 4;
struct Fitting {
    float parts[FIT_SUMS][FIT_PARTS + 1]; // one more, so that no two sums begin in one bank
    double quarters[FIT_SUMS][QUARTERS];
    Fit<double> fit;
    Model model;
};

// The sums of the blocks of a level, which agree with the model so far but for about `close`.
FN void sum_up(Fitting &s, int level, float close) {
    const MotionState &m = frame.state.motion;
    const int every = every_of(motion_blocks(level)), wide = blocks_wide(level);
    const float scale = 1 << level, noise = m.found->noise[level];
    for (int part = threadIdx.x; part < FIT_PARTS; part += THREADS) {
        Fit<float> fit = {};
        for (int at = part; at < motion_blocks(level); at += FIT_PARTS) {
            const int column = at % wide, row = at / wide;
            if ((column - row) % every) continue;
            float x, y;
            place_of_block(level_width(level), level_height(level), column, row, x, y);
            add_block(fit, s.model, x, y, scale * m.measured[level][at], m.structures[level][at], noise, close);
        }
    UNROLL for (int k = 0; k < FIT_SUMS; k++) s.parts[k][part] = fit.sums[k];
    }
    barrier();
    for (int item = threadIdx.x; item < FIT_SUMS * QUARTERS; item += THREADS) {
        constexpr int PARTS = FIT_PARTS / QUARTERS;
        const float *parts = s.parts[item / QUARTERS] + item % QUARTERS * PARTS;
        double sum = 0;
        UNROLL_BY(4) for (int i = 0; i < PARTS; i++) sum += parts[i];
        s.quarters[item / QUARTERS][item % QUARTERS] = sum;
    }
    barrier();
    for (int k = threadIdx.x; k < FIT_SUMS; k += THREADS) {
        const double *quarters = s.quarters[k];
        s.fit.sums[k] = quarters[0] + quarters[1] + (quarters[2] + quarters[3]);
    }
    barrier();
}

// The model of what the blocks of a level say.
FN void fit_model(Fitting &s, int level) {
    Model &kept = frame.state.motion.found->model;
    if (threadIdx.x == 0) s.model = kept;
    barrier();
    for (int step = s.model.known ? FIRST_STEP : 0; step < FIT_STEPS; step++) {
        barrier(); // whoever looks whether a model is known has looked
        sum_up(s, level, close_of(level, step));
        if (threadIdx.x == 0) solve(s.fit, s.model);
        barrier();
    }
    if (threadIdx.x == 0) s.model.known = share_of(s.fit) > COMMON, kept = s.model;
}

} // namespace rt
