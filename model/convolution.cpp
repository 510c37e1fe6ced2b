// Convolutions of few channels, and the distillation cell that is made of them (model/cell.py), forward and backward:
// what training spends its time with. `model/compiled.py` calls them. Images are planes of float32 one after the
// other, zero outside; kernels have 1x1, 3x3 or 5x5 taps, ordered output, input, row, column.
#include "simd.hpp"
#include <stddef.h>
#include <stdlib.h>

using namespace rt;

namespace {

constexpr int OUTS = 6, WIDE = 2; // output channels, at most, and vectors along x that one pass sums
constexpr int STEP = WIDE * LANES;

struct Size {
    int height, width;
    ptrdiff_t plane() const { return (ptrdiff_t)height * width; }
};

struct Kernel {
    const float *weight;
    int channels, outs, side, dilation;
    bool turned; // half a turn, and transposed: from the gradient of its result to that of its input

    int taps() const { return side * side; }
    int reach() const { return side / 2 * dilation; }
    float tap(int o, int c, int k) const {
        return turned ? weight[(c * outs + o) * taps() + taps() - 1 - k] : weight[(o * channels + c) * taps() + k];
    }
};

// Where sums go: on top of what is there or not, and through a leaky ReLU (slope 1: through nothing). With `gate`, the
// result of a leaky ReLU, they are a gradient that goes back through it.
struct Output {
    float *data;
    float slope = 1;
    bool add = false;
    const float *gate = nullptr, *bias = nullptr;

    Output from(ptrdiff_t offset, int channel) const {
        return {data + offset, slope, add, gate ? gate + offset : nullptr, bias ? bias + channel : nullptr};
    }
};

// Memory that a thread keeps from call to call: fresh pages cost more than what is done with them.
float *scratch(size_t floats) {
    static thread_local float *data = nullptr;
    static thread_local size_t size = 0;
    if (size < floats) free(data), data = (float *)malloc((size = floats) * sizeof(float));
    return data;
}

// An image as a pass reads it: but for 1x1 taps a copy with zeros around it, and behind each row what a pass reads
// beyond.
struct Source {
    const float *data;
    ptrdiff_t row, plane;

