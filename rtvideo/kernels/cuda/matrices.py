"""Weights of cells on tensor cores (``include/tensor_cores.cuh``): each lane of a warp finds its own.

They lie in the device's memory, not in constant memory, which serves a warp one address at a time.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cuda.packing import Words, packed_weights
from rtvideo.kernels.ir.program import Array, Program

#: Channels of a pixel that are multiplied at once.
OCTET = 8


def check(program: Program, packed: frozenset[str]) -> None:
    """Raise UnavailableError unless all packed tensors can be made on tensor cores."""
    layers = [layer for one in program.passes() for layer in one.layers if layer.output in packed]
    if any(layer.scale == 1 or layer.channels > OCTET for layer in layers):
        raise UnavailableError(
            f"engine cuda: tensor cores remove noise at half size, in {OCTET} channels at most, and model "
            f"{program.name} is not made for that; use RTVIDEO_CUDA_NOISE=f32 or f16"
        )


def name_of(weights: str) -> str:
    """Return the member of the struct ``Matrices`` that holds weights, such as ``nrm_0_r1``."""
    return weights.replace("[", "_").replace("].", "_")


def without(program: Program, packed: frozenset[str]) -> Program:
    """Return a program with the other weights alone."""
    gone = packed_weights(program, packed)
    return dataclasses.replace(program, weights={k: v for k, v in program.weights.items() if k not in gone})


def struct(program: Program, packed: frozenset[str]) -> str:
    """Return the declaration of the struct ``Matrices`` and of the only one, ``matrices``."""
    members = [
        f"    Matrix<{_taps(program.weights[name], *channels)}> {name_of(name)};"
        for name, channels in packed_weights(program, packed).items()
    ]
    return "\n".join(["struct Matrices {", *members, '};\nextern "C" { __device__ Matrices matrices; }'])


def data(program: Program, packed: frozenset[str]) -> Words:
    """Return the words of the struct, in order."""
    sizes = packed_weights(program, packed)
    return np.concatenate([in_lanes(program.weights[name], *channels) for name, channels in sizes.items()])


def in_lanes(floats: Array, inputs: int, outputs: int) -> Words:
    """Return biases, then [tap][input][output], as a ``Matrix``: lane 4 o + i has inputs 2 i and 2 i + 1."""
    bias = np.zeros(OCTET, np.float32)
    bias[:outputs] = floats[:outputs]
    taps = _taps(floats, inputs, outputs)
    square = np.zeros((taps, OCTET, OCTET), np.float16)
    square[:, :outputs, :inputs] = floats[outputs:].reshape(taps, inputs, outputs).transpose(0, 2, 1)
    return np.concatenate([bias.view(np.uint32), square.reshape(-1).view(np.uint32)])


def _taps(floats: Array, inputs: int, outputs: int) -> int:
    """Return the squares of weights: of the taps of a convolution, or of the edges of a fusion."""
    return (floats.size - outputs) // (inputs * outputs)
