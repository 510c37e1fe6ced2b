// A native driver for sanitizers: random geometry, format and strides through one generated network.
// Planes are allocated to the byte, so that any access outside them is seen.
#include KERNEL
#include <stdio.h>

static uint32_t state = 1;
static int random_below(int n) { return (int)((state = state * 1664525u + 1013904223u) >> 8) % n; }

static float seen[CURVE_STEPS + 1], coded[CURVE_STEPS + 1]; // of a curve that goes to twice white

int main() {
    for (int k = 0; k <= CURVE_STEPS; k++) seen[k] = 2.0f * k / CURVE_STEPS, coded[k] = (float)k / CURVE_STEPS;
    static float weights[sizeof(Weights) / sizeof(float)];
    for (float &w : weights) w = (random_below(2001) - 1000) * 1e-4f;
    for (int round = 0; round < ROUNDS; round++) {
        bool large = round % 4 == 1; // enough for motion to be looked for
        int width = 1 + random_below(round % 4 == 0 ? 700
                                     : large        ? 200
                                                    : 60),
            height = 1 + random_below(large ? 160 : 40);
        Format f = {};
        f.layout = random_below(6), f.wide = random_below(2);
        if (f.layout <= NV) f.chroma_x = random_below(2), f.chroma_y = random_below(2);
        f.luma_gain = 1 / 255.0f, f.chroma_zero = f.neutral = 128, f.red_v = f.blue_u = 0.006f;
        f.green_u = f.green_v = -0.002f, f.red = f.green = f.blue = 85, f.code_u = f.code_v = 0.5f;
        f.scale = f.luma_high = f.chroma_high = 255, f.code = 1;
        if (f.layout != FLOAT_RGB && random_below(2)) {
            f.seen = seen, f.coded = coded, f.peak = 2;
            for (int c = 0; c < 3; c++) f.to_view[c][c] = f.from_view[c][c] = 1.5f, f.to_view[c][(c + 1) % 3] = -0.5f;
        }

        int bytes = f.layout == FLOAT_RGB ? 4 : f.wide ? 2 : 1;
        Planes planes[2] = {};
        for (int side = 0; side < 2; side++) {
            for (int p = 0; p < 3; p++) {
                bool chroma = p > 0 && f.layout <= NV;
                int columns = chroma ? (width + f.chroma_x) >> f.chroma_x : width;
                int rows = chroma ? (height + f.chroma_y) >> f.chroma_y : height;
                if (f.layout == RGB) columns *= 3;
                if (f.layout == NV && p == 1) columns *= 2;
                if ((f.layout == NV && p == 2) || (p > 0 && (f.layout == RGB || f.layout == GRAY))) continue;
                int64_t stride = (columns + random_below(5)) * bytes;
                size_t size = stride * (rows - 1) + columns * bytes;
                unsigned char *data = (unsigned char *)malloc(size);
                for (size_t i = 0; i < size; i++) data[i] = f.layout == FLOAT_RGB ? 0 : random_below(120);
                planes[side].data[p] = data, planes[side].stride[p] = stride;
            }
        }
        Context *context = rt_open(width, height, &f, weights, 1 + random_below(4));
        Format kept = f;
        float unit = f.wide ? 1 : 256;
        kept.wide = 1, kept.luma_gain /= unit, kept.chroma_zero *= unit, kept.code /= unit, kept.luma_high = 65535;
        kept.red_v /= unit, kept.green_u /= unit, kept.green_v /= unit, kept.blue_u /= unit;
        bool remembers = f.layout != FLOAT_RGB && random_below(2) && rt_allocate_temporal_state(context, &kept);
        bool debands = f.layout != FLOAT_RGB && random_below(2) && rt_allocate_debanding(context, &kept);
        for (int frame = 0; frame < (remembers ? 5 : 2); frame++) {
            TimeConstants time = {remembers ? 12.0f : 0, 0.5f, frame == 0 || random_below(8) == 0, 1, 1};
            rt_run(context, &planes[0], &planes[1], 0.5f + frame % 2 * 0.5f, random_below(2), random_below(3) - 1.0f,
                   debands, random_below(2), &time);
            // The next frame: as it was, noisy, exposed by another half, or another scene.
            for (int p = 0, kind = random_below(4); p < 3 && remembers; p++) {
                unsigned char *data = (unsigned char *)planes[0].data[p];
                int rows = f.layout <= NV && p > 0 ? (height + f.chroma_y) >> f.chroma_y : height;
                size_t size = data ? planes[0].stride[p] * (rows - 1) : 0; // the last row stays
                for (size_t i = 0; i < size; i++)
                    data[i] = kind == 1   ? data[i] ^ random_below(4)
                              : kind == 2 ? data[i] * 3 / 2
                              : kind == 3 ? 200 - data[i] / 2
                                          : data[i];
            }
        }
        rt_close(context);
        for (Planes &p : planes)
            for (void *data : p.data) free(data);
    }
    puts("done");
}
