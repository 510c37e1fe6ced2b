"""The temporal kernels: in front of the network, and between its grid and the picture.

All of them are launched for every frame, so that one graph serves all: whether the exposure changed, or the
scene, is decided on the device.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtvideo.kernels.cuda.source import SIDE, THREADS, Launch, function, grid

HEADERS = ("exposure_compensation.cuh", "light_smoothing.cuh", "temporal_filter.cuh")

# As in common/temporal_state.h and scene_statistics.cuh.
CELL, PATCH = 2, 8
_AROUND = 2  # cells around a region that the filter looks at
_MEASURED, _LEVELS, _CHUNKS = 256, 10, 40
_REGION = 64, 32


def picture_kernels() -> Iterator[tuple[Launch, str]]:
    """Yield the kernels that make the picture so far, which the network then reads."""
    width, height = _REGION
    cells = (width // CELL + 2 * _AROUND) * (height // CELL + 2 * _AROUND)
    measure = Launch("measure_frame", 0, _MEASURED, 2 * PATCH, 4 * 3 * _MEASURED)
    yield measure, function("measure_frame", ["measure_patches(memory);"])
    estimate = Launch("estimate_frame", -1, 1, 1, 4 * (_LEVELS * (6 + _CHUNKS) + 3))
    yield estimate, function("estimate_frame", ["estimate_scene(memory);"])
    yield Launch("compensate_picture", 0, width, height, 0), function("compensate_picture", ["compensate();"])
    filtered = Launch("filter_picture", 0, width, height, 4 * ((CELL**2 + 3) * cells + 1))
    yield filtered, function("filter_picture", ["filter(memory);"])


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
