// 1 - SSIM of two planes with 7x7 mean windows, and its gradient: `model/losses.py` has the formula.
#include "simd.hpp"
#include <stddef.h>
#include <stdlib.h>

using namespace rt;

namespace {

constexpr int SIDE = 7, REACH = SIDE - 1;
constexpr float AREA = SIDE * SIDE, SAMPLE = AREA / (AREA - 1); // scikit-image uses the sample covariance
constexpr float C1 = 0.01f * 0.01f, C2 = 0.03f * 0.03f;

// The sum of SIDE vectors, each `step` floats after the one before.
FN vec sum(const float *p, ptrdiff_t step) {
    vec total = load(p);
    UNROLL for (int k = 1; k < SIDE; k++) total += load(p + k * step);
    return total;
}

// Rows of floats, as wide as a multiple of a vector and zero where nothing was written.
struct Rows {
    float *data;
    ptrdiff_t width;
    Rows(int rows, int columns) : width((columns + REACH + 2 * LANES) / LANES * LANES) {
        data = (float *)calloc(rows * width, sizeof(float));
    }
    ~Rows() { free(data); }
    float *operator[](int row) { return data + row * width; }
};

FN float add(vec v, int count) {
    float total = 0;
    for (int l = 0; l < count; l++) total += v[l];
    return total;
}

} // namespace

// Returns the sum of SSIM over all windows, and writes its gradient along x.
extern "C" __attribute__((visibility("default"))) double rt_similarity(const float *x, const float *y, int height,
                                                                       int width, float *of_x) {
    const int rows = height - REACH, columns = width - REACH;
    // Sums along rows of x, y, x^2, y^2 and x y; slopes along the windows' means of x, x^2 and x y, zero outside.
    Rows across(5 * height, width), slopes(3 * (rows + 2 * REACH), columns + 2 * REACH), line(5, width);
    for (int i = 0; i < height; i++) {
        memcpy(line[0], x + (ptrdiff_t)i * width, width * sizeof(float));
        memcpy(line[1], y + (ptrdiff_t)i * width, width * sizeof(float));
        for (int j = 0; j < width; j += LANES) {
            const vec a = load(line[0] + j), b = load(line[1] + j);
            store(line[2] + j, a * a), store(line[3] + j, b * b), store(line[4] + j, a * b);
        }
        for (int map = 0; map < 5; map++)
            for (int j = 0; j < columns; j += LANES) store(across[map * height + i] + j, sum(line[map] + j, 1));
    }
    double total = 0;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j += LANES) {
            vec mean[5];
            for (int map = 0; map < 5; map++)
                mean[map] = sum(across[map * height + i] + j, across.width) * splat(1 / AREA);
            const vec mx = mean[0], my = mean[1];
            const vec below = mx * mx + my * my + splat(C1), light = (mx * my * splat(2) + splat(C1)) / below;
            const vec spread = (mean[2] - mx * mx + mean[3] - my * my) * splat(SAMPLE) + splat(C2);
            const vec structure = ((mean[4] - mx * my) * splat(2 * SAMPLE) + splat(C2)) / spread;
            const vec of_product = light / spread * splat(2 * SAMPLE), of_square = of_product * structure * splat(-0.5f);
            const vec of_mean = structure * (my - light * mx) / below * splat(2) - mx * of_square * splat(2) -
                                my * of_product;
            const int count = min(LANES, columns - j);
            total += add(light * structure, count);
            const vec all[3] = {of_mean, of_square, of_product};
            for (int map = 0; map < 3; map++)
                memcpy(slopes[map * (rows + 2 * REACH) + i + REACH] + REACH + j, &all[map], count * sizeof(float));
        }
    // A pixel is in as many windows as a window has pixels: sums over the windows around each.
    Rows down(3 * height, columns + 2 * REACH);
    for (int map = 0; map < 3; map++)
        for (int i = 0; i < height; i++)
            for (int j = 0; j < columns + 2 * REACH; j += LANES)
                store(down[map * height + i] + j, sum(slopes[map * (rows + 2 * REACH) + i] + j, slopes.width));
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j += LANES) {
            const ptrdiff_t at = (ptrdiff_t)i * width + j;
            const size_t size = min(LANES, width - j) * sizeof(float);
            vec a = {}, b = {}, of[3];
            memcpy(&a, x + at, size), memcpy(&b, y + at, size);
            for (int map = 0; map < 3; map++) of[map] = sum(down[map * height + i] + j, 1) * splat(1 / AREA);
            const vec slope = of[0] + a * of[1] * splat(2) + b * of[2];
            memcpy(of_x + at, &slope, size);
        }
    return total;
}
