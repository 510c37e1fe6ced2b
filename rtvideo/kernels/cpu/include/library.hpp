// What the shared library exports. The generated source defines `Weights` and `Network` before it includes this.
#pragma once
#include "debanding.hpp"
#include "illumination.hpp"
#include "temporal.hpp"
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace rt;

EXPORT int rt_version() { return 6; }

EXPORT int rt_lanes() { return LANES; }

// The floating-point mode, for the test that nothing here changes it.
EXPORT unsigned rt_floating_point_mode() {
#if defined(__x86_64__)
    return _mm_getcsr();
#else
    return 0;
#endif
}

EXPORT void rt_close(Context *context) {
    if (!context) return;
    context->pool.close();
    for (void *p : context->memory) release(p);
    for (void *p : context->frame.state.memory) release(p);
    for (void *p : context->frame.state.motion.memory) release(p);
    for (void *p : context->frame.state.mains.memory) release(p);
    for (void *p : context->frame.debanding.memory) release(p);
    free(context);
}

// `weights` are copied. NULL if there is not enough memory.
EXPORT Context *rt_open(int width, int height, const Format *format, const float *weights, int threads) {
    Context *context = (Context *)calloc(1, sizeof(Context));
    if (!context) return 0;
    threads = clamp(threads, 1, 64);
    context->pool.open(threads);
    context->threads = context->pool.count + 1;
    context->width = width, context->height = height;
    context->frame.format = context->frame.read = *format;

    size_t row = sizeof(float) * (Network::WIDEST + Network::DENOISED_BLOCK + 2 * MARGIN);
    size_t arena = (row * (Network::ROWS + 16) + 64 * 64 + 4095) / 4096 * 4096;
    context->memory[0] = fresh(arena * context->threads + sizeof(Arena) * 64);
    context->memory[1] = fresh(sizeof(float) * grid_floats<Network>(width, height));
    context->memory[2] = fresh(sizeof(Weights));
    if (!context->memory[0] || !context->memory[1] || !context->memory[2]) {
        rt_close(context);
        return 0;
    }
    context->arenas = (Arena *)((char *)context->memory[0] + arena * context->threads);
    for (int i = 0; i < context->threads; i++) context->arenas[i] = Arena{(char *)context->memory[0] + arena * i, 0};
    memcpy(context->memory[2], weights, sizeof(Weights));
    context->frame.w = (const Weights *)context->memory[2];
    return context;
}

EXPORT int rt_threads(const Context *context) { return context->threads; }

// Make room for what is kept from frame to frame, in planes of the format `kept`. False if there is not enough memory.
EXPORT int rt_allocate_temporal_state(Context *context, const Format *kept) {
    int64_t light = light_floats<Network>(context->width, context->height);
    return allocate(context->frame.state, *kept, context->width, context->height, light);
}

// Make room for debanding, in planes of the format `kept`. False if there is not enough memory.
EXPORT int rt_allocate_debanding(Context *context, const Format *kept) {
    return allocate(context->frame.debanding, *kept, context->width, context->height);
}

// Enhance one frame. `strength` > 0; `denoise` 0 skips noise removal, `deband` 0 debanding; without `time`, or with no
// frames to average over, the frame is looked at alone. `dither` is for what debanding made, in 8 bits.
EXPORT void rt_run(Context *context, const Planes *in, const Planes *out, float strength, float denoise,
                   float brightness, float deband, int dither, const TimeConstants *time) {
    Frame &frame = context->frame;
    frame.in = *in, frame.out = *out, frame.read = frame.format;
    frame.time = time ? *time : TimeConstants{};
    if (frame.time.frames > 0) TIMED("over time", over_time<Network::WIDEST>(*context);)
    frame.debanding.amount = deband;
    if (deband > 0) TIMED("debanding", without_bands<Network::WIDEST>(*context);)
    const bool dithers = dither && !frame.format.wide;
    frame.dither = Dither{frame.in, frame.read, black_of(frame.format), dithers ? deband : 0};
    frame.light_parameters.strength = strength, frame.denoise = denoise, frame.brightness = brightness;
    TIMED("light", Network::light(*context, (float *)context->memory[1]);)
    bool denoised = denoise > 0 && Network::HAS_NOISE;
    int halo = denoised ? Network::DENOISED_HALO : Network::LIT_HALO;
    TIMED("apply",
          context->pass(denoised ? Network::denoised : Network::lit, context->width, context->height, halo, 2,
                        Network::WIDEST, context->width, context->height, denoised ? Network::DENOISED_BLOCK : BLOCK);)
}
