"""What the CUDA kernels of a model are made of, as their machine code tells: no GPU is needed.

    python benchmarks/sass.py [night] [--capability 9.0] [--json FILE]

For each kernel of a frame: registers, instructions in its code, and for a pixel (or, of the stages, a cell)
those that it issues, multiply-adds among them and those of tensor cores, accesses to shared memory and bytes
that it asks of the device's memory. All branches count, loops inside of a loop count once. Needs NVRTC, and
nvdisasm: pip install nvidia-cuda-nvdisasm.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import arguments as flags
from benchmarks.common.files import write_json
from benchmarks.common.markdown import table
from benchmarks.gpu import sass, sources
from benchmarks.gpu.arguments import capability
from benchmarks.gpu.sass import KernelFigures
from model.command import Parser, run

KINDS = *sources.PLAIN, sources.TENSOR, sources.OVER_TIME[0]

HEADS = [
    "frames", "kernel", "registers", "code", "instructions", "multiply-adds", "tensor", "shared", "bytes",
]  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Compile, look, print, write; return an exit code."""
    parser = Parser("python benchmarks/sass.py", __doc__)
    parser.add_argument("model", nargs="?", default="night", help="(night)")
    parser.add_argument("--capability", type=capability, default="9.0", help="of the device (9.0)")
    flags.add_json(parser)
    return run(_look, parser, words, extra="cuda")


def _look(arguments: argparse.Namespace) -> None:
    found = {
        str(kind): sass.figures(
            sources.of_model(arguments.model, kind, arguments.capability), arguments.capability
        )
        for kind in KINDS
    }
    print(table(HEADS, (_cells(kind, one) for kind, kernels in found.items() for one in kernels)))
    print(*(f"{kind}: {len(kernels)} kernels a frame" for kind, kernels in found.items()), sep="\n")
    write_json(
        arguments.json,
        {kind: [dataclasses.asdict(one) for one in kernels] for kind, kernels in found.items()},
    )


def _cells(kind: str, one: KernelFigures) -> list[str]:
    numbers = (one.instructions, one.multiply_adds, one.matrix_multiply_adds, one.shared, one.bytes)
    cells = ["" if number is None else f"{number:.1f}".removesuffix(".0") for number in numbers]
    return [kind, one.name, str(one.registers), str(one.code), *cells]


if __name__ == "__main__":
    sys.exit(main())
