// What every kernel of a network sees: the frame's planes, the user's settings, and the buffers between kernels.
// The generated source defines THREADS, BUFFERS and COARSEST before it includes this.
#pragma once

#ifdef __CUDACC__ // elsewhere a test stands in for the device
#define UNROLL _Pragma("unroll")
#define TEXT(x) #x
#define UNROLL_BY(n) _Pragma(TEXT(unroll (n)))
#define MEMORY extern __shared__ __align__(16) float memory[]
#define barrier __syncthreads
#endif

namespace rt {

#define DEVICE static __device__ __forceinline__
#define METHOD __device__ __forceinline__
// A kernel over rows of blocks from FIRST on; tensors between kernels hold the picture's rows from ORIGIN on.
#define KERNEL(name) extern "C" __global__ void __launch_bounds__(THREADS, 2) name(int first, int origin)

enum Layout { YUV, NV, RGB, GRAY, GBR, FLOAT_RGB };

// How samples become RGB and back; everything is data, so that one kernel serves every coding. As in planes.hpp.
struct Format {
    int layout, wide;
    int chroma_x, chroma_y;
    int shift;
    float luma_gain, luma_bias;
    float chroma_zero;
    float red_v, green_u, green_v, blue_u;
    float red, green, blue;
    float black;
    float code_u, code_v;
    float neutral;
    float scale;
    float luma_low, luma_high, chroma_low, chroma_high;
};

struct Planes {
    unsigned char *data[3];
    long long stride[3]; // bytes
};

// How fast to forget; `rtvideo.engines.time_constants` makes it of seconds.
struct Pace {
    float frames, light;
    int forget;
};

// What is kept from frame to frame; see history.cuh.
struct History {
    Format format;                  // of the picture: as the decoder's, in 16 bits
    Planes before, after;           // the picture so far: read from one, written to the other
    float code;                     // codes of 8 bits a sample of the decoder
    float black;                    // its code
    unsigned char *age;             // of each cell
    float *level, *change, *spread; // of each patch: mean so far, mean and deviation of the difference
    float *gain;                    // of its light
    int *counts;                    // of changes and spreads, level by level
    struct Scene *scene;
    float *light; // log2 t at the last scale
};

struct Frame {
    Format format; // of the planes in and out
    int width, height;
    int rows; // of tensors between kernels: the picture's, or fewer where memory is short
    float strength, denoise;
    Pace pace;
    Planes in, out;
    History history;
    float *buffers[BUFFERS];
};

} // namespace rt
extern "C" {
__constant__ rt::Frame frame;
}
namespace rt {

DEVICE int clamp(int v, int low, int high) { return min(max(v, low), high); }
DEVICE float clamp(float v, float low, float high) { return fminf(fmaxf(v, low), high); }

// A grid covers the picture, padded to whole cells of the coarsest scale.
DEVICE int padded(int size) { return (size + COARSEST - 1) / COARSEST * COARSEST; }
DEVICE int grid_width(int scale) { return padded(frame.width) / scale; }
DEVICE int grid_height(int scale) { return padded(frame.height) / scale; }

} // namespace rt
