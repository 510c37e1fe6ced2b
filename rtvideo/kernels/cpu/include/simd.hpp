// Vectors of floats along x, in the compiler's own vector extension: one source for SSE, AVX2, AVX-512 and NEON.
#pragma once
#include <stdint.h>
#include <string.h>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace rt {

// What common/*.h are made of: functions, methods and tables.
#define FN static inline __attribute__((always_inline))
#define METHOD inline __attribute__((always_inline))
#define TABLE static constexpr
// A row function: its own register allocation, shared by every stage that calls it.
#define ROW_FUNCTION static __attribute__((noinline, unused)) void
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

#define ROLLED // a loop that would take too many registers of a GPU's thread if it were unrolled

#if defined(__AVX512F__)
constexpr int LANES = 16, ACCUMULATORS = 24;
#elif defined(__AVX__)
constexpr int LANES = 8, ACCUMULATORS = 12;
#elif defined(__aarch64__)
constexpr int LANES = 4, ACCUMULATORS = 24;
#else
constexpr int LANES = 4, ACCUMULATORS = 12;
#endif

// Every row function works on this many columns at a time; buffers are as wide as a multiple of it.
constexpr int BLOCK = 4 * LANES;

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));

FN vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
FN void store(float *p, vec v) { memcpy(p, &v, sizeof v); }
FN vec splat(float x) { return x - vec{}; } // x - 0 is x for every x, which 0 + x is not

// Lanes to and from samples of other types; codes are rounded where they are written.
template <class T> FN vec widened(const T *p) {
    typedef T samples __attribute__((vector_size(sizeof(T) * LANES)));
    samples v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vec);
}
FN void narrowed(vec codes, uint16_t *to) {
    typedef uint16_t samples __attribute__((vector_size(sizeof(uint16_t) * LANES)));
    const samples v = __builtin_convertvector(__builtin_convertvector(codes + 0.5f, ivec), samples);
    memcpy(to, &v, sizeof v);
}

// The words of common/*.h, for vectors and for single values.
FN vec max(vec a, vec b) { return a > b ? a : b; }
FN vec min(vec a, vec b) { return a < b ? a : b; }
FN vec max(vec a, float b) { return max(a, splat(b)); }
FN vec min(vec a, float b) { return min(a, splat(b)); }
FN vec like(vec, float x) { return splat(x); }
FN vec abs(vec v) { return max(v, -v); }
FN vec sqrt(vec v) {
    UNROLL for (int i = 0; i < LANES; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
}
FN vec clamp(vec v, float low, float high) { return min(max(v, low), high); }
FN float max(float a, float b) { return a > b ? a : b; }
FN float min(float a, float b) { return a < b ? a : b; }
FN float like(float, float x) { return x; }
FN float abs(float v) { return v < 0 ? -v : v; }
FN float clamp(float v, float low, float high) { return v < low ? low : v > high ? high : v; }
FN float sqrt(float v) { return __builtin_sqrtf(v); }
FN double sqrt(double v) { return __builtin_sqrt(v); }
FN int max(int a, int b) { return a > b ? a : b; }
FN int min(int a, int b) { return a < b ? a : b; }
FN int clamp(int v, int low, int high) { return min(max(v, low), high); }

// 2^x for x in -126..126; relative error 8e-8.
FN vec exp2(vec x) {
    const float shift = 0x1.8p23f; // adding it rounds to a whole number, which then lies in the low bits
    vec shifted = x + splat(shift);
    vec f = x - (shifted - splat(shift));
    vec p = splat(0.00132764719f);
    p = p * f + 0.00967553630f;
    p = p * f + 0.0555071309f;
    p = p * f + 0.240221202f;
    p = p * f + 0.693146968f;
    p = p * f + 1.00000008f;
    return (vec)((ivec)p + ((ivec)shifted << 23));
}

// log2(x) for normal x > 0; absolute error 5e-8 beside the whole part.
FN vec log2(vec x) {
    const int32_t root_half = 0x3f3504f3;
    ivec bits = (ivec)x - root_half;
    ivec whole = bits >> 23;
    vec f = (vec)((ivec)x - (whole << 23)) - 1.0f; // x / 2^whole lies in sqrt(1/2)..sqrt(2)
    vec p = splat(-0.14574295282363892f);
    p = p * f + 0.2368897795677185f;
    p = p * f + -0.2500692903995514f;
    p = p * f + 0.2867075502872467f;
    p = p * f + -0.36008718609809875f;
    p = p * f + 0.48093944787979126f;
    p = p * f + -0.7213571667671204f;
    p = p * f + 1.4426947832107544f;
    return p * f + __builtin_convertvector(whole, vec);
}

#if defined(__AVX512BF16__)
// Pairs of bf16, two channels in the 32 bits of a lane: what a dot product of two takes at twice the speed of f32.
FN vec pack(vec low, vec high) {
    const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                                6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
    return (vec)_mm512_permutexvar_epi16(interleave, halves);
}
FN vec unpack_low(vec pairs) { return (vec)((ivec)pairs << 16); }
FN vec unpack_high(vec pairs) { return (vec)((ivec)pairs & -65536); }
// acc + low * weight's low + high * weight's high.
FN vec dot(vec acc, vec pairs, const float *weight) {
    int32_t bits; // not a float: whatever they are, they must arrive unchanged
    memcpy(&bits, weight, sizeof bits);
    return (vec)_mm512_dpbf16_ps((__m512)acc, (__m512bh)pairs, (__m512bh)_mm512_set1_epi32(bits));
}
#endif

FN float exp2(float x) { return exp2(splat(x))[0]; }
FN float log2(float x) { return log2(splat(x))[0]; }

template <int... I> struct Indices {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> {
    typedef Indices<I...> type;
};
constexpr Count<LANES>::type LANE = {};

// The number of each lane.
template <int... I> FN uvec numbers(Indices<I...>) { return uvec{I...}; }

// Each lane of the low (or high) half twice: a subsampled sample for the two pixels it stands for.
template <int... I> FN vec twice_low(vec v, Indices<I...>) { return __builtin_shufflevector(v, v, (I / 2)...); }
template <int... I> FN vec twice_high(vec v, Indices<I...>) {
    return __builtin_shufflevector(v, v, (LANES / 2 + I / 2)...);
}
// The low (or high) halves of two vectors, a lane of each in turn.
template <int... I> FN vec in_turn_low(vec a, vec b, Indices<I...>) {
    return __builtin_shufflevector(a, b, (I / 2 + I % 2 * LANES)...);
}
template <int... I> FN vec in_turn_high(vec a, vec b, Indices<I...>) {
    return __builtin_shufflevector(a, b, (LANES / 2 + I / 2 + I % 2 * LANES)...);
}
// The lanes one to the left (or right) of `now`, where the neighbouring vector fills the gap.
template <int... I> FN vec shifted_left(vec before, vec now, Indices<I...>) {
    return __builtin_shufflevector(before, now, (LANES - 1 + I)...);
}
template <int... I> FN vec shifted_right(vec now, vec next, Indices<I...>) {
    return __builtin_shufflevector(now, next, (1 + I)...);
}
// The even (or odd) lanes of two vectors.
template <int... I> FN vec even(vec a, vec b, Indices<I...>) { return __builtin_shufflevector(a, b, (2 * I)...); }
template <int... I> FN vec odd(vec a, vec b, Indices<I...>) { return __builtin_shufflevector(a, b, (2 * I + 1)...); }

} // namespace rt
