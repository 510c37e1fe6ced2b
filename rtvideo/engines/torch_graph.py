"""An ONNX network as a torch module: the operators that `export` writes, and no others.

So torch runs the very files that onnxruntime and TensorRT run, on any device and in double precision too.
Sizes are lists of integers, not tensors, so that `torch.compile` and `torch.export` can see through them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rtvideo.errors import UnavailableError
from rtvideo.version import install

#: What lies between nodes: tensors, and sizes; "" is an input that was left out.
Value = Any

_INT64, _FLOAT16 = 7, 10  # onnx.TensorProto.DataType


class OnnxModule(torch.nn.Module):
    """A network of one image to one image.

    Args:
        data: an ONNX file's bytes.
        name: of the file, for errors.
        dtype: that takes the place of f32 outside half-precision cells.

    Attributes:
        scalars: names of the optional inputs, in order.
        half_image, half_enhanced: whether image and result are f16.

    Raises:
        UnavailableError: the package onnx is missing, or the file holds what is not known here.
    """

    def __init__(self, data: bytes, name: str, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        try:
            import onnx
        except ImportError as error:
            raise UnavailableError(f"engine torch needs onnx: {install('torch')} ({error})") from None
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        try:
            graph = onnx.load_model_from_string(data).graph
        except DecodeError as error:
            raise UnavailableError(f"{name}: not a network that torch can run: {error}") from None
        self._dtype = dtype
        self._sizes: dict[str, list[float]] = {}  # and the factors between them
        self._names: dict[str, str] = {}
        inputs = [value.name for value in graph.input]
        constants = {tensor.name: tensor for tensor in graph.initializer}
        self.scalars = [value for value in inputs if value in constants]
        images = [value for value in inputs if value not in constants]
        unknown = {node.op_type for node in graph.node} - _OPERATORS.keys()
        if unknown or len(images) != 1 or len(graph.output) != 1:
            what = f"operators that engine torch lacks: {', '.join(sorted(unknown))}" if unknown else "shape"
            raise UnavailableError(f"{name}: not a network that torch can run: {what}")
        self._image, self._result = images[0], graph.output[0].name
        types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
        self.half_image, self.half_enhanced = (types[k] == _FLOAT16 for k in (self._image, self._result))
        factors = {node.input[2] for node in graph.node if node.op_type == "Resize"}
        for key, tensor in constants.items():
            array = onnx.numpy_helper.to_array(tensor)
            if tensor.data_type == _INT64 or key in factors:
                self._sizes[key] = array.tolist()
                continue
            value = torch.from_numpy(array.copy())
            # Parameters have names of their own: those of ONNX hold dots and signs.
            self._names[key] = f"constant_{len(self._names)}"
            self.register_buffer(self._names[key], value if value.dtype == torch.half else value.to(dtype))
        self._nodes = [
            (
                _OPERATORS[node.op_type],
                list(node.input),
                list(node.output),
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            )
            for node in graph.node
        ]

    def forward(self, image: Tensor, *scalars: Tensor) -> Tensor:
        """Return the enhanced image, (1, 3, h, w) like the image; scalars in the order of `scalars`."""
        values: dict[str, Value] = {"": None, self._image: image, **self._sizes}
        values |= {name: getattr(self, attribute) for name, attribute in self._names.items()}
        values |= dict(zip(self.scalars, scalars, strict=False))
        for function, inputs, outputs, attributes in self._nodes:
            if "to" in attributes:
                attributes = {"to": torch.half if attributes["to"] == _FLOAT16 else self._dtype}
            made = function(*(values[name] for name in inputs), **attributes)
            values.update(zip(outputs, made if isinstance(made, tuple) else (made,), strict=True))
        result: Tensor = values[self._result]
        return result


def _either(function: Callable[[Any, Any], Any], of_sizes: Callable[[int, int], int]) -> Callable[..., Value]:
    """Return an operator for two tensors, or for two lists of sizes of which one may repeat."""

    def apply(a: Value, b: Value) -> Value:
        if isinstance(a, Tensor):
            return function(a, b)
        length = max(len(a), len(b))
        repeated = (one * length if len(one) == 1 else one for one in (a, b))
        return [of_sizes(x, y) for x, y in zip(*repeated, strict=True)]

    return apply


def _around(pads: Sequence[int] | None) -> tuple[int, int, int, int]:
    """Return ONNX's (top, left, bottom, right) in torch's order."""
    top, left, bottom, right = pads or (0, 0, 0, 0)
    return left, right, top, bottom


def _conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, **attributes: Any) -> Tensor:
    padded = F.pad(x, _around(attributes.get("pads")))
    return F.conv2d(padded, weight, bias, dilation=attributes.get("dilations", 1))


def _max_pool(x: Tensor, kernel_shape: list[int], pads: list[int]) -> Tensor:
    return F.max_pool2d(F.pad(x, _around(pads), value=-math.inf), kernel_shape, stride=1)


def _average_pool(x: Tensor, kernel_shape: list[int], strides: list[int]) -> Tensor:
    return F.avg_pool2d(x, kernel_shape, strides)


def _reduce(function: Callable[..., Tensor]) -> Callable[[Tensor, list[int]], Tensor]:
    return lambda x, axes: function(x, axes, keepdim=True)


def _pad(x: Tensor, pads: list[int], constant: None, axes: list[int], mode: bytes) -> Tensor:
    if axes != [2, 3] or mode != b"edge":
        raise UnavailableError(f"engine torch lacks padding of kind {mode.decode()!r} of axes {axes}")
    return F.pad(x, _around(pads), mode="replicate")


def _slice(x: Tensor, starts: list[int], ends: list[int], axes: list[int]) -> Tensor:
    for axis, start, end in zip(axes, starts, ends, strict=True):
        x = x.narrow(axis, start, end - start)
    return x


def _resize(x: Tensor, region: None, scales: list[float], mode: bytes, **attributes: bytes) -> Tensor:
    if mode == b"nearest":  # by whole numbers alone, which repeat
        return F.interpolate(x, scale_factor=scales[2:], mode="nearest")
    return F.interpolate(x, scale_factor=scales[2:], mode="bilinear", align_corners=False)


def _concat(*parts: Value, axis: int) -> Value:
    return torch.cat(parts, axis) if isinstance(parts[0], Tensor) else [n for part in parts for n in part]


def _split(
    x: Tensor, sizes: list[int] | None = None, *, axis: int, num_outputs: int = 0
) -> tuple[Tensor, ...]:
    return tuple(torch.chunk(x, num_outputs, axis) if sizes is None else torch.split(x, sizes, axis))


#: ONNX's operators; attributes come as keywords.
_OPERATORS: Mapping[str, Callable[..., Value]] = {
    "Add": _either(torch.add, operator.add),
    "Sub": _either(torch.sub, operator.sub),
    "Mul": _either(torch.mul, operator.mul),
    "Div": _either(torch.div, operator.floordiv),
    "Max": torch.maximum,
    "Clip": torch.clamp,
    "Exp": torch.exp,
    "Log": torch.log,
    "Neg": torch.neg,
    "Abs": torch.abs,
    "Sqrt": torch.sqrt,
    "Sigmoid": torch.sigmoid,
    "Identity": lambda x: x,
    "LeakyRelu": lambda x, alpha: F.leaky_relu(x, alpha),
    "Cast": lambda x, to: x.to(to),
    "Transpose": lambda x, perm: x.permute(perm),
    "Shape": lambda x, start: list(x.shape[start:]),
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Resize": _resize,
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "ReduceMean": _reduce(torch.mean),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMin": _reduce(torch.amin),
}
