// The bands of lamps on the mains, found on the pyramid and divided out in strips.
#pragma once
#include "mains_state.hpp"
#include "pyramid.hpp"

namespace rt {

// What is above black of a layer, in log2.
FN void logs_of(const Layer &from, float none, float *to) {
    for (int y = 0; y < from.height; y++) {
        const float *line = from.at(0, y);
        float *out = to + (int64_t)y * from.width;
        int x = 0;
        for (; x + LANES <= from.width; x += LANES) store(out + x, log_above(load(line + x), none));
        for (; x < from.width; x++) out[x] = log_above(line[x], none);
    }
}

// How much of the wave the blocks of the layer have, learnt over frames.
FN void learn_shares(MainsState &m, const Layer &layer) {
    for (int by = 0; by < m.share.height; by++) {
        for (int bx = 0; bx < m.share.width; bx++) {
            const int right = min((bx + 1) * MAINS_BLOCK, layer.width),
                      bottom = min((by + 1) * MAINS_BLOCK, layer.height);
            float both = 0, wave = 0;
            for (int y = by * MAINS_BLOCK; y < bottom; y++) {
                float sum = 0;
                for (int x = bx * MAINS_BLOCK; x < right; x++)
                    sum += m.change[(int64_t)y * layer.width + x] - m.mains.wave.mean;
                both += sum / (right - bx * MAINS_BLOCK) * m.rows[y], wave += m.rows[y] * m.rows[y];
            }
            m.share.at(2, by)[bx] = learn_share(m.share.at(0, by)[bx], m.share.at(1, by)[bx], both, wave);
        }
    }
}

// Whether this frame has bands, and which.
static bool find_bands(MainsState &m, const Layer &layer, float none, bool at_rest) {
    const int64_t cells = (int64_t)layer.width * layer.height;
    Mains &mains = m.mains;
    if (!at_rest) {
        mains = Mains{};
        return false;
    }
    if (mains.seen == 0) {
        memset(m.share.data, 0, sizeof(float) * 3 * m.share.width * m.share.height);
        logs_of(layer, none, m.reference), mains = Mains{}, mains.seen = 1;
        return false;
    }
    logs_of(layer, none, m.change);
    for (int y = 0; y < layer.height; y++) {
        float *change = m.change + (int64_t)y * layer.width, sum = 0;
        const float *kept = m.reference + (int64_t)y * layer.width;
        for (int x = 0; x < layer.width; x++) sum += change[x] -= kept[x];
        m.rows[y] = sum / layer.width;
    }
    Wave best = {};
    for (int k = 0; FEWEST + k * CYCLE_STEP < MOST_CYCLES; k++) {
        const Wave wave = nearest_wave(m.rows, layer.height, FEWEST + k * CYCLE_STEP);
        if (wave.explained > best.explained) best = wave;
    }
    follow_bands(mains, best);
    const Turn step = turn_of_row(best.cycles, layer.height);
    Turn at = {1, 0};
    for (int y = 0; y < layer.height; y++, at = at * step) m.rows[y] = best.size.re * at.re + best.size.im * at.im;
    if (mains.agree) learn_shares(m, layer);
    const float rate = rate_of_light(mains.seen);
    for (int64_t i = 0; i < cells; i++) m.reference[i] += rate * (m.change[i] - best.mean);
    mains.seen++;
    return mains.bands;
}

// A strip of the frame without its bands.
static void divide_bands(const Tile &strip, Frame &frame, Arena arena) {
    Tile tile = strip;
    tile.width = (tile.last - tile.first + CELL - 1) / CELL * CELL; // no more: the next strip is being written
    const MainsState &m = frame.state.mains;
    const Format &f = frame.state.format;
    const float black = black_of(f);
    Rows<2> rows = arena.rows<2>(tile.width, 1);
    float *gain = rows.at(0, 0), *line = rows.at(1, 0);
    for (int top = tile.top; top < tile.bottom; top += CELL) {
        int y;
        const float wave = wave_at(m.rows, m.height, top + CELL / 2), down = between(top + CELL / 2, m.share.height, y);
        const float *above = m.share.at(2, y), *below = m.share.at(2, min(y + 1, m.share.height - 1));
        for (int i = 0; i < tile.width / CELL; i++) {
            int x;
            const float across = between(tile.left + CELL * i + CELL / 2, m.share.width, x);
            const int next = min(x + 1, m.share.width - 1);
            const float share = lerp(lerp(above[x], above[next], across), lerp(below[x], below[next], across), down);
            gain[i] = without_band(share, wave);
        }
        for (int c = 0; c < channels(f); c++) {
            const Channel one = channel(f, c);
            const float none = c == 0 || is_rgb(f) ? zero_of_light(black) : f.chroma_zero * f.code;
            const int left = tile.left >> one.x, count = tile.width >> one.x;
            const int width = (tile.picture_width + one.x) >> one.x, height = (tile.picture_height + one.y) >> one.y;
            for (int row = top >> one.y; row < min((top + CELL) >> one.y, height); row++) {
                read_codes(frame.read, frame.in, one, row, width, height, left, count, line);
                for (int x = 0; x < count; x++) line[x] = UNIT * scaled(line[x], none, gain[x >> (1 - one.x)]);
                write_codes(frame.state, m.picture, one, row, left, tile.first >> one.x, (tile.last + one.x) >> one.x,
                            line);
            }
        }
    }
}

} // namespace rt
