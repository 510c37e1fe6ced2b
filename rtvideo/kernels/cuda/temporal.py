"""The temporal kernels: in front of the network, and between its grid and the picture.

All of them are launched for every frame, so that one graph serves all: whether the exposure changed, or the
scene, is decided on the device.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtvideo.kernels.cuda.source import SIDE, THREADS, Launch, function, grid

HEADERS = (
    "pyramid.cuh", "mains.cuh", "motion.cuh", "carry.cuh", "exposure_compensation.cuh", "light_smoothing.cuh",
    "temporal_filter.cuh",
)  # fmt: skip

# As in common/temporal_state.h and scene_statistics.cuh.
CELL, PATCH = 2, 8
_AROUND = 2  # cells around a region that the filter looks at
_MEASURED, _LEVELS, _CHUNKS = 256, 10, 40
_REGION = 64, 32
_ANY_WIDTH = 1 << 16  # whole rows

# As in common/motion.h, carry.h and mains.h, motion.cuh, carry.cuh and mains.cuh.
PYRAMID, MOTION_BLOCK = 4, 8
MAINS_LEVEL, MAINS_BLOCK = 2, 8
_BAND_ROWS, _BANDS_BYTES = 8, 2 << 10
_TEAMS_WIDE, _TEAMS_BYTES = 4, 26 << 10
_CARRIED, _TAPS = 8, 6


def picture_kernels() -> Iterator[tuple[Launch, str]]:
    """Yield the kernels that make the picture so far, which the network then reads."""
    yield from _motion_kernels()
    width, height = _REGION
    cells = (width // CELL + 2 * _AROUND) * (height // CELL + 2 * _AROUND)
    measure = Launch("measure_frame", 0, _MEASURED, 2 * PATCH, 4 * 3 * _MEASURED)
    yield measure, function("measure_frame", ["measure_patches(memory);"])
    estimate = Launch("estimate_frame", -1, 1, 1, 4 * (_LEVELS * (6 + _CHUNKS) + 3))
    yield estimate, function("estimate_frame", ["estimate_scene(memory);"])
    yield Launch("compensate_picture", 0, width, height, 0), function("compensate_picture", ["compensate();"])
    filtered = Launch("filter_picture", 0, width, height, 4 * ((CELL**2 + 3) * cells + 1))
    yield filtered, function("filter_picture", ["filter(memory);"])


def _motion_kernels() -> Iterator[tuple[Launch, str]]:
    """Yield the kernels that take bands out of the frame and carry the picture so far to where it is now."""
    width, height = _REGION
    samples = sum(width * height >> 2 * (level + 1) for level in range(PYRAMID))
    pyramids = function("build_pyramids", ["build_pyramids(memory);"])
    yield Launch("build_pyramids", 0, width, height, 4 * 2 * samples), pyramids
    rows = _BAND_ROWS << MAINS_LEVEL + 1
    found = Launch("find_bands", 0, _ANY_WIDTH, rows, _BANDS_BYTES)
    yield found, function("find_bands", ["find_bands(memory);"])
    yield Launch("divide_bands", 0, width, height, 0), function("divide_bands", ["divide_bands();"])

    def of_blocks(name: str, level: int, call: str) -> tuple[Launch, str]:
        side = _TEAMS_WIDE * (MOTION_BLOCK * 2 << level)
        return Launch(name, 0, side, side, _TEAMS_BYTES), function(name, [call])

    for level in reversed(range(PYRAMID)):
        yield of_blocks(f"measure_motion_{level}", level, f"measure_motion(memory, {level});")
    yield of_blocks("choose_motion", 0, "choose_motion(memory);")
    tiles = (width // _CARRIED) * (height // _CARRIED)
    between = (_CARRIED + _TAPS - 1) * _CARRIED
    carried = Launch("carry_picture", 0, width, height, 4 * tiles * (4 + 2 * _TAPS + between))
    yield carried, function("carry_picture", ["carry(memory);"])


def light_kernels(scale: int, groups: int, light: str, exposure: str) -> Iterator[tuple[Launch, str]]:
    """Yield the kernels that make the light that is shown of that of the frame.

    Args:
        scale: of the last stage, which leaves log2 t in the buffer ``now``; ``changed`` has room for a number
            for each block.
        groups: channels of light.
        light, exposure: what is written there, in the source's words.
    """
    now, changed = grid(scale, "now"), "frame.buffers[CHANGED]"
    follow = f"follow<{groups}>(memory, {now}, {grid(scale, 'light')}, {changed});"
    yield Launch("follow_light", scale, SIDE, SIDE, 4 * THREADS), function("follow_light", [follow])
    wide, high = f"grid_width({scale})", f"grid_height({scale})"
    parts = f"(({wide} + {SIDE - 1}) / {SIDE}) * (({high} + {SIDE - 1}) / {SIDE})"
    whole = f"follow_whole(memory, {changed}, {parts}, {groups} * {wide} * {high}, {exposure});"
    yield Launch("follow_exposure", -1, 1, 1, 4 * THREADS), function("follow_exposure", [whole])
    keep = f"keep_light({light});"
    yield Launch("keep_shown_light", scale, SIDE, SIDE, 0), function("keep_shown_light", [keep])
