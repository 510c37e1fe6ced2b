"""What `benchmarks/fps.py` lets run against each other: engines on networks, and filters that use none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.speed.turns import Frame
from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from rtvideo import models
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.cpu import isa
from rtvideo.models import Model
from rtvideo.models.description import Description, Illumination, Noise
from rtvideo.models.shapes import multiply_adds, shapes

#: As ``--engines`` takes them, with the packages that each needs.
ENGINES: dict[str, tuple[str, ...]] = {
    "fused": (),
    "onnx": ("onnxruntime",),
    "torch": ("torch", "safetensors"),
    "openvino": ("openvino",),
    "filters": ("cv2",),
    "temporal": (),
}

#: What the paper's network needs besides: its random weights are written as files.
PAPER_NEEDS = ("safetensors", "onnx")

#: The paper's own network: three stages at full size, and noise removal.
PAPER = Description(
    name="paper",
    illumination=Illumination(genotype=AUTHORS_IEM, t_min=0.05),
    noise=Noise(genotype=AUTHORS_NRM),
)

#: Width, height, threads -> what does one frame.
Opener = Callable[[int, int, int], Frame]


@dataclass(frozen=True)
class Contestant:
    """A way to work on a frame.

    Attributes:
        network: what is computed; rows of one network can be compared. Empty for filters.
        engine: what computes it.
        multiply_adds: a pixel; 0 where that says nothing.
        open: gets it ready for a size of frames.
    """

    network: str
    engine: str
    multiply_adds: float
    open: Opener


def missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed."""
    return [name for name in packages if find_spec(name) is None]


def contestants(
    folder: Path, engines: Sequence[str], peers: Sequence[tuple[str, Path]] = ()
) -> Iterator[Contestant]:
    """Yield those of the engines asked for whose packages are here.

    Args:
        folder: where the paper's network, with random weights, is written.
        engines: of `ENGINES`.
        peers: name and ONNX file (RGB 0..1, NCHW, in and out).
    """
    engines = [name for name in engines if not missing(ENGINES[name])]
    networks = [models.find("night")]
    if not missing(PAPER_NEEDS):
        networks.append(paper(folder))
    for model in networks:
        assert model.description is not None
        light, noise = multiply_adds(model.description)
        for denoise in (False, True):
            name = f"{model.name}, IEM+NRM" if denoise else f"{model.name}, IEM"
            yield from _of_network(model, name, light + denoise * noise, engines, denoise=denoise)
    if "filters" in engines:
        yield from _filters()
    for name, path in peers:
        yield Contestant(name, "onnxruntime", 0, _onnxruntime(path))


def paper(folder: Path) -> Model:
    """Write the paper's network, with random weights whose illumination follows the picture."""
    from safetensors.numpy import save_file

    from export.onnx.network import build

    rng = np.random.default_rng(0)
    weights = {k: rng.normal(0, 0.12, s).astype(np.float32) for k, s in shapes(PAPER).items()}
    networks = {}
    for denoise in (False, True):
        networks["iem+nrm" if denoise else "iem"] = path = folder / f"paper.{denoise}.onnx"
        path.write_bytes(build(PAPER, weights, denoise=denoise).SerializeToString())
    save_file(weights, folder / "paper.safetensors")
    return Model("paper", PAPER, networks=networks, weights=folder / "paper.safetensors")


