// Pyramids of luma: each level has half the size of the one before.
#pragma once
#include "scene_statistics.hpp"

namespace rt {

// Means of 2 x 2 of two rows; added in one order, as where a strip ends must make no difference.
FN void halve(const float *a, const float *b, int count, float *to) {
    int x = 0;
    for (; x + LANES <= count; x += LANES) {
        const vec l = load(a + 2 * x) + load(b + 2 * x), r = load(a + 2 * x + LANES) + load(b + 2 * x + LANES);
        store(to + x, 0.25f * (even(l, r, LANE) + odd(l, r, LANE)));
    }
    for (; x < count; x++) to[x] = 0.25f * (a[2 * x] + b[2 * x] + (a[2 * x + 1] + b[2 * x + 1]));
}

// All levels of the picture so far and of the frame, over a strip of whole cells of the coarsest one.
static void build_pyramids(const Tile &strip, Frame &frame, Arena arena) {
    TemporalState &state = frame.state;
    Rows<2> lines = arena.rows<2>(strip.width, 1), spare = arena.rows<2>(strip.width, 1);
    constexpr int SIDE = 1 << PYRAMID;
    Tile tile = strip;
    tile.width = min(strip.width, (strip.last - strip.first + SIDE - 1) / SIDE * SIDE);
    for (int which = 0; which < 2; which++) {
        const Layer *layers = which ? state.motion.now : state.motion.kept;
        for (int top = tile.top; top < tile.bottom; top += SIDE) {
            for (int k = which ? 0 : 1; k < PYRAMID; k++) { // the filter left the first of the picture so far
                const Layer &to = layers[k];
                const int left = tile.first >> (k + 1), first = top >> (k + 1);
                const int last = min((top + SIDE) >> (k + 1), to.height);
                for (int row = first; row < last; row++) {
                    const float *a = lines.at(0, 0), *b = lines.at(1, 0);
                    int count = tile.width >> (k + 1);
                    if (k == 0) {
                        if (int next = 2 * row + AHEAD; next < tile.picture_height)
                            for (int i = 0; i < 2; i++)
                                prefetch(frame.read, frame.in, min(next + i, tile.picture_height - 1), tile.first,
                                         tile.last);
                        for (int i = 0; i < 2; i++)
                            read_luma(frame.read, frame.in, 2 * row + i, tile, spare, lines.at(i, 0));
                    } else {
                        const Layer &from = layers[k - 1];
                        a = from.at(2 * left, 2 * row), b = from.at(2 * left, min(2 * row + 1, from.height - 1));
                        // Beyond a layer's end lies what pad_edges() left there last time.
                        count = min(count, from.width / 2 - left);
                        if (left + count < to.width && tile.last == tile.picture_width) {
                            const int x = 2 * (left + count);
                            *to.at(left + count, row) =
                                0.5f * (*from.at(x, 2 * row) + *from.at(x, min(2 * row + 1, from.height - 1)));
                        }
                    }
                    halve(a, b, min(count, to.width - left), to.at(left, row));
                }
            }
        }
    }
}

// The edges of a layer repeat around it.
FN void pad_edges(const Layer &layer) {
    for (int row = 0; row < layer.height; row++) {
        float *line = layer.at(0, row);
        const float first = line[0], last = line[layer.width - 1];
        for (int x = -PAD; x < 0; x++) line[x] = first;
        for (int x = layer.width; x < layer.stride - PAD; x++) line[x] = last;
    }
    const size_t bytes = sizeof(float) * layer.stride;
    for (int i = 1; i <= PAD; i++) {
        memcpy(layer.at(-PAD, -i), layer.at(-PAD, 0), bytes);
        memcpy(layer.at(-PAD, layer.height - 1 + i), layer.at(-PAD, layer.height - 1), bytes);
    }
}

} // namespace rt
