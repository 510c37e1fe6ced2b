"""CUDA sources run on the processor: a C++ compiler and `cuda_shim.hpp` stand in for the device."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.ruas import RUAS
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cuda import launch
from rtvideo.kernels.cuda.debanding import DebandingState
from rtvideo.kernels.cuda.driver import LEAST_SHARED
from rtvideo.kernels.cuda.emit import HEADERS, emit
from rtvideo.kernels.cuda.network import weights as weights_of
from rtvideo.kernels.cuda.source import CudaSource
from rtvideo.kernels.cuda.temporal_state import TemporalState
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import Format, PlanePointers, TimeConstants, float_format
from rtvideo.models.description import Description
from tests.helpers import networks

Image = np.ndarray[Any, Any]

KERNELS = HEADERS.parents[1]
SHIM = Path(__file__).with_name("cuda_shim.hpp")
_FLAGS = ("-std=c++17", "-O0", "-ffp-contract=off", "-fvisibility=hidden", "-w", "-x", "c++")


def compile_shim(
    source: str, target: Path, command: Sequence[str], *flags: str, kernels: Path = KERNELS
) -> None:
    """Build a program or library of a CUDA source on top of the shim, with the headers of ``kernels``."""
    flags = (*flags, f"-I{kernels}", f"-I{kernels / 'cuda/include'}")
    if "struct Matrices" in source:
        flags = (*flags, "-DMATRICES")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "kernels.cu"
        text.write_text(source)
        names = [f'-DKERNELS="{text}"', str(SHIM), "-o", str(target), "-lpthread"]
        done = subprocess.run(
            [*command, *_FLAGS, *flags, *names], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[:3000]


def crew_of(library: ctypes.CDLL) -> int:
    """Return with how many threads a block runs: one does the work of all, but for tensor cores a warp."""
    return 32 if hasattr(library, "size_of_matrices") else 1


def library_of(source: str, kernels: Path = KERNELS) -> Path:
    """Return a CUDA source as a library for the processor."""
    clang = next((one for one in build.compilers() if one.kind != "gcc"), None)
    if clang is None:
        pytest.skip("no clang to play a CUDA device with: pip install ziglang")
    name = hashlib.sha256(f"{kernels} {source}".encode()).hexdigest()[:16]
    target = Path(_folder().name) / f"{name}.so"
    if not target.exists():
        zig = ("-target", f"{platform.machine()}-linux-gnu.2.17", "-fno-sanitize=all", "-nostdlib++")
        flags = zig if clang.kind == "zig" else ()
        compile_shim(source, target, clang.command, "-shared", "-fPIC", *flags, kernels=kernels)
    return target


class Emulated:
    """A description's CUDA source, compiled for the processor, and its reference.

    Args:
        description: what is computed.
        denoise: with noise removal.
        half: cells in half precision.
        tensor_cores: and on tensor cores.
        temporal: looking at the frames before.
        deband: without bands near black.
        shared: bytes of shared memory of the device that is played.
        kernels: folder of the headers.
    """

    def __init__(
        self, description: Description, denoise: bool, half: bool, temporal: bool, shared: int,
        kernels: Path = KERNELS, deband: bool = False, tensor_cores: bool = False,
    ) -> None:  # fmt: skip
        weights = networks.weights(description)
        packed: frozenset[str] = frozenset()
        if half:  # what training makes of it: noise is small beside the image
            weights = {k: v * np.float32(0.2) if "noise.head" in k else v for k, v in weights.items()}
            packed = lower(description, weights, packed=True).packed
        program = lower(description, weights)
        self.source: CudaSource = emit(
            program, shared, denoise=denoise, temporal=temporal, deband=deband, packed=packed,
            tensor_cores=tensor_cores,
        )  # fmt: skip
        self.words = weights_of(program, packed, tensor_cores)
        self.program, self.denoise = program, denoise
        self.net = RUAS(description).double()
        self.net.load_state_dict({k: torch.from_numpy(np.array(v)).double() for k, v in weights.items()})
        self.library = ctypes.CDLL(str(library_of(self.source.text, kernels)))

    def planes(
        self, format: Format, planes: Sequence[Image], out: Sequence[Image], size: tuple[int, int],
        strength: float, denoise: float, band: int | None = None,
        time: TimeConstants | None = None, state: TemporalState | None = None,
        debanding: DebandingState | None = None, brightness: float = 0.0, dither: bool = False,
        only: str = "",
    ) -> None:  # fmt: skip
        """Do what the engine does for a frame of (width, height), whole or in bands of so many rows.

        ``only`` is a kernel that runs without the others.
        """
        width, height = size
        plan = launch.in_bands(self.source, *size, band) if band else launch.whole(self.source, *size)
        frame = launch.frame_type(len(self.source.buffers))()
        frame.format, frame.width, frame.height, frame.rows = format, width, height, plan.rows
        frame.strength, frame.denoise, frame.brightness = strength, denoise, brightness
        frame.dither = dither
        frame.input, frame.output = _planes(planes), _planes(out)
        if time is not None and state is not None:
            frame.time, frame.state = time, state
        if debanding is not None:
            frame.debanding = debanding
        lengths = launch.sizes(self.source, width, height, plan.rows)
        buffers = [np.full(n // 4, np.nan, np.float32) for n in lengths]
        for k, buffer in enumerate(buffers):
            frame.buffers[k] = buffer.ctypes.data
        self._fill("frame", bytes(frame))
        for name, words in self.words.items():
            self._fill(name, words)
        crew = crew_of(self.library)
        for call in plan.calls:
            if only not in ("", call.launch.name):
                continue
            kernel = getattr(self.library, call.launch.name)
            self.library.launch(
                kernel, call.across, call.down, call.launch.shared, crew, call.first, call.origin
            )

    def run(
        self, y: Image, strength: float, denoise: float, band: int | None = None, brightness: float = 0.0
    ) -> Image:
        """What the kernels make of (3, H, W) float32 RGB."""
        out = np.full_like(y, np.nan)
        size = y.shape[:0:-1]
        self.planes(float_format(), list(y), list(out), size, strength, denoise, band, brightness=brightness)
        return out

    def reference(self, y: Image, strength: float, denoise: float, brightness: float = 0.0) -> Image:
        """The same in double precision."""
        image = torch.from_numpy(y.astype(np.float64))[None]
        with torch.no_grad():
            if not self.denoise:
                return self.net.illumination(image, strength, brightness).u[0].numpy()
            return self.net(image, strength, denoise, brightness)[0].numpy()

    def _fill(self, symbol: str, content: bytes) -> None:
        size = ctypes.c_int.in_dll(self.library, f"size_of_{symbol}").value
        assert size == len(content), f"{symbol}: {size} bytes on the device, {len(content)} here"
        ctypes.memmove(ctypes.addressof(ctypes.c_char.in_dll(self.library, symbol)), content, size)


@functools.cache
def emulated(
    description: Description,
    *,
    denoise: bool = True,
    half: bool = False,
    tensor_cores: bool = False,
    temporal: bool = False,
    deband: bool = False,
    shared: int = LEAST_SHARED,
) -> Emulated:
    denoise = denoise and description.noise is not None
    half = half or tensor_cores
    return Emulated(description, denoise, half, temporal, shared, deband=deband, tensor_cores=tensor_cores)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rtvideo-cuda-")


def _planes(arrays: Sequence[Image]) -> PlanePointers:
    planes = PlanePointers()
    for k, array in enumerate(arrays):
        assert array.strides[1] == array.itemsize
        planes.data[k], planes.stride[k] = array.ctypes.data, array.strides[0]
    return planes
