// What every kernel of a network sees: the frame's planes, the user's settings, and the buffers between kernels.
// The generated source defines THREADS, BUFFERS and COARSEST before it includes this.
#pragma once

#ifdef __CUDACC__ // elsewhere a test stands in for the device
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("unroll 1")
#define TEXT(x) #x
#define UNROLL_BY(n) _Pragma(TEXT(unroll(n)))
#define MEMORY extern __shared__ __align__(16) float memory[]
#define barrier __syncthreads
#define fence __threadfence
#endif

// A kernel over rows of blocks from FIRST on; tensors between kernels hold the picture's rows from ORIGIN on.
#define KERNEL(name) extern "C" __global__ void __launch_bounds__(THREADS, 2) name(int first, int origin)
// What common/*.h are made of: functions, methods and tables.
#define FN static __device__ __forceinline__
#define METHOD __device__ __forceinline__
#define TABLE static __constant__ const

namespace rt {

// The words of common/*.h.
FN float max(float a, float b) { return fmaxf(a, b); }
FN float min(float a, float b) { return fminf(a, b); }
FN float abs(float v) { return fabsf(v); }
FN float like(float, float x) { return x; }
FN float clamp(float v, float low, float high) { return fminf(fmaxf(v, low), high); }
FN float sqrt(float v) { return sqrtf(v); }
FN double sqrt(double v) { return ::sqrt(v); }
FN float exp2(float v) { return exp2f(v); }
FN float log2(float v) { return log2f(v); }
FN int max(int a, int b) { return a > b ? a : b; }
FN int min(int a, int b) { return a < b ? a : b; }
FN int clamp(int v, int low, int high) { return min(max(v, low), high); }

} // namespace rt

#include "common/camera_motion.h"
#include "common/debanding.h"
#include "common/mains.h"

namespace rt {

// What was found of motion, and is kept.
struct FoundMotion {
    float noise[PYRAMID]; // variance of what is left of blocks that moved as thought
    Model model;          // of the camera's motion
    int moved;            // blocks, in this frame
};

// What motion is looked for in, level by level, and what is found there; see motion_state.cuh.
struct MotionState {
    float *kept[PYRAMID], *now[PYRAMID];          // luma of the picture so far and of the frame
    Vector *measured[PYRAMID], *vectors[PYRAMID]; // of blocks: as measured, and with what the blocks around say
    Structure *structures[PYRAMID];
    float *residuals, *unsure; // of the blocks of a level; of those of the finest
    FoundMotion *found;
};

// What is known of the bands of lamps on the mains; see mains_state.cuh.
struct MainsState {
    float *reference, *change; // of a level's pixels, in log2: light without bands, and what is above it
    float *rows;               // the same of rows, then the wave
    float *share;              // of blocks: products with the wave, squares of the wave, and what they have of it
    Planes picture;            // the frame without bands
    Mains *found;
};

// What is kept from frame to frame; see temporal_state.cuh.
struct TemporalState {
    Format format;                  // of the picture: as the decoder's, in 16 bits
    Planes before[2], after;        // the picture so far: as it was, carried along, and with this frame
    unsigned char *age_before, *age; // of each cell: as it was; carried along, then with this frame
    float *level, *change, *spread; // of each patch: mean so far, mean and deviation of the difference
    float *gain;                    // of its light
    int *counts;                    // of changes and spreads, level by level
    Scene *scene;
    float *light; // log2 t at the last scale
    MotionState motion;
    MainsState mains;
};

// What debanding needs for a frame; see debanding.cuh.
struct DebandingState {
    Format format; // of the picture: as the decoder's, in 16 bits
    Planes picture;
    float *means[DEBAND_LEVELS], *smooth[DEBAND_LEVELS];
    float *deviations; // of luma and colour within the finest cells
    float *shares;     // of them: how much of luma and of colour becomes smooth, and 1 / tolerance of colour
    float amount;      // 0: nothing, 1: all of it
};

struct Frame {
    Format format; // of the planes in and out
    int width, height;
    int rows; // of tensors between kernels: the picture's, or fewer where memory is short
    float strength, denoise, brightness;
    int dither; // of what debanding made, in 8 bits
    TimeConstants time;
    Planes in, out;
    TemporalState state;
    DebandingState debanding;
    float *buffers[BUFFERS];
};

} // namespace rt
extern "C" {
__constant__ rt::Frame frame;
}
namespace rt {

// A grid covers the picture, padded to whole cells of the coarsest scale.
FN int padded(int size) { return (size + COARSEST - 1) / COARSEST * COARSEST; }
FN int grid_width(int scale) { return padded(frame.width) / scale; }
FN int grid_height(int scale) { return padded(frame.height) / scale; }

} // namespace rt