def picture(width: int, height: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return a dark RGB frame (height, width, 3) with a few bright places; the seed draws its grain."""
    coarse = np.random.default_rng(0).random((9, 16, 3), np.float32) ** 4 * 200
    scene = coarse[np.arange(height) * 9 // height][:, np.arange(width) * 16 // width]
    grain = np.random.default_rng(seed).random((height, width, 3), np.float32) * 12
    return (scene + grain).clip(0, 255).astype(np.uint8)


def dark_planes(geometry: Geometry, seed: int = 0) -> list[Plane]:
    """Return a dark 8-bit 4:2:0 frame: `picture` in grey."""
    planes: list[Plane] = [np.full(shape, 128, np.uint8) for shape in geometry.shapes()]
    planes[0][:] = picture(geometry.width, geometry.height, seed)[..., 1]
    return planes


def video(width: int, height: int) -> Geometry:
    """Return the geometry of 8-bit 4:2:0 video."""
    return Geometry(width, height, "yuv", 8, Coding(Matrix.BT709, full_range=False))


def _of_network(
    model: Model, name: str, cost: float, engines: Sequence[str], *, denoise: bool
) -> Iterator[Contestant]:
    if "onnx" in engines:
        yield Contestant(name, "onnxruntime", cost, _onnxruntime(model.network(denoise=denoise)))
    if "openvino" in engines:
        yield Contestant(name, "openvino", cost, _openvino(model.network(denoise=denoise)))
    if "torch" in engines:
        yield Contestant(name, "torch", cost, _torch(model, denoise))
    if FusedSession.unsupported_reason(model) is None:
        for instructions in _best():
            if "fused" in engines:
                yield Contestant(name, f"fused {instructions}", cost, _fused(model, instructions, denoise))
            if "temporal" in engines:
                over_time = _fused(model, instructions, denoise, temporal=1.0)
                yield Contestant(name, f"fused {instructions}, over time", cost, over_time)


def _filters() -> Iterator[Contestant]:
    import cv2

    from benchmarks.methods.baselines import GAIN, clahe

    table = np.minimum(np.arange(256) * GAIN, 255).astype(np.uint8)
    yield Contestant("", "CLAHE on L of LAB", 0, _filtered(clahe))
    yield Contestant("", f"fixed gain {GAIN:g}, cv2.LUT", 0, _filtered(lambda image: cv2.LUT(image, table)))


def _fused(model: Model, instructions: str, denoise: bool, temporal: float = 0.0) -> Opener:
    """8-bit 4:2:0 planes in and out, colour conversion included; the frames of a camera that stands still."""

    def open(width: int, height: int, threads: int) -> Frame:
        geometry = video(width, height)
        settings = Settings(denoise=float(denoise), temporal=temporal)
        session = FusedSession(model, geometry, settings, threads=threads, instructions=instructions)
        film = itertools.cycle([dark_planes(geometry, seed) for seed in range(8 if temporal else 1)])
        out, number = geometry.empty(), itertools.count()

        def frame() -> None:
            session.submit(next(film), out, next(number) / 30)
            session.receive()

        return frame

    return open


def _onnxruntime(path: Path) -> Opener:
    """Float RGB in and out: no colour conversion, nothing but the network."""

    def open(width: int, height: int, threads: int) -> Frame:
        from benchmarks.methods.onnx import nchw, open_network

        session = open_network(path, threads)
        feeds = {session.get_inputs()[0].name: nchw(picture(width, height))}
        return lambda: session.run(None, feeds)

    return open


def _openvino(path: Path) -> Opener:
    """As `_onnxruntime`."""

    def open(width: int, height: int, threads: int) -> Frame:
        import openvino as ov  # type: ignore[import-not-found]

        from benchmarks.methods.onnx import nchw

        core = ov.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
        compiled = core.compile_model(core.read_model(path), "CPU")
        data = nchw(picture(width, height))
        return lambda: compiled({0: data})

    return open


def _torch(model: Model, denoise: bool) -> Opener:
    """As `_onnxruntime`."""

    def open(width: int, height: int, threads: int) -> Frame:
        import torch
        from safetensors.torch import load_file

        from benchmarks.methods.onnx import nchw
        from model.ruas import RUAS

        assert model.description is not None and model.weights is not None
        torch.set_num_threads(threads)
        net = RUAS(model.description).eval()
        net.load_state_dict(load_file(model.weights))
        image = torch.from_numpy(nchw(picture(width, height)))

        def frame() -> None:
            with torch.inference_mode():
                if denoise:
                    net(image)
                else:
                    net.illumination(image)

        return frame

    return open


def _filtered(method: Callable[[Any], object]) -> Opener:
    """8-bit packed RGB in and out."""

    def open(width: int, height: int, threads: int) -> Frame:
        import cv2

        cv2.setNumThreads(threads)
        image = picture(width, height)
        return lambda: method(image)

    return open


def _best() -> list[str]:
    """Return the best instruction set here, and the best with bf16 if that is another one."""
    usable = isa.usable()
    best = [next(one.name for one in usable if not one.packed_dtype)]
    return best + [one.name for one in usable if one.packed_dtype][:1]
