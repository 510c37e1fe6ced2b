// Loads a kernel library as rtvideo does, runs the frames of a file through it, and compares with what is expected
// of it: driver LIBRARY CASE. The case is what platforms/kernels.py writes. For systems without a Python here.
#include "temporal_state.hpp"
#include <math.h>
#include <stdio.h>
#if defined(_WIN32)
#define NOMINMAX
#include <windows.h>
static void *opened(const char *path) { return (void *)LoadLibraryA(path); }
static void *found(void *library, const char *name) { return (void *)GetProcAddress((HMODULE)library, name); }
#else
#include <dlfcn.h>
static void *opened(const char *path) { return dlopen(path, RTLD_NOW); }
static void *found(void *library, const char *name) { return dlsym(library, name); }
#endif

using namespace rt;

struct Header {
    int32_t width, height, frames, threads, weights, picture; // floats and bytes
    Format format, kept;
    TimeConstants time;
};

static void *bytes(FILE *file, size_t size) {
    void *data = malloc(size);
    if (!data || fread(data, 1, size, file) != size) exit((puts("the case is cut short"), 2));
    return data;
}

// The planes of a picture in YUV 4:2:0, eight bits, one after the other.
static Planes planes(unsigned char *picture, int width, int height) {
    const int64_t half = width / 2;
    unsigned char *u = picture + (int64_t)width * height;
    Planes made = {};
    made.data[0] = picture, made.data[1] = u, made.data[2] = u + half * (height / 2);
    made.stride[0] = width, made.stride[1] = made.stride[2] = half;
    return made;
}

int main(int count, char **words) {
    if (count != 3) return puts("driver LIBRARY CASE"), 2;
    void *library = opened(words[1]);
    if (!library) return printf("%s: cannot be loaded\n", words[1]), 2;
    auto version = (int (*)())found(library, "rt_version");
    auto open = (void *(*)(int, int, const Format *, const float *, int))found(library, "rt_open");
    auto run = (void (*)(void *, const Planes *, const Planes *, float, float, float, float, int,
                         const TimeConstants *))found(library, "rt_run");
    auto remember = (int (*)(void *, const Format *))found(library, "rt_allocate_temporal_state");
    auto deband = (int (*)(void *, const Format *))found(library, "rt_allocate_debanding");
    auto close = (void (*)(void *))found(library, "rt_close");
    if (!version || !open || !run || !remember || !deband || !close) return puts("a function is missing"), 2;

    FILE *file = fopen(words[2], "rb");
    if (!file) return printf("%s: cannot be read\n", words[2]), 2;
    Header *h = (Header *)bytes(file, sizeof(Header));
    float *weights = (float *)bytes(file, sizeof(float) * h->weights);
    void *context = open(h->width, h->height, &h->format, weights, h->threads);
    if (!context || !remember(context, &h->kept) || !deband(context, &h->kept)) return puts("not enough memory"), 2;
    unsigned char *out = (unsigned char *)calloc(1, h->picture);
    double squares = 0;
    int largest = 0;
    for (int i = 0; i < h->frames; i++) {
        unsigned char *picture = (unsigned char *)bytes(file, h->picture);
        unsigned char *expected = (unsigned char *)bytes(file, h->picture);
        const Planes in = planes(picture, h->width, h->height), lit = planes(out, h->width, h->height);
        h->time.reset = i == 0;
        run(context, &in, &lit, 1, 1, 0, 1, 1, &h->time);
        for (int k = 0; k < h->picture; k++) {
            const int difference = abs(out[k] - expected[k]);
            squares += difference * difference;
            if (difference > largest) largest = difference;
        }
        free(picture), free(expected);
    }
    close(context);
    const double mean = squares / ((double)h->frames * h->picture);
    printf("kernel library version %d: %d frames of %dx%d, %d threads: ", version(), h->frames, h->width, h->height,
           h->threads);
    if (largest == 0)
        puts("the same to the bit");
    else
        printf("PSNR %.1f dB, at most %d of 255\n", 10 * log10(255 * 255 / mean), largest);
    return mean > 0.65 || largest > 8; // 50 dB
}