    Source(const float *image, const Kernel &k, Size size) : data(image), row(size.width), plane(size.plane()) {
        if (k.side == 1) return;
        const int d = k.reach();
        row = size.width + 2 * d + STEP, plane = row * (size.height + 2 * d);
        float *to = scratch(k.channels * plane);
        data = to;
        for (int c = 0; c < k.channels; c++)
            for (int y = -d; y < size.height + d; y++, to += row) {
                const bool inside = y >= 0 && y < size.height;
                const int width = inside ? size.width : 0;
                memset(to, 0, d * sizeof(float));
                if (inside) memcpy(to + d, image + c * size.plane() + (ptrdiff_t)y * width, width * sizeof(float));
                memset(to + d + width, 0, (row - d - width) * sizeof(float));
            }
    }
};

// B output channels at STEP pixels: `in` is the first tap of the first of them, `w` is ordered input, tap, output.
template <int B, int T>
void pixels(const float *in, ptrdiff_t row, ptrdiff_t plane, const Kernel &k, const float *w, const Output &out,
            ptrdiff_t out_plane, int count) {
    vec sum[B][WIDE];
    for (int b = 0; b < B; b++)
        for (int x = 0; x < WIDE; x++) sum[b][x] = splat(out.bias ? out.bias[b] : 0);
    for (int c = 0; c < k.channels; c++)
        for (int ky = 0; ky < T; ky++) UNROLL for (int kx = 0; kx < T; kx++, w += B) {
                const float *from = in + c * plane + ky * k.dilation * row + kx * k.dilation;
                vec v[WIDE];
                for (int x = 0; x < WIDE; x++) v[x] = load(from + x * LANES);
                UNROLL for (int b = 0; b < B; b++)
                    for (int x = 0; x < WIDE; x++) sum[b][x] += v[x] * splat(w[b]);
            }
    // The last columns of a row go by way of a line of their own.
    float line[STEP], gates[STEP] = {};
    const size_t bytes = count * sizeof(float);
    for (int b = 0; b < B; b++) {
        float *end = out.data + b * out_plane, *to = end;
        const float *gate = out.gate ? out.gate + b * out_plane : nullptr;
        if (count < STEP) {
            memcpy(line, to, bytes), to = line;
            if (gate) memcpy(gates, gate, bytes), gate = gates;
        }
        for (int x = 0; x < STEP; x += LANES) {
            const vec v = sum[b][x / LANES] + (out.add ? load(to + x) : vec{});
            store(to + x, (gate ? load(gate + x) : v) > vec{} ? v : v * splat(out.slope));
        }
        if (count < STEP) memcpy(end, line, bytes);
    }
}

template <int B> struct Block {
    static constexpr int channels = B;
};

// Call f(first, block) for all output channels, in as few blocks as there can be, and none much smaller than others.
template <class F> void for_blocks(int outs, F f) {
    for (int o = 0, size; o < outs; o += size) {
        const int rest = outs - o, blocks = (rest + OUTS - 1) / OUTS;
        size = (rest + blocks - 1) / blocks;
        switch (size) {
        case 1: f(o, Block<1>{}); break;
        case 2: f(o, Block<2>{}); break;
        case 3: f(o, Block<3>{}); break;
        case 4: f(o, Block<4>{}); break;
        case 5: f(o, Block<5>{}); break;
        default: f(o, Block<6>{});
        }
    }
}

// The convolution of an image.
void convolve(const float *image, const Kernel &k, Size size, const Output &result) {
    const Source in(image, k, size);
    float *packed = (float *)malloc(sizeof(float) * k.channels * (k.taps() * OUTS + STEP)), *rest = packed;
    for_blocks(k.outs, [&](int first, auto block) {
        constexpr int B = decltype(block)::channels;
        float *w = packed;
        for (int c = 0; c < k.channels; c++)
            for (int t = 0; t < k.taps(); t++)
                for (int b = 0; b < B; b++) *w++ = k.tap(first + b, c, t);
        rest = w;
        const Output out = result.from(first * size.plane(), first);
        if (k.side > 1) {
            const auto pass = k.side == 3 ? pixels<B, 3> : pixels<B, 5>;
            for (int y = 0; y < size.height; y++)
                for (int x = 0; x < size.width; x += STEP)
                    pass(in.data + y * in.row + x, in.row, in.plane, k, packed,
                         out.from((ptrdiff_t)y * size.width + x, 0), size.plane(), min(STEP, size.width - x));
            return;
        }
        const ptrdiff_t whole = size.plane() / STEP * STEP, left = size.plane() - whole;
        for (ptrdiff_t x = 0; x < whole; x += STEP)
            pixels<B, 1>(in.data + x, 0, in.plane, k, packed, out.from(x, 0), size.plane(), STEP);
        if (left == 0) return;
        for (int c = 0; c < k.channels; c++)
            memcpy(rest + c * STEP, in.data + c * in.plane + whole, left * sizeof(float));
        pixels<B, 1>(rest, 0, STEP, k, packed, out.from(whole, 0), size.plane(), int(left));
    });
    free(packed);
}

// Of one input channel's T taps in a row, and B output channels: the sums over pixels of input times gradient.
template <int B, int T>
void products(const float *in, ptrdiff_t row, int dilation, const float *gradient, Size size, double (*total)[B]) {
    vec sum[T][B] = {};
    for (int y = 0; y < size.height; y++) {
        const float *from = in + y * row, *g = gradient + (ptrdiff_t)y * size.width;
        int x = 0;
        for (; x + LANES <= size.width; x += LANES) {
            vec v[T];
            UNROLL for (int k = 0; k < T; k++) v[k] = load(from + x + k * dilation);
            UNROLL for (int b = 0; b < B; b++) {
                const vec of = load(g + b * size.plane() + x);
                UNROLL for (int k = 0; k < T; k++) sum[k][b] += v[k] * of;
            }
        }
        for (; x < size.width; x++)
            for (int k = 0; k < T; k++)
                for (int b = 0; b < B; b++) total[k][b] += from[x + k * dilation] * g[b * size.plane() + x];
    }
    for (int k = 0; k < T; k++)
        for (int b = 0; b < B; b++)
            for (int l = 0; l < LANES; l++) total[k][b] += sum[k][b][l];
}

// The gradients of a kernel's weight, added to `weight`, and of its bias, added to `bias`.
void gradients(const float *image, const Kernel &k, Size size, const float *gradient, float *weight, float *bias) {
    const Source in(image, k, size);
    // With one tap there are no rows to tell apart.
    const Size shape = k.side == 1 ? Size{1, int(size.plane())} : size;
    for_blocks(k.outs, [&](int first, auto block) {
        constexpr int B = decltype(block)::channels;
        const float *of = gradient + first * size.plane();
        for (int c = 0; c < k.channels; c++)
            for (int ky = 0; ky < k.side; ky++) {
                const float *from = in.data + c * in.plane + ky * k.dilation * in.row;
                double total[5][B] = {};
                if (k.side == 1)
                    products<B, 1>(from, 0, 0, of, shape, total);
                else
                    products<B, 3>(from, in.row, k.dilation, of, size, total);
                if (k.side == 5) // more sums than these would not stay in registers
                    products<B, 2>(from + 3 * k.dilation, in.row, k.dilation, of, size, total + 3);
                for (int b = 0; b < B; b++)
                    for (int kx = 0; kx < k.side; kx++)
                        weight[((first + b) * k.channels + c) * k.taps() + ky * k.side + kx] +=
                            float(total[kx][b]);
            }
    });
    for (int o = 0; o < k.outs; o++) {
        const float *from = gradient + o * size.plane();
        vec sum = {};
        double total = 0;
        ptrdiff_t x = 0;
        for (; x + LANES <= size.plane(); x += LANES) sum += load(from + x);
        for (; x < size.plane(); x++) total += from[x];
        for (int l = 0; l < LANES; l++) total += sum[l];
        bias[o] += float(total);
    }
}

} // namespace

