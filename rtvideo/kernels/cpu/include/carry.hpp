// Carries the picture so far to where it is in the frame: tiles of samples, each with one displacement.
#pragma once
#include "motion.hpp"

#include "common/carry.h"

namespace rt {

constexpr int CARRIED = 8; // samples of a tile's side
typedef float tile_row __attribute__((vector_size(4 * CARRIED)));

// Of a place in the picture the motion in pixels: linear between the middles of blocks, where they agree.
FN Vector motion_at(const MotionState &m, float x, float y) {
    constexpr int SIDE = 2 * MOTION_BLOCK;
    const int wide = m.wide[0], high = m.high[0];
    const float u = clamp(x / SIDE - 0.5f, 0.0f, wide - 1.0f), v = clamp(y / SIDE - 0.5f, 0.0f, high - 1.0f);
    const int left = min((int)u, max(wide - 2, 0)), top = min((int)v, max(high - 2, 0));
    const Vector *a = m.vectors[0] + top * wide + left, *b = top + 1 < high ? a + wide : a;
    const int next = left + 1 < wide;
    const Vector nearest = (v - top < 0.5f ? a : b)[u - left < 0.5f ? 0 : next];
    bool agree = moves(nearest);
    const Vector around[4] = {a[0], a[next], b[0], b[next]};
    for (const Vector &one : around) agree &= max(abs(one.x - nearest.x), abs(one.y - nearest.y)) < AGREE;
    if (!agree) return 2.0f * nearest;
    const float across = u - left, down = v - top;
    const Vector upper = a[0] + across * (a[next] - a[0]), lower = b[0] + across * (b[next] - b[0]);
    return 2.0f * (upper + down * (lower - upper));
}

// Samples of a channel of the picture that is kept.
struct Samples {
    const Planes &planes;
    const Channel &channel;
    int width, height;

