"""The weights as the kernels read them: a struct in the source, and the words that fill it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtvideo.kernels.ir.program import Array, Convolution, Fusion, Layer, Pass, Program

Words = npt.NDArray[np.uint32]

#: Bytes that fit into a device's constant memory, with room for the frame.
CONSTANT = 60 << 10


def halved(program: Program, packed: frozenset[str]) -> dict[str, int]:
    """Return name -> output channels of the weights that are multiplied in half precision.

    A convolution is if what it reads is packed, a fusion if all that it reads and makes is.
    """
    found = {}
    for layer in (layer for one in passes(program) for layer in one.layers):
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


def passes(program: Program) -> list[Pass]:
    """Return all passes of a program."""
    return [*program.stages, program.lit, *([program.denoised] if program.denoised else [])]


def in_pairs(floats: Array, outputs: int) -> Words:
    """Return rows of ``outputs`` numbers as pairs of half precision, the even one in the low half."""
    rows = floats.reshape(-1, outputs)
    even = np.pad(rows, ((0, 0), (0, outputs % 2))).astype(np.float16)
    return np.ascontiguousarray(even).view(np.uint32).ravel()


def data(program: Program, packed: frozenset[str]) -> Words:
    """Return the words of the struct, in order."""
    halves = halved(program, packed)
    parts = [
        in_pairs(array, halves[name]) if name in halves else array.astype(np.float32).view(np.uint32)
        for name, array in program.weights.items()
    ]
    return np.concatenate(parts)


def struct(program: Program, packed: frozenset[str]) -> str:
    """Return the declaration of the struct ``Weights`` and of the only one, ``w``."""
    halves = halved(program, packed)

    def member(name: str, array: Array) -> tuple[str, str]:
        kind, size = "float", array.size
        if name in halves:
            kind, size = "Word", in_pairs(array, halves[name]).size
        return kind, f"{name.rpartition('.')[2]}[{size}];"

    cells: dict[str, dict[str, list[str]]] = {}
    single = []
    total = 0
    for name, array in program.weights.items():
        kind, text = member(name, array)
        total += array.nbytes
        if "." in name:
            kind_of_cell, _, index = name.partition(".")[0].partition("[")
            cells.setdefault(kind_of_cell, {}).setdefault(index, []).append(f"{kind} {text}")
        else:
            single.append((name, f"    {kind} {text}"))
    lines = [
        "// Biases first, then [row][column][input][output]; words are pairs of outputs in half precision."
    ]
    for name, those in cells.items():
        members = " ".join(next(iter(those.values())))
        lines.append(f"struct {name.capitalize()}Cell {{ {members} }};")
    lines.append("struct Weights {")
    done = set()
    for name in program.weights:
        head = name.partition("[")[0]
        if head in cells and head not in done:
            done.add(head)
            lines.append(f"    {head.capitalize()}Cell {head}[{len(cells[head])}];")
        lines += [text for other, text in single if other == name]
    lines.append("};")
    memory = "__constant__" if total <= CONSTANT else "__device__"
    lines.append(f'extern "C" {{ {memory} Weights w; }}')
    return "\n".join(lines)
