"""What the CUDA kernels are held against: PyTorch from NV12 to NV12 on the device, and float64 for the truth.

Every peer does what the kernels do, conversion included, as one CUDA graph on one stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.ruas import RUAS
from rtvideo.colour import LUMA_WEIGHTS, levels
from rtvideo.frame import Geometry, Plane
from rtvideo.kernels import weights
from rtvideo.models import Model

Convert = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def network(model: Model, kind: torch.dtype) -> RUAS:
    """Return a model's network on the GPU."""
    assert model.description is not None and model.weights is not None
    net = RUAS(model.description)
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.read(model.weights).items()})
    return net.to("cuda", kind).eval()


def nv12_to_nv12(net: RUAS, geometry: Geometry, denoise: bool, kind: torch.dtype) -> Convert:
    """Return what makes luma and chroma of luma and chroma, uint8 (h, w) and (h / 2, w); even sizes alone."""
    lv = levels(geometry.coding, 8)
    kr, kb = LUMA_WEIGHTS[geometry.coding.matrix]
    kg = 1 - kr - kb

    def run(luma: Tensor, chroma: Tensor) -> tuple[Tensor, Tensor]:
        y = (luma.to(kind) - lv.black) / lv.luma_scale
        halves = (chroma.to(kind).view(chroma.shape[0], -1, 2) - lv.zero) / lv.chroma_scale
        cb, cr = (c.repeat_interleave(2, 0).repeat_interleave(2, 1) for c in halves.unbind(2))
        red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
        rgb = torch.stack((red, (y - kr * red - kb * blue) / kg, blue)).clamp(0, 1)[None]
        lit = net(rgb) if denoise else net.illumination(rgb).u
        r, g, b = lit[0].unbind(0)
        y = kr * r + kg * g + kb * b
        chromas = []
        for colour, weight in ((b, kb), (r, kr)):
            full = (colour - y) / (2 * (1 - weight))
            chromas.append(torch.nn.functional.avg_pool2d(full[None, None], 2)[0, 0])
        codes = torch.stack(chromas, 2).flatten(1) * lv.chroma_scale + lv.zero
        low, high = (0, 255) if geometry.coding.full_range else (16, 235)
        luma_codes = (y * lv.luma_scale + lv.black + 0.5).clamp(low, high).to(torch.uint8)
        return luma_codes, (codes + 0.5).clamp(low, high + (0 if high == 255 else 5)).to(torch.uint8)

    return run


def truth(model: Model, geometry: Geometry, denoise: bool, frame: Sequence[Plane]) -> list[Plane]:
    """Return a frame's planes by float64 arithmetic."""
    convert = nv12_to_nv12(network(model, torch.float64), geometry, denoise, torch.float64)
    return Peer(convert, graph=False).once(frame)


def peers(model: Model, geometry: Geometry, denoise: bool) -> dict[str, Peer]:
    """Return PyTorch's ways to do what the kernels do, by name."""
    found = {}
    for kind, short in ((torch.float32, "f32"), (torch.float16, "f16")):
        convert = nv12_to_nv12(network(model, kind), geometry, denoise, kind)
        found[f"torch {short}"] = Peer(convert, graph=False)
        found[f"torch {short}, graph"] = Peer(convert, graph=True)
        found[f"torch.compile {short}, graph"] = Peer(torch.compile(convert, dynamic=False), graph=True)
    return found


@dataclass(frozen=True)
class Peer:
    """A way to enhance luma and chroma; ``graph``: as a CUDA graph."""

    convert: Convert
    graph: bool

    def once(self, frame: Sequence[Plane]) -> list[Plane]:
        """Return what becomes of one frame."""
        with torch.inference_mode():
            return [plane.cpu().numpy() for plane in self.convert(*_on_gpu(frame))]

    def start(self, frames: Sequence[Sequence[Plane]]) -> tuple[Callable[[int], None], Any]:
        """Return what enhances frame after frame on the device, and its stream.

        A graph reads and writes at fixed places: copying frames there is counted, as it is work to be done.
        """
        sources = [_on_gpu(frame) for frame in frames]
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        inputs = [torch.empty_like(plane) for plane in sources[0]]
        with torch.inference_mode(), torch.cuda.stream(stream):
            for _ in range(3):  # compiles, and finds memory, before anything is captured
                self.convert(*inputs)
            stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            if self.graph:
                with torch.cuda.graph(graph, stream=stream):
                    self.convert(*inputs)

        def frame(k: int) -> None:
            with torch.inference_mode(), torch.cuda.stream(stream):
                if not self.graph:
                    self.convert(*sources[k % len(sources)])
                    return
                for to, source in zip(inputs, sources[k % len(sources)], strict=True):
                    to.copy_(source, non_blocking=True)
                graph.replay()

        return frame, stream.cuda_stream


def _on_gpu(frame: Sequence[Plane]) -> list[Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(plane)).cuda() for plane in frame]
