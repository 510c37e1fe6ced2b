"""Whether bf16 kernels are good enough for a network: its own weights, on dark, lit and random frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from export.parity import Array, Case, dark_frame
from model.ruas import RUAS
from rtvideo.errors import UnavailableError
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.library import CpuNetwork, Library
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import float_format
from rtvideo.models.description import Description
from rtvideo.sample.clip import render_frame

#: What is good enough: at most so many codes of 255 off at any sample, and at least so many decibels a frame.
CODES, DECIBELS = 2.0, 55.0

#: (width, height) of the frames.
SIZE = (320, 180)


@dataclass(frozen=True)
class Accuracy:
    """The largest difference from float64 in codes of 255; the lowest PSNR of a frame in dB, and of which."""

    codes: float
    decibels: float
    case: str

    @property
    def good(self) -> bool:
        """Whether a card may say ``"bf16": true``. NaN may not."""
        return self.codes <= CODES and self.decibels >= DECIBELS


def measure(net: RUAS, weights: Mapping[str, Array]) -> Accuracy | None:
    """Compare the bf16 kernel with ``net`` in float64.

    Returns:
        None where nothing can be said: the network has no cells that would run in bf16, or this machine has
        no such instructions or no compiler.
    """
    kernel = _kernel(net.description, weights)
    if kernel is None:
        return None
    library, data = kernel
    reference = RUAS(net.description).double().eval()
    reference.load_state_dict(net.state_dict())
    codes, decibels, lowest = 0.0, float("inf"), ""
    for case in cases(net.description):
        with torch.inference_mode():
            trace = reference.trace(torch.from_numpy(case.image).double(), case.strength, case.denoise)
        wanted = (trace.image if case.denoise else trace.u)[0].numpy()
        error = 255 * np.abs(run(library, data, case) - wanted)
        # Written so that NaN counts as worst.
        codes = codes if error.max() <= codes else float(error.max())
        found = float(20 * np.log10(255 / max(np.sqrt(np.square(error).mean()), 1e-9)))
        if not found >= decibels:
            decibels, lowest = found, case.name
    return Accuracy(round(codes, 3), round(decibels, 2), lowest)


def cases(description: Description) -> Iterator[Case]:
    """Yield the frames, always the same ones."""
    rng = np.random.default_rng(0)
    frames: dict[str, Array] = {}
    for number in (0, 75):
        for name, image in zip(("night", "lit"), render_frame(number, size=SIZE), strict=True):
            frames[f"{name} {number}"] = _nchw(image)
    width, height = SIZE
    frames["synthetic"] = dark_frame(rng, height, width)
    frames["dim random"] = _nchw(rng.integers(0, 40, (height, width, 3), dtype=np.uint8))
    frames["random"] = _nchw(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    for name, frame in frames.items():
        for denoise in (0.0, 1.0) if description.noise else (0.0,):
            for strength in (1.0, 0.5):
                yield Case(f"{name}, strength {strength:g}, denoise {denoise:g}", frame, strength, denoise)


def run(library: Library, data: Array, case: Case) -> Array:
    """Return what a kernel makes of a case: (3, H, W)."""
    _, _, height, width = case.image.shape
    network = CpuNetwork(library, data, width, height, float_format(), threads=1)
    out: Array = np.full((3, height, width), np.nan, np.float32)
    network.run(list(case.image[0]), list(out), case.strength, case.denoise)
    network.close()
    return out


def _kernel(description: Description, weights: Mapping[str, Array]) -> tuple[Library, Array] | None:
    half = [one for one in isa.usable() if one.packed_dtype]
    program = lower(description, weights, packed=True)
    if not half or not program.packed:
        return None
    try:
        return Library(build.library(emit(program), half[0])), program.data()
    except UnavailableError:
        return None


def _nchw(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Array:
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
