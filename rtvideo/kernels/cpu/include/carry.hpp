// Carries the picture so far to where it is in the frame: tiles of samples, each with one displacement. Tiles in a row
// that move alike go together, as they do where the camera moves.
#pragma once
#include "motion.hpp"

#include "common/carry.h"

namespace rt {

constexpr int LONGEST = 256; // samples of tiles that go together

FN Vector motion_at(const MotionState &m, float x, float y) {
    return motion_at(m.vectors[0], m.wide[0], m.high[0], x, y);
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

constexpr int CARRIED_ROWS = CARRIED + TAPS - 1; // that a tile is made of

// The rows that tiles are made of, their samples side by side from the first that counts.
struct SourceRows {
    const uint16_t *at[CARRIED_ROWS];
    uint16_t spare[CARRIED_ROWS][LONGEST + TAPS + 2 * LANES]; // for rows that do not lie so, or go beyond an edge
};

FN void prefetch(const uint16_t *samples, int count) {
    constexpr int LINE_OF_CACHE = 64 / sizeof(uint16_t);
    for (int i = 0; i < count; i += LINE_OF_CACHE) __builtin_prefetch(samples + i);
}

// Rows first..last, `count` samples from (x, y) on; those at edges repeat.
FN void gather(const Samples &from, int x, int y, int count, int first, int last, SourceRows &to) {
    const int step = from.channel.step;
    const bool inside = step == 1 && x >= 0 && x + count <= from.width;
    for (int i = first; i < last; i++) {
        const uint16_t *const line = from.row(clamp(y + i, 0, from.height - 1));
        for (int j = 0; !inside && j < count; j++) to.spare[i][j] = line[clamp(x + j, 0, from.width - 1) * step];
        to.at[i] = inside ? line + x : to.spare[i]; // behind a row lies other memory of the picture, or is room
    }
}

FN vec tapped(const vec *seen, const float *taps) {
    vec sum = {};
    UNROLL for (int k = 0; k < TAPS; k++) sum += taps[k] * seen[k];
    return sum;
}

// Rows of tiles that move alike, between the rows that they are made of.
typedef float Between[CARRIED][LONGEST + TAPS + 2 * LANES];
ROW_FUNCTION between_rows(const SourceRows &from, int count, Shift down, Between &to) {
    float taps[TAPS];
    UNROLL for (int k = 0; k < TAPS; k++) taps[k] = tap_of(down.sixteenths, k);
    for (int x = 0; x < count; x += LANES) {
        if (!down.sixteenths) {
            UNROLL for (int i = 0; i < CARRIED; i++) store(to[i] + x, widened(from.at[TAPS_BEFORE + i] + x));
            continue;
        }
        vec seen[CARRIED_ROWS];
        UNROLL for (int i = 0; i < CARRIED_ROWS; i++) seen[i] = widened(from.at[i] + x);
        UNROLL for (int i = 0; i < CARRIED; i++) store(to[i] + x, tapped(seen + i, taps));
    }
}

// The same between columns, too: the first `rows` of them, from `left` on.
ROW_FUNCTION between_columns(const Between &from, int count, Shift across, const Samples &to, int left, int top,
                             int rows) {
    float taps[TAPS];
    UNROLL for (int k = 0; k < TAPS; k++) taps[k] = tap_of(across.sixteenths, k);
    const int step = to.channel.step;
    for (int row = 0; row < rows; row++) {
        uint16_t *const samples = to.row(top + row) + left * step;
        auto write = [&](int x, vec v) __attribute__((always_inline)) {
            v = clamp(v, 0, HIGHEST);
            if (step == 1 && x + LANES <= count) return narrowed(v, samples + x);
            uint16_t some[LANES];
            narrowed(v, some);
            if (step == 1) return (void)memcpy(samples + x, some, sizeof(uint16_t) * (count - x));
            for (int i = 0; i < min(count - x, LANES); i++) samples[(x + i) * step] = some[i];
        };
        if (!across.sixteenths) {
            for (int x = 0; x < count; x += LANES) write(x, load(from[row] + x + TAPS_BEFORE));
            continue;
        }
        for (int x = 0; x < count; x += LANES) {
            vec seen[TAPS];
            UNROLL for (int k = 0; k < TAPS; k++) seen[k] = load(from[row] + x + k);
            write(x, tapped(seen, taps));
        }
    }
}

// Samples left..right, top..bottom of a channel: tiles that move alike.
FN void carry_tiles(const Samples &from, const Samples &to, int left, int right, int top, int bottom, Shift across,
                    Shift down) {
    const int step = to.channel.step, count = right - left;
    const bool whole = !across.sixteenths && !down.sixteenths;
    const int first = down.sixteenths ? 0 : TAPS_BEFORE, last = first + CARRIED + (down.sixteenths ? TAPS - 1 : 0);
    // The tiles below mostly move alike.
    for (int i = 0; i < CARRIED; i++) {
        const int ahead = clamp(top + down.whole + last + i, 0, from.height - 1), x = max(left + across.whole, 0);
        prefetch(from.row(ahead) + x * step, min(count, from.width - x) * step);
        prefetch(to.row(min(bottom + i, to.height - 1)) + left * step, count * step);
    }
    SourceRows rows;
    gather(from, left + across.whole - TAPS_BEFORE, top + down.whole - TAPS_BEFORE, count + TAPS - 1, first, last, rows);
    if (whole && step == 1) {
        for (int row = top; row < bottom; row++)
            memcpy(to.row(row) + left, rows.at[TAPS_BEFORE + row - top] + TAPS_BEFORE, sizeof(uint16_t) * count);
        return;
    }
    Between between;
    between_rows(rows, count + TAPS - 1, down, between);
    between_columns(between, count, across, to, left, top, bottom - top);
}

// Ages of the cells left..right, top..bottom, none where the picture so far does not reach; `u` and `v` are cells.
FN void carry_ages(const TemporalState &state, int left, int right, int top, int bottom, int u, int v) {
    const int wide = state.cells_wide, from = clamp(-u, left, right), to = clamp(wide - u, from, right);
    for (int y = top; y < bottom; y++) {
        uint8_t *const ages = state.motion.age + (int64_t)y * wide;
        memset(ages + left, 0, right - left);
        if (y + v >= 0 && y + v < state.cells_high)
            memcpy(ages + from, state.age + (int64_t)(y + v) * wide + from + u, to - from);
    }
}

FN bool same(Shift a, Shift b) { return a.whole == b.whole && a.sixteenths == b.sixteenths; }
FN bool alike(const TileMotion &a, const TileMotion &b) {
    return same(a.across, b.across) && same(a.down, b.down) && a.u == b.u && a.v == b.v;
}

FN TileMotion motion_of_tile(const MotionState &m, const Channel &one, int x, int y) {
    return motion_of_tile(m.vectors[0], m.wide[0], m.high[0], one.x, one.y, x, y);
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
            const int low = min(y + CARRIED, height);
            TileMotion by = motion_of_tile(state.motion, one, tile.first >> one.x, y);
            for (int x = tile.first >> one.x, end; x < right; x = end) {
                const TileMotion now = by;
                for (end = x + CARRIED; end < right; end += CARRIED) {
                    by = motion_of_tile(state.motion, one, end, y);
                    if (!alike(by, now) || end - x == LONGEST) break;
                }
                for (int k = c; k < next; k++) {
                    const Channel each = channel(state.format, k);
                    const Samples from = {state.picture[state.now], each, width, height};
                    const Samples to = {state.motion.carried, each, width, height};
                    carry_tiles(from, to, x, min(end, width), y, low, now.across, now.down);
                }
                if (c == 0)
                    carry_ages(state, x / CELL, min(end / CELL, state.cells_wide), y / CELL,
                               min((y + CARRIED) / CELL, state.cells_high), now.u, now.v);
            }
        }
    }
}

} // namespace rt
