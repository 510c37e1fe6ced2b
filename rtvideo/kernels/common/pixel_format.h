// How samples lie in planes and become RGB. Everything is data, so that one kernel serves every coding.
// `rtvideo.kernels.structs` mirrors the structs.
#pragma once

namespace rt {

enum Layout { YUV, NV, RGB, GRAY, GBR, FLOAT_RGB };

struct Format {
    int layout, wide;                      // wide: samples are 16 bits
    int chroma_x, chroma_y;                // log2 of the subsampling
    int shift;                             // samples sit this many bits up (P010)
    float code;                            // codes of 8 bits a sample
    float luma_gain, luma_bias;            // luma = sample * gain + bias
    float chroma_zero;                     // code of neutral chroma, shift included
    float red_v, green_u, green_v, blue_u; // per code of chroma
    float red, green, blue;                // luma's weights, in codes
    float black;                           // code of black
    float code_u, code_v;                  // codes of chroma a code of (B - Y), (R - Y)
    float neutral;                         // code of neutral chroma
    float scale;                           // codes from black to white
    float luma_low, luma_high, chroma_low, chroma_high;
    const float *seen, *coded;             // tables of a transfer curve; null: the network takes codes as they are
    float peak;                            // the largest value that `seen` has
    float to_view[3][3], from_view[3][3];  // to the colours that a network knows, and back
};

struct Planes {
    unsigned char *data[3];
    long long stride[3]; // bytes
};

// Where the samples of a channel lie in a row of its plane: every `step`-th from `offset` on. `x` and `y` are log2 of
// its subsampling.
struct Channel {
    int plane, offset, step, x, y;
};

// Black in codes of 8 bits.
FN float black_of(const Format &f) { return -f.luma_bias / f.luma_gain * f.code; }

FN bool is_rgb(int layout) { return layout == RGB || layout == GBR; }
FN bool has_chroma(int layout) { return layout == YUV || layout == NV; }
FN int channels(int layout) { return layout == GRAY ? 1 : 3; }

FN Channel channel(int layout, int chroma_x, int chroma_y, int c) {
    if (layout == RGB) return Channel{0, c, 3, 0, 0};
    if (layout == GBR) return Channel{(c + 2) % 3, 0, 1, 0, 0}; // H.273: Y is G, Cb is B, Cr is R
    if (c == 0 || !has_chroma(layout)) return Channel{c, 0, 1, 0, 0};
    if (layout == NV) return Channel{1, c - 1, 2, chroma_x, chroma_y};
    return Channel{c, 0, 1, chroma_x, chroma_y};
}

} // namespace rt