extern "C" {

// An edge of a cell: a convolution, or with side 0 a skip. `residual` adds its input to its output.
struct Edge {
    const float *weight, *bias;
    float *of_weight, *of_bias;
    int32_t side, dilation, residual;
};

// A cell of C channels. Its edges are d1, r1, d2, r2, d3, r3, c4: d and c4 lead to the last node, r to the next one.
struct Cell {
    const Edge *edges;
    const float *fusion, *fusion_bias;
    float *of_fusion, *of_fusion_bias;
    int32_t channels, height, width;
    float slope;
};
}

namespace {

constexpr int MOST = 16; // channels of a cell

struct Walk {
    const Cell &cell;
    const Size size;
    const ptrdiff_t image;
    float weights[MOST * MOST * 25]; // of one kernel

    explicit Walk(const Cell &c)
        : cell(c), size{c.height, c.width}, image(c.channels * size.plane()) {}

    // The kernel of an edge. Sums with its input, of which the next node adds one, are more in its centre tap.
    Kernel kernel(int k, bool turned) {
        const Edge &e = cell.edges[k];
        const int c = cell.channels, taps = e.side * e.side;
        memcpy(weights, e.weight, sizeof(float) * c * c * taps);
        for (int o = 0; o < c; o++) weights[(o * c + o) * taps + taps / 2] += float(e.residual + k % 2);
        return {weights, c, c, e.side, e.dilation, turned};
    }

