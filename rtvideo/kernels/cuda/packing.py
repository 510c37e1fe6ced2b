"""The weights as the kernels read them: a struct in the source, and the words that fill it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtvideo.kernels.ir import cpp
from rtvideo.kernels.ir.program import Array, Convolution, Fusion, Layer, Program

Words = npt.NDArray[np.uint32]

#: Bytes that fit into a device's constant memory, with room for the frame.
CONSTANT = 60 << 10


def packed_weights(program: Program, packed: frozenset[str]) -> dict[str, tuple[int, int]]:
    """Return name -> channels in and out of the weights that are multiplied in half precision.

    A convolution is if what it reads is packed, a fusion if all that it reads and makes is.
    """
    found = {}
    for one in program.passes():
        channels = dict(one.sources) | {layer.output: layer.channels for layer in one.layers}
        for layer in one.layers:
            for edge in layer.edges if isinstance(layer, Fusion) else (layer,):
                source = edge.inputs[0][0]
                if isinstance(edge, Convolution) and source in packed:
                    found[edge.weights] = channels[source], edge.channels
            if isinstance(layer, Fusion) and pure(layer, packed):
                found[f"{layer.cell}.c5"] = layer.channels, layer.channels
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
        in_pairs(array, packed_sizes[name][1])
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
            return f"Word %s[{in_pairs(array, packed_sizes[name][1]).size}]"
        return f"float %s[{array.size}]"

    memory = "__constant__" if sum(a.nbytes for a in program.weights.values()) <= CONSTANT else "__device__"
    return f'{cpp.weights_struct(program, declare)}\nextern "C" {{ {memory} Weights w; }}'
