"""Cells, convolutions and SSIM in C++, forward and backward: where training on a CPU spends most of its time.

Cells have 3 to 16 channels. oneDNN, which torch runs on a CPU, is made for many: the gradient of a
convolution's input takes it eight times as long as the convolution. `convolution.cpp` is made for few, and
computes a cell as a whole, so that its parts hardly leave the processor's cache.

Results differ from torch's by rounding alone. Without a compiler, on a GPU, and where no gradient is asked
for, torch does it all.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cpu import build, isa

#: Channels of a cell.
MOST = 16

log = logging.getLogger(__name__)


class Edge(NamedTuple):
    """The convolution on an edge of a cell; None in its place is a skip.

    Attributes:
        weight, bias: (C, C, k, k) and (C,), k 1, 3 or 5.
        dilation: distance of the kernel's taps.
        residual: its input is added to its output.
    """

    weight: Tensor
    bias: Tensor
    dilation: int = 1
    residual: bool = False


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` of 3x3 taps, zero outside, that keeps height and width."""

    def __init__(self, channels: int, outs: int) -> None:
        super().__init__(channels, outs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C', H, W) for (N, C, H, W)."""
        assert self.bias is not None
        return convolution(x, self.weight, self.bias)


def convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return (N, C', H, W), zero outside, for (N, C, H, W).

    Args:
        x: the image.
        weight, bias: (C', C, k, k) and (C',), k 3 or 5.
    """
    if not applies(x):
        return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
    return _Convolution.apply(x.contiguous(), weight.contiguous(), bias.contiguous())  # type: ignore[no-any-return, no-untyped-call]


def applies(x: Tensor) -> bool:
    """Return whether the C++ is to be used for a tensor, (N, C, H, W)."""
    usual = x.device.type == "cpu" and x.dtype == torch.float32 and x.shape[1] <= MOST
    return usual and torch.is_grad_enabled() and functions() is not None


def cell(x: Tensor, edges: Sequence[Edge | None], fusion: nn.Conv2d, slope: float) -> Tensor:
    """Return what `model.cell.DistillationCell` makes of ``x``, (N, C, H, W).

    Args:
        edges: d1, r1, d2, r2, d3, r3 and c4.
        fusion: the 1x1 convolution that joins what is distilled.
        slope: of the leaky ReLU below zero.
    """
    kinds = [edge and (edge.dilation, int(edge.residual)) for edge in edges]
    parameters = [tensor for edge in edges if edge for tensor in edge[:2]]
    return _Cell.apply(  # type: ignore[no-any-return, no-untyped-call]
        x.contiguous(), kinds, slope, *parameters, fusion.weight, fusion.bias
    )


def dissimilarity(x: Tensor, target: Tensor) -> Tensor:
    """Return what `model.losses.dissimilarity` does for (N, C, H, W)."""
    return _Dissimilarity.apply(x.contiguous(), target.contiguous())  # type: ignore[no-any-return, no-untyped-call]


@functools.cache
def functions() -> ctypes.CDLL | None:
    """Return the compiled functions; None, and a line that says so, where there is no compiler."""
    try:
        best = next((one for one in isa.usable() if not one.packed_dtype), None)
        if best is None:
            raise UnavailableError("no kernels for this kind of processor")
        sources = [Path(__file__).with_name(f"{name}.cpp") for name in ("convolution", "dissimilarity")]
        source = "".join(path.read_text(encoding="utf-8") for path in sources)
        library = ctypes.CDLL(str(build.library(source, best)))
    except UnavailableError as error:
        log.warning("training runs in torch alone, at a third of the speed: %s", error)
        return None
    library.rt_similarity.restype = ctypes.c_double
    return library


class _Dissimilarity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, target: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        of_x, total = torch.empty_like(x), 0.0
        planes = (tensor.flatten(0, 1) for tensor in (x, target, of_x))
        for plane, wanted, slope in zip(*planes, strict=True):
            total += _run("rt_similarity", plane, wanted, height, width, slope)
        windows = x.shape[0] * x.shape[1] * (height - 6) * (width - 6)
        ctx.save_for_backward(of_x.div_(-windows))
        return x.new_tensor(1 - total / windows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (of_x,) = ctx.saved_tensors
        return gradients[0] * of_x, None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolve(x, weight, bias, len(weight), turned=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        n, channels, height, width = x.shape
        of_x = _convolve(gradient, weight, None, channels, turned=True) if ctx.needs_input_grad[0] else None
        of_weight, of_bias = torch.zeros_like(weight), torch.zeros(len(weight))
        outs, side = len(weight), weight.shape[-1]
        for i in range(n):
            _run("rt_gradients", x[i], channels, height, width, gradient[i], outs, side, of_weight, of_bias)
        return of_x, of_weight, of_bias


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, outs: int, *, turned: bool) -> Tensor:
    n, channels, height, width = x.shape
    out, side = x.new_empty(n, outs, height, width), weight.shape[-1]
    for i in range(n):
        _run("rt_convolve", x[i], channels, height, width, weight, bias, outs, side, turned, out[i])
    return out


class _CEdge(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("weight", "bias", "of_weight", "of_bias")),
        *((name, ctypes.c_int32) for name in ("side", "dilation", "residual")),
    )


class _CCell(ctypes.Structure):
    _fields_ = (
        ("edges", ctypes.POINTER(_CEdge)),
        *((name, ctypes.c_void_p) for name in ("fusion", "fusion_bias", "of_fusion", "of_fusion_bias")),
        *((name, ctypes.c_int32) for name in ("channels", "height", "width")),
        ("slope", ctypes.c_float),
    )


class _Cell(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kinds: Sequence[tuple[int, int] | None], slope: float, *parameters: Tensor
    ) -> Tensor:
        n, channels, height, width = x.shape
        out = torch.empty_like(x)
        nodes, distilled = (x.new_empty(n, count, channels, height, width) for count in (3, 4))
        record = _record(x, kinds, slope, parameters, None)
        for i in range(n):
            _run("rt_cell", record, x[i], nodes[i], distilled[i], out[i])
        ctx.kinds, ctx.slope = kinds, slope
        ctx.save_for_backward(x, nodes, distilled, *parameters)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, nodes, distilled, *parameters = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        of_x, spare = torch.empty_like(x), x.new_empty(2, *x.shape[1:])
        of_parameters = [torch.zeros_like(parameter) for parameter in parameters]
        record = _record(x, ctx.kinds, ctx.slope, parameters, of_parameters)
        for i in range(len(x)):
            arguments = (x[i], nodes[i], distilled[i], gradient[i], spare, of_x[i])
            _run("rt_cell_gradient", record, *arguments)
        return of_x, None, None, *of_parameters


def _record(
    x: Tensor,
    kinds: Sequence[tuple[int, int] | None],
    slope: float,
    parameters: Sequence[Tensor],
    of_parameters: Sequence[Tensor] | None,
) -> _CCell:
    """Return a cell as the C++ takes it. Parameters are each edge's weight and bias, then the fusion's."""
    gradients: Sequence[Tensor | None] = of_parameters or [None] * len(parameters)
    given = iter(zip(parameters, gradients, strict=True))

    def pair() -> tuple[list[int | None], Tensor]:
        (weight, of_weight), (bias, of_bias) = next(given), next(given)
        return [_address(tensor) for tensor in (weight, bias, of_weight, of_bias)], weight

    edges = (_CEdge * len(kinds))()
    for k, kind in enumerate(kinds):
        if kind is not None:
            addresses, weight = pair()
            edges[k] = _CEdge(*addresses, weight.shape[-1], *kind)
    return _CCell(edges, *pair()[0], *x.shape[1:], slope)


def _run(name: str, *arguments: Tensor | _CCell | int | None) -> Any:
    """Call a compiled function. Other threads may run meanwhile."""
    library = functions()
    assert library is not None
    return getattr(library, name)(
        *(
            ctypes.c_void_p(_address(argument)) if isinstance(argument, Tensor | None)
            else ctypes.byref(argument) if isinstance(argument, _CCell) else argument
            for argument in arguments
        )
    )  # fmt: skip


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