    METHOD uint16_t *row(int y) const {
        return (uint16_t *)(planes.data[channel.plane] + (int64_t)y * planes.stride[channel.plane]) + channel.offset;
    }
};

typedef int32_t tile_codes __attribute__((vector_size(4 * CARRIED)));
typedef uint16_t tile_samples __attribute__((vector_size(2 * CARRIED)));
constexpr int CARRIED_ROWS = CARRIED + TAPS - 1, BEFORE = TAPS / 2 - 1; // that a tile is made of; those before it

// The samples that a tile is made of, from (x, y) on, as floats; those at edges repeat.
typedef float Gathered[CARRIED_ROWS][2 * CARRIED];
FN void gather(const Samples &from, int x, int y, int first, int last, Gathered &to) {
    const int step = from.channel.step;
    const bool inside = step == 1 && x >= 0 && x + 2 * CARRIED <= from.width;
    for (int i = first; i < last; i++) {
        const uint16_t *line = from.row(clamp(y + i, 0, from.height - 1));
        uint16_t spare[2 * CARRIED];
        for (int j = 0; !inside && j < 2 * CARRIED; j++) spare[j] = line[clamp(x + j, 0, from.width - 1) * step];
        const uint16_t *const samples = inside ? line + x : spare;
    UNROLL for (int j = 0; j < 2 * CARRIED; j += CARRIED) {
            tile_samples v;
            memcpy(&v, samples + j, sizeof v);
            const tile_row row = __builtin_convertvector(v, tile_row);
            memcpy(to[i] + j, &row, sizeof row);
        }
    }
}

FN tile_row tile_at(const float *samples) {
    tile_row v;
    memcpy(&v, samples, sizeof v);
    return v;
}

// A tile as it is between samples; along a side where it is on them they stay what they are.
FN void interpolate(const Samples &from, int x, int y, Shift across, Shift down, tile_row (&out)[CARRIED]) {
    Gathered seen;
    tile_row between[CARRIED_ROWS];
    const int first = down.sixteenths ? 0 : BEFORE, last = first + CARRIED + (down.sixteenths ? TAPS - 1 : 0);
    gather(from, x + across.whole - BEFORE, y + down.whole - BEFORE, first, last, seen);
    float taps[2][TAPS];
    UNROLL for (int k = 0; k < TAPS; k++)
        taps[0][k] = tap_of(across.sixteenths, k), taps[1][k] = tap_of(down.sixteenths, k);
    for (int i = first; i < last; i++) {
        tile_row sum = {};
        if (!across.sixteenths) {
            sum = tile_at(seen[i] + BEFORE);
        } else {
            UNROLL for (int k = 0; k < TAPS; k++) sum += taps[0][k] * tile_at(seen[i] + k);
        }
        between[i] = sum;
    }
    UNROLL for (int i = 0; i < CARRIED; i++) {
        tile_row sum = {};
        if (!down.sixteenths) {
            sum = between[i + BEFORE];
        } else {
            UNROLL for (int k = 0; k < TAPS; k++) sum += taps[1][k] * between[i + k];
        }
        const tile_row none = {}, top = none + HIGHEST;
        sum = sum < none ? none : sum;
        out[i] = (sum > top ? top : sum) + 0.5f;
    }
}

// Samples columns..right, rows..bottom of a channel.
FN void carry_tile(const Samples &from, const Samples &to, int left, int top, Vector by) {
    const Shift across = shift_of(by.x), down = shift_of(by.y);
    const int right = min(left + CARRIED, to.width), bottom = min(top + CARRIED, to.height), step = to.channel.step;
    if (!across.sixteenths && !down.sixteenths) {
        const int x = left + across.whole;
        const bool inside = step == 1 && x >= 0 && x + right - left <= from.width;
        for (int row = top; row < bottom; row++) {
            const uint16_t *line = from.row(clamp(row + down.whole, 0, from.height - 1));
            uint16_t *target = to.row(row);
            if (inside) {
                memcpy(target + left, line + x, sizeof(uint16_t) * (right - left));
            } else {
                for (int i = left; i < right; i++) target[i * step] = line[clamp(i + across.whole, 0, from.width - 1) * step];
            }
        }
        return;
    }
    tile_row out[CARRIED];
    interpolate(from, left, top, across, down, out);
    for (int row = top; row < bottom; row++) {
        uint16_t *target = to.row(row);
        const tile_samples made = __builtin_convertvector(__builtin_convertvector(out[row - top], tile_codes), tile_samples);
        if (step == 1 && right - left == CARRIED) {
            memcpy(target + left, &made, sizeof made);
        } else {
            for (int i = left; i < right; i++) target[i * step] = made[i - left];
        }
    }
}

// Ages of the cells of a tile, none where the picture so far does not reach.
FN void carry_ages(const TemporalState &state, int left, int top, Vector by) {
    constexpr int SIDE = CARRIED / CELL;
    const int u = left + shift_of(by.x / CELL + 0.5f).whole, v = top + shift_of(by.y / CELL + 0.5f).whole;
    const int wide = state.cells_wide, right = min(left + SIDE, wide), bottom = min(top + SIDE, state.cells_high);
    const bool inside = u >= 0 && u + SIDE <= wide && left + SIDE <= wide;
    for (int y = top; y < bottom; y++) {
        const int row = y + v - top;
        const bool within = row >= 0 && row < state.cells_high;
        const uint8_t *from = state.age + (int64_t)row * wide + u;
        uint8_t *to = state.motion.age + (int64_t)y * wide + left;
        if (within && inside) {
            memcpy(to, from, SIDE);
        } else {
            for (int x = 0; x < right - left; x++) to[x] = within && u + x >= 0 && u + x < wide ? from[x] : 0;
        }
    }
}

// A strip of whole blocks. Channels of one size move alike.
static void carry(const Tile &tile, Frame &frame, Arena) {
    TemporalState &state = frame.state;
    const int count = channels(state.format);
    for (int c = 0, next; c < count; c = next) {
        const Channel one = channel(state.format, c);
        const int width = (tile.picture_width + one.x) >> one.x, height = (tile.picture_height + one.y) >> one.y;
        const int right = (tile.last + one.x) >> one.x, bottom = (tile.bottom + one.y) >> one.y;
        for (next = c + 1; next < count; next++)
            if (const Channel other = channel(state.format, next); other.x != one.x || other.y != one.y) break;
        for (int y = tile.top >> one.y; y < bottom; y += CARRIED) {
            for (int x = tile.first >> one.x; x < right; x += CARRIED) {
                const Vector by = motion_at(state.motion, (x + CARRIED / 2) << one.x, (y + CARRIED / 2) << one.y);
                for (int k = c; k < next; k++) {
                    const Channel now = channel(state.format, k);
                    const Samples from = {state.picture[state.now], now, width, height};
                    const Samples to = {state.motion.carried, now, width, height};
                    carry_tile(from, to, x, y, Vector{by.x / (1 << one.x), by.y / (1 << one.y)});
                }
                if (c == 0) carry_ages(state, x / CELL, y / CELL, by);
            }
        }
    }
}

} // namespace rt
