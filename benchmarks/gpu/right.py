"""Whether a device computes right: every kind of kernels of a model against the engine for processors."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.gpu.rows import RowFile
from benchmarks.gpu.sources import sized
from rtvideo import models
from rtvideo.cpus import usable_cpus
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.gpu.self_check import still_scene, turning_scene
from rtvideo.engines.session import Session, Settings
from rtvideo.frame import Geometry, Planes

#: A few tiles, an odd size, and whole tiles.
SIZES = (150, 90), (1283, 717), (1920, 1080)

#: Noise removal, over time and without bands, numbers. One model is tried over time and on tensor cores.
CASES = (0, 0, "f32"), (1, 0, "f32"), (1, 0, "f16"), (0, 1, "f32"), (1, 1, "f32"), (1, 0, "tensor")
OVER_TIME = "night"

#: Codes that a sample may be off, since light makes several of one, and the share off by more than 1.
MOST, SHARE = 3, 1e-3

#: The same where the camera turns: a block may choose the other of two motions that are as good.
MOST_TURNING, SHARE_TURNING = 40, 2e-2


def check(
    name: str, rows: RowFile, device_index: int = 0, sizes: tuple[tuple[int, int], ...] = SIZES
) -> bool:
    """Take a row for each case of a model, and return whether all are right."""
    right = True
    for width, height in sizes:
        geometry = sized(width, height)
        for denoise, temporal, numbers in CASES:
            if (temporal or numbers == "tensor") and name != OVER_TIME:
                continue
            settings = Settings(0.8, denoise, temporal, temporal)
            what = f"{name} {width}x{height}{', NRM' if denoise else ''}{', over time' if temporal else ''}"
            what += f", {numbers}" if numbers != "f32" else ""
            for turns in (False, True)[: 1 + temporal]:
                of = what + (", turning" if turns else "")
                most, least = (MOST_TURNING, SHARE_TURNING) if turns else (MOST, SHARE)
                began = time.perf_counter()
                ok = False
                with rows.guarded(of):
                    frames = (turning_scene if turns else still_scene)(geometry)
                    worst, share = apart(name, frames, geometry, settings, numbers, device_index)
                    ok = worst <= most and share < least
                    row = {"row": of, "right": ok, "worst_code": worst, "share_off": share}
                    seconds, word = time.perf_counter() - began, "right" if ok else "WRONG"
                    rows.add(row, f"{word}: {of}: {worst} codes, {share:.1e}, {seconds:.1f} s")
                right &= ok
    return right


def apart(
    name: str,
    frames: Sequence[Planes],
    geometry: Geometry,
    settings: Settings,
    numbers: str,
    device_index: int,
) -> tuple[int, float]:
    """Return by how many codes device and processor differ at most, and the share off by more than 1."""
    model = models.find(name)
    device = CudaSession(model, geometry, settings, device_index=device_index, numbers=numbers)
    try:
        processor = FusedSession(model, geometry, settings, threads=usable_cpus())
        worst, share = 0, 0.0
        for number, frame in enumerate(frames):
            made, wanted = (_enhanced(one, frame, geometry, number / 30) for one in (device, processor))
            for a, b in zip(made, wanted, strict=True):
                off = np.abs(a.astype(int) - b)
                worst, share = max(worst, int(off.max())), max(share, float((off > 1).mean()))
        processor.close()
    finally:
        device.close()
    return worst, share


def _enhanced(session: Session, frame: Planes, geometry: Geometry, seconds: float) -> Planes:
    out = geometry.empty()
    for plane in out:
        plane[...] = 77  # that nothing is right by chance
    session.submit(frame, out, seconds)
    session.flush()
    session.receive()
    return out
