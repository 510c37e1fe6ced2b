// The reduced grid: statistics and block means of the warm start, and the small layers between two passes.
#pragma once
#include "light.hpp"
#include "planes.hpp"

namespace rt {

// The sums of blocks of SCALE columns of a row; the last column repeats as far as the grid goes.
template <int SCALE> FN void sum_columns(float *line, int begin, int end, int columns, float *to) {
    for (int x = end; x < columns; x++) line[x] = line[end - 1];
    for (int x = begin, cell = 0; x < columns; x += SCALE, cell++) {
        float sum = 0;
    UNROLL for (int i = 0; i < SCALE; i++) sum += line[x + i];
        to[cell] = sum;
    }
}

// log2(mean + floor) of a row of cells.
FN void log_row(float *row, int width, float share, float floor) {
    for (int x = 0; x < width; x += LANES) {
        if (x + LANES <= width) {
            store(row + x, log_of_mean(load(row + x), share, floor));
        } else {
            for (; x < width; x++) row[x] = log_of_mean(row[x], share, floor);
        }
    }
}

// The first channel becomes the largest one.
FN void largest(const Grid &grid) {
    float *r = grid.at(0, 0);
    const float *g = grid.at(1, 0), *b = grid.at(2, 0);
    for (int64_t i = 0, n = (int64_t)grid.width * grid.height; i < n; i++) {
        r[i] = largest_of(r[i], g[i], b[i]);
    }
}

// Bilinear, half-pixel centres.
FN void resize(const Grid &from, const Grid &to, int channels) {
    float sy = (float)from.height / to.height, sx = (float)from.width / to.width;
    for (int c = 0; c < channels; c++) {
        for (int y = 0; y < to.height; y++) {
            float fy = max(half_pixel(y, sy), 0.0f);
            int y0 = (int)fy, y1 = min(y0 + 1, from.height - 1);
            const float *a = from.at(c, y0), *b = from.at(c, y1);
            float v = fy - y0;
            for (int x = 0; x < to.width; x++) {
                float fx = max(half_pixel(x, sx), 0.0f);
                int x0 = (int)fx, x1 = min(x0 + 1, from.width - 1);
                float h = fx - x0;
                to.at(c, y)[x] = lerp(lerp(a[x0], a[x1], h), lerp(b[x0], b[x1], h), v);
            }
        }
    }
}

// The STATISTICS of a grid's largest channel: mean, deviation, mean of 2^l, maximum, minimum (in log2). Of all channels
// `level` is the mean, and `colour` that of the largest less the smallest.
// Sums in double, in one fixed order: the result does not depend on the number of threads.
FN void statistics(const Grid &log, float (&g)[5], float &level, float &colour) {
    double sum = 0, squares = 0, linear = 0, all = 0, smallest = 0;
    float high = -1e30f, low = 1e30f;
    int64_t n = (int64_t)log.width * log.height;
    const float *r = log.at(0, 0), *green = log.at(1, 0), *b = log.at(2, 0);
    auto largest = [&](int64_t i) __attribute__((always_inline)) {
        return largest_of(load(r + i), load(green + i), load(b + i));
    };
    auto single = [&](int64_t i) { return largest_of(r[i], green[i], b[i]); };
    int64_t whole = n / LANES * LANES, strip = 64 * LANES;
    for (int64_t i = 0; i < whole; i += strip) {
        vec s = {}, l = {}, m = {}, d = {}, h = splat(high), w = splat(low);
        for (int64_t j = i; j < whole && j < i + strip; j += LANES) {
            vec v = largest(j);
            s += v, l += exp2(v), h = max(h, v), w = min(w, v);
            m += mean_of(load(r + j), load(green + j), load(b + j));
            d += smallest_of(load(r + j), load(green + j), load(b + j));
        }
        for (int k = 0; k < LANES; k++) {
            sum += s[k], linear += l[k], all += m[k], smallest += d[k];
            high = max(h[k], high), low = min(w[k], low);
        }
    }
    for (int64_t i = whole; i < n; i++) {
        float v = single(i);
        sum += v, linear += exp2(v), high = max(v, high), low = min(v, low);
        all += mean_of(r[i], green[i], b[i]), smallest += smallest_of(r[i], green[i], b[i]);
    }
    level = (float)(all / n), colour = (float)((sum - smallest) / n);
    float mean = (float)(sum / n);
    for (int64_t i = 0; i < whole; i += strip) {
        vec s = {};
        for (int64_t j = i; j < whole && j < i + strip; j += LANES) {
            vec d = largest(j) - mean;
            s += d * d;
        }
        for (int k = 0; k < LANES; k++) squares += s[k];
    }
    for (int64_t i = whole; i < n; i++) squares += (double)(single(i) - mean) * (single(i) - mean);
    double error = sum / n - mean; // the mean was rounded, and so were the distances to it
    g[0] = mean, g[1] = deviation_of(squares / n - error * error);
    g[2] = (float)(linear / n), g[3] = high, g[4] = low;
}

} // namespace rt
