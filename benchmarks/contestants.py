"""What `benchmarks/fps.py` lets run against each other: engines on networks, and filters that use none."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.baselines import GAIN, clahe
from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from rtvideo import models
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels.cpu import isa
from rtvideo.models import Model
from rtvideo.models.description import Description, Illumination, Noise
from rtvideo.models.onnx import runtime
from rtvideo.models.shapes import multiply_adds, shapes

Frame = Callable[[], object]

#: The paper's own network: three stages at full size, and noise removal.
PAPER = Description(
    name="paper",
    illumination=Illumination(genotype=AUTHORS_IEM, t_min=0.05),
    noise=Noise(genotype=AUTHORS_NRM),
)


@dataclass(frozen=True)
class Contestant:
    """A way to work on a frame.

    Attributes:
        network: what is computed; rows of one network can be compared. Empty for filters.
        engine: what computes it.
        multiply_adds: a pixel; 0 where that says nothing.
        open: width, height, threads -> a function that does one frame.
    """

    network: str
    engine: str
    multiply_adds: float
    open: Callable[[int, int, int], Frame]


def contestants(folder: Path, engines: Sequence[str], peers: Sequence[str] = ()) -> Iterator[Contestant]:
    """Yield those of the engines asked for that are here.

    Args:
        folder: where the paper's network, with random weights, is written.
        engines: of fused, onnx, torch, openvino and filters.
        peers: NAME=FILE.onnx (RGB 0..1, NCHW, in and out).

    Raises:
        UsageError: a peer is not written so.
    """
    for model in (models.find("night"), paper(folder)):
        assert model.description is not None
        light, noise = multiply_adds(model.description)
        for denoise in (False, True):
            name = f"{model.name}, IEM+NRM" if denoise else f"{model.name}, IEM"
            cost = light + denoise * noise
            if "onnx" in engines:
                yield Contestant(name, "onnxruntime", cost, bare_onnx(model.network(denoise=denoise)))
            if "openvino" in engines and importlib.util.find_spec("openvino"):
                yield Contestant(name, "openvino", cost, openvino(model.network(denoise=denoise)))
            if "torch" in engines and importlib.util.find_spec("torch"):
                yield Contestant(name, "torch", cost, torch_eager(model, denoise))
            if "fused" in engines and FusedSession.unsupported_reason(model) is None:
                for one in _best():
                    yield Contestant(name, f"fused {one}", cost, fused(model, one, denoise))
    if "filters" in engines:
        yield Contestant("", "CLAHE on L of LAB", 0, filtered(clahe))
        table = np.minimum(np.arange(256) * GAIN, 255).astype(np.uint8)
        yield Contestant(
            "", f"fixed gain {GAIN:g}, cv2.LUT", 0, filtered(lambda image: cv2.LUT(image, table))
        )
    for peer in peers:
        name, _, file = peer.partition("=")
        if not name or not file:
            raise UsageError(f"--peer {peer!r}: must be NAME=FILE.onnx")
        yield Contestant(name, "onnxruntime", 0, bare_onnx(Path(file)))


def paper(folder: Path) -> Model:
    """Write the paper's network, with random weights whose illumination follows the picture."""
    from safetensors.numpy import save_file

    from export.onnx_graph import build

    rng = np.random.default_rng(0)
    weights = {k: rng.normal(0, 0.12, s).astype(np.float32) for k, s in shapes(PAPER).items()}
    networks = {}
    for denoise in (False, True):
        networks["iem+nrm" if denoise else "iem"] = path = folder / f"paper.{denoise}.onnx"
        path.write_bytes(build(PAPER, weights, denoise=denoise).SerializeToString())
    save_file(weights, folder / "paper.safetensors")
    return Model("paper", PAPER, networks=networks, weights=folder / "paper.safetensors")


def picture(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a dark RGB frame (height, width, 3) with grain and a few bright places."""
    rng = np.random.default_rng(0)
    coarse = rng.random((9, 16, 3), np.float32) ** 4 * 200
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return (smooth + rng.random((height, width, 3), np.float32) * 12).clip(0, 255).astype(np.uint8)


def fused(model: Model, instructions: str, denoise: bool) -> Callable[[int, int, int], Frame]:
    """8-bit 4:2:0 planes in and out, colour conversion included."""

    def open(width: int, height: int, threads: int) -> Frame:
        geometry = Geometry(width, height, "yuv", 8, Coding(Matrix.BT709, full_range=False))
        session = FusedSession(
            model, geometry, Settings(denoise=float(denoise)), threads=threads, instructions=instructions
        )
        planes = [np.full(shape, 128, np.uint8) for shape in geometry.shapes()]
        planes[0][:] = picture(width, height)[..., 1]
        out = geometry.empty()

        def frame() -> None:
            session.submit(planes, out)
            session.receive()

        return frame

    return open


def bare_onnx(path: Path) -> Callable[[int, int, int], Frame]:
    """Float RGB in and out: no colour conversion, nothing but the network."""

    def open(width: int, height: int, threads: int) -> Frame:
        options = runtime().SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads may wait busily inside a run, as by default, but not into the next contestant's time.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            session = runtime().InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise UnavailableError(f"{path}: cannot be opened: {str(error).splitlines()[0]}") from None
        feeds = {session.get_inputs()[0].name: _nchw(width, height)}
        return lambda: session.run(None, feeds)

    return open


def openvino(path: Path) -> Callable[[int, int, int], Frame]:
    """As `bare_onnx`."""

    def open(width: int, height: int, threads: int) -> Frame:
        import openvino as ov  # type: ignore[import-not-found]

        core = ov.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
        compiled = core.compile_model(core.read_model(path), "CPU")
        data = _nchw(width, height)
        return lambda: compiled({0: data})

    return open


def torch_eager(model: Model, denoise: bool) -> Callable[[int, int, int], Frame]:
    """As `bare_onnx`."""

    def open(width: int, height: int, threads: int) -> Frame:
        import torch

        from model.ruas import RUAS

        assert model.description is not None and model.weights is not None
        from safetensors.torch import load_file

        torch.set_num_threads(threads)
        net = RUAS(model.description).eval()
        net.load_state_dict(load_file(model.weights))
        image = torch.from_numpy(_nchw(width, height))

        def frame() -> None:
            with torch.inference_mode():
                if denoise:
                    net(image)
                else:
                    net.illumination(image)

        return frame

    return open


def filtered(method: Callable[[Any], object]) -> Callable[[int, int, int], Frame]:
    """8-bit packed RGB in and out."""

    def open(width: int, height: int, threads: int) -> Frame:
        cv2.setNumThreads(threads)
        image = picture(width, height)
        return lambda: method(image)

    return open


def _nchw(width: int, height: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.ascontiguousarray(picture(width, height).transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def _best() -> list[str]:
    """Return the best instruction set here, and the best with bf16 if that is another one."""
    usable = isa.usable()
    best = [next(one.name for one in usable if not one.half)]
    return best + [one.name for one in usable if one.half][:1]
