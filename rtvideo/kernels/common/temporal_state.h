// What is known of the frames before, and how fast it is forgotten.
#pragma once

namespace rt {

// `rtvideo.engines.time_constants` makes them of seconds, `rtvideo.kernels.structs` mirrors the struct.
struct TimeConstants {
    float frames; // that a cell in which nothing moves is averaged over, at most; 0: nothing is kept
    float light;  // share of its way that the light of a moving picture goes in a frame
    int reset;    // the frames before this one do not count
    int carries;  // the picture so far moves along with the camera and with what moves
    int evens;    // bands of lamps on the mains are divided out
};

constexpr int CELL = 2;        // pixels: what moves or stays as one
constexpr int PATCH = 8;       // pixels of a patch, of which noise is measured
constexpr float UNIT = 256;    // samples that are kept lie in the high bits of 16: so many are a code of 8 bits

// For so many frames a cell has stood; what is kept is a byte, in sixteenths of a frame.
constexpr float AGE_UNIT = 16;
template <class V> FN V unpacked_age(V kept) { return kept * (1 / AGE_UNIT); }
FN unsigned char packed_age(float age) { return (unsigned char)(age * AGE_UNIT + 0.5f); }

// Luma, where nothing but motion and light is looked for: of RGB a quarter of red and blue and half of green.
template <class V> FN V grey_of(V red, V green, V blue) { return 0.25f * (red + blue) + 0.5f * green; }

// What is known of the scene.
struct Scene {
    float noise, slope;   // of one frame, in codes: noise + slope * level
    float curve[257];     // by how much each level changed, where the exposure did
    int exposure_changed; // it did
    int light_changed;    // on some patches
    int seen;             // frames since the last cut
    int moving;           // cells that moved in this one
    float own, need;      // share of a pixel's own light and of the strength that were used last
    int has_light;        // they and the light of the frame before are known
};

} // namespace rt
