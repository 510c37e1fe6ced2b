// What stands in for a CUDA device: a block is THREADS threads of this program, or one that does the work of all.
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define __global__
#define EXPORT __attribute__((visibility("default")))
#define __device__ EXPORT
#define __constant__ EXPORT
#define __forceinline__ inline __attribute__((unused))
#define __launch_bounds__(...) EXPORT
#define UNROLL
#define ROLLED
#define UNROLL_BY(n)
#define MEMORY                                                                                                         \
    float *const memory = shim::memory;                                                                                \
    (void)memory

struct Index {
    int x, y;
};
inline thread_local Index threadIdx, blockIdx;
inline Index gridDim;

namespace shim {
inline float *memory;
inline int crew = 1;
// In turns: a thread that leaves one late must not see what others did before they arrived at the next.
inline pthread_barrier_t everyone[2];
inline thread_local int turn;
} // namespace shim

#define THREADS shim::crew
inline void barrier() {
    if (shim::crew > 1) pthread_barrier_wait(&shim::everyone[shim::turn++ & 1]);
}

// A warp is all threads of a block, so that its lanes wait for one another there.
inline void together() { barrier(); }

inline void fence() {} // blocks run one after another

inline int atomicAdd(int *to, int n) { return __atomic_fetch_add(to, n, __ATOMIC_RELAXED); }

namespace rt {
inline unsigned pair(float low, float high) {
    _Float16 halves[2] = {(_Float16)low, (_Float16)high};
    unsigned word;
    memcpy(&word, halves, sizeof word);
    return word;
}
inline float half_of(unsigned word, int which) {
    _Float16 halves[2];
    memcpy(halves, &word, sizeof word);
    return halves[which];
}
inline float low(unsigned word) { return half_of(word, 0); }
inline float high(unsigned word) { return half_of(word, 1); }
inline unsigned twice_low(unsigned word) { return word << 16 | (word & 0xffff); }
inline unsigned twice_high(unsigned word) { return (word & 0xffff0000) | word >> 16; }
inline unsigned fma_pair(unsigned a, unsigned b, unsigned c) {
    return pair(low(a) * low(b) + low(c), high(a) * high(b) + high(c));
}
inline unsigned larger(unsigned a, unsigned b) { return pair(fmaxf(low(a), low(b)), fmaxf(high(a), high(b))); }

// Tensor cores, as the PTX ISA says which lane has what of mma.m16n8k8, .m16n8k16 and ldmatrix.
namespace lanes {
inline unsigned a[32][4], b[32][2];
inline const unsigned *rows[32];
} // namespace lanes

inline void multiply_add(float (&sums)[2][2], const unsigned *a, const unsigned *b, int halves) {
    const int lane = threadIdx.x;
    memcpy(lanes::a[lane], a, 2 * halves * sizeof *a), memcpy(lanes::b[lane], b, halves * sizeof *b);
    barrier();
    for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
        for (int k = 0; k < 8 * halves; k++) {
            const float of_a = half_of(lanes::a[row % 8 * 4 + k % 8 / 2][k / 8 * 2 + row / 8], k % 2);
            sums[i / 2][i % 2] += of_a * half_of(lanes::b[column * 4 + k % 8 / 2][k / 8], k % 2);
        }
    }
    barrier();
}
inline void multiply_add(float (&sums)[2][2], unsigned a0, unsigned a1, unsigned b) {
    const unsigned a[2] = {a0, a1};
    multiply_add(sums, a, &b, 1);
}
inline void multiply_add(float (&sums)[2][2], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    const unsigned b[2] = {b0, b1};
    multiply_add(sums, a, b, 2);
}
template <class Row> void load_octets(unsigned (&a)[4], const Row *at) {
    const int lane = threadIdx.x;
    lanes::rows[lane] = (const unsigned *)at;
    barrier();
    for (int i = 0; i < 4; i++) a[i] = lanes::rows[8 * i + lane / 4][lane % 4];
    barrier();
}
} // namespace rt

#include KERNELS

extern "C" EXPORT const int size_of_frame = sizeof(frame), size_of_w = sizeof(w);
#ifdef MATRICES
extern "C" EXPORT const int size_of_matrices = sizeof(matrices);
#endif

namespace shim {
struct Thread {
    void (*kernel)(int, int);
    Index block;
    int number, first, origin;
    pthread_t handle;
};

inline void *run(void *argument) {
    const Thread &thread = *(const Thread *)argument;
    threadIdx = Index{thread.number, 0}, blockIdx = thread.block, turn = 0;
    thread.kernel(thread.first, thread.origin);
    return 0;
}
} // namespace shim

// Run a kernel over a grid of blocks. What shared memory holds at first is no number, and nothing lies beyond it.
extern "C" EXPORT void launch(void (*kernel)(int, int), int blocks_x, int blocks_y, int shared, int crew, int first,
                              int origin) {
    gridDim = Index{blocks_x, blocks_y};
    shim::crew = crew;
    for (pthread_barrier_t &one : shim::everyone) pthread_barrier_init(&one, 0, crew);
    shim::Thread threads[64];
    for (int block = 0; block < blocks_x * blocks_y; block++) {
        shim::memory = (float *)malloc(shared);
        memset(shim::memory, 0xff, shared);
        for (int t = 0; t < crew; t++) {
            threads[t] = shim::Thread{kernel, {block % blocks_x, block / blocks_x}, t, first, origin, 0};
            if (t > 0) pthread_create(&threads[t].handle, 0, shim::run, &threads[t]);
        }
        shim::run(&threads[0]);
        for (int t = 1; t < crew; t++) pthread_join(threads[t].handle, 0);
        free(shim::memory);
    }
    for (pthread_barrier_t &one : shim::everyone) pthread_barrier_destroy(&one);
}
