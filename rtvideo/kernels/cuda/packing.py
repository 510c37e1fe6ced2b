"""The weights as the kernels read them: a struct in the source, and the words that fill it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtvideo.kernels.ir import cpp
from rtvideo.kernels.ir.program import Array, Convolution, Fusion, Layer, Program

Words = npt.NDArray[np.uint32]

#: Bytes that fit into a device's constant memory, with room for the frame.
CONSTANT = 60 << 10


def packed_weights(program: Program, packed: frozenset[str]) -> dict[str, int]:
    """Return name -> output channels of the weights that are multiplied in half precision.

    A convolution is if what it reads is packed, a fusion if all that it reads and makes is.
    """
    found = {}
    for layer in (layer for one in program.passes() for layer in one.layers):
        if isinstance(layer, Convolution):
            if layer.inputs[0][0] in packed:
                found[layer.weights] = layer.channels
        elif isinstance(layer, Fusion):
            for edge in layer.edges:
                if isinstance(edge, Convolution) and edge.inputs[0][0] in packed:
                    found[edge.weights] = edge.channels
            if pure(layer, packed):
                found[f"{layer.cell}.c5"] = layer.channels
    return found


def pure(layer: Layer, packed: frozenset[str]) -> bool:
    """Return whether a layer reads and makes packed tensors alone."""
    return layer.output in packed and all(name in packed for name, _ in layer.inputs)


def in_pairs(floats: Array, outputs: int) -> Words:
    """Return rows of ``outputs`` numbers as pairs of half precision, the even one in the low half."""
    rows = floats.reshape(-1, outputs)
    even = np.pad(rows, ((0, 0), (0, outputs % 2))).astype(np.float16)
    return np.ascontiguousarray(even).view(np.uint32).ravel()


def data(program: Program, packed: frozenset[str]) -> Words:
    """Return the words of the struct, in order."""
    packed_sizes = packed_weights(program, packed)
    parts = [
        in_pairs(array, packed_sizes[name])
        if name in packed_sizes
        else array.astype(np.float32).view(np.uint32)
        for name, array in program.weights.items()
    ]
    return np.concatenate(parts)


def struct(program: Program, packed: frozenset[str]) -> str:
    """Return the declaration of the struct ``Weights`` and of the only one, ``w``."""
    packed_sizes = packed_weights(program, packed)

    def declare(name: str, array: Array) -> str:
        if name in packed_sizes:
            return f"Word %s[{in_pairs(array, packed_sizes[name]).size}]"
        return f"float %s[{array.size}]"

    memory = "__constant__" if sum(a.nbytes for a in program.weights.values()) <= CONSTANT else "__device__"
    return f'{cpp.weights_struct(program, declare)}\nextern "C" {{ {memory} Weights w; }}'