    // The part of the fusion that takes what was distilled from a node.
    Kernel part(int node, bool turned) {
        const int c = cell.channels;
        for (int o = 0; o < c; o++) memcpy(weights + o * c, cell.fusion + (o * 4 + node) * c, c * sizeof(float));
        return {weights, c, c, 1, 0, turned};
    }

    // An edge, or its way back.
    void edge(int k, const float *in, Output out, bool turned) {
        const Edge &e = cell.edges[k];
        if (e.side) {
            out.bias = turned ? nullptr : e.bias;
            return convolve(in, kernel(k, turned), size, out);
        }
        const float times = 1 + k % 2;
        for (ptrdiff_t i = 0; i < image; i++) {
            const float v = times * in[i] + (out.add ? out.data[i] : 0);
            out.data[i] = (out.gate ? out.gate[i] : v) > 0 ? v : v * out.slope;
        }
    }

    void gradients_of(int k, const float *in, const float *gradient) {
        const Edge &e = cell.edges[k];
        if (e.side) gradients(in, kernel(k, false), size, gradient, e.of_weight, e.of_bias);
    }
};

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT void rt_convolve(const float *image, int channels, int height, int width, const float *weight, const float *bias,
                        int outs, int side, bool turned, float *out) {
    Output to{out};
    to.bias = bias;
    convolve(image, {weight, channels, outs, side, 1, turned}, {height, width}, to);
}

EXPORT void rt_gradients(const float *image, int channels, int height, int width, const float *gradient, int outs,
                         int side, float *weight, float *bias) {
    gradients(image, {nullptr, channels, outs, side, 1, false}, {height, width}, gradient, weight, bias);
}

// `nodes`: what r1, r2, r3 lead to; `distilled`: what d1, d2, d3, c4 do. Both are kept for the way back.
EXPORT void rt_cell(const Cell *cell, const float *x, float *nodes, float *distilled, float *out) {
    Walk walk(*cell);
    for (int node = 0; node < 4; node++) {
        const float *in = node ? nodes + (node - 1) * walk.image : x;
        float *far = distilled + node * walk.image;
        walk.edge(2 * node, in, {far, cell->slope}, false);
        Output fused{out};
        fused.add = node > 0;
        fused.bias = node ? nullptr : cell->fusion_bias;
        convolve(far, walk.part(node, false), walk.size, fused);
        if (node < 3) walk.edge(2 * node + 1, in, {nodes + node * walk.image, cell->slope}, false);
    }
}

// `spare`: two images. Gradients of weights are added to those of the cell.
EXPORT void rt_cell_gradient(const Cell *cell, const float *x, const float *nodes, const float *distilled,
                             const float *gradient, float *spare, float *of_x) {
    Walk walk(*cell);
    const int c = cell->channels;
    float *of_far = spare;
    for (int node = 3; node >= 0; node--) {
        const float *in = node ? nodes + (node - 1) * walk.image : x, *far = distilled + node * walk.image;
        // Gradients in front of the leaky ReLU that made a node; they take turns in two places.
        float *of_in = node % 2 ? spare + walk.image : of_x;
        const float *of_next = node % 2 ? of_x : spare + walk.image;
        convolve(gradient, walk.part(node, true), walk.size, {of_far, cell->slope, false, far});
        float of_part[MOST * MOST] = {}, unused[MOST] = {};
        gradients(far, walk.part(node, false), walk.size, gradient, of_part, node ? unused : cell->of_fusion_bias);
        for (int o = 0; o < c; o++)
            for (int i = 0; i < c; i++) cell->of_fusion[(o * 4 + node) * c + i] += of_part[o * c + i];
        if (node < 3) {
            walk.gradients_of(2 * node + 1, in, of_next);
            walk.edge(2 * node + 1, of_next, {of_in}, true);
        }
        walk.gradients_of(2 * node, in, of_far);
        walk.edge(2 * node, of_far, {of_in, node ? cell->slope : 1, node < 3, node ? in : nullptr}, true);
    }
}
