"""How small the illumination may be: what each size costs in quality, and what it saves in time.

    python benchmarks/illumination_size.py [--model NAME or FILE] [--low DIR --high DIR] [--json FILE]

The same weights run with all their stages at full size, at 1/2, 1/4 and so on, upsampled bilinear or guided.
What comes out is held against that of full size, in PSNR, and against references; noise removal is off.
``strong`` is the model with random weights in its cells, so that the light follows the content as much as it
can. Weights that were trained at one size are not at their best at another.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import numpy.typing as npt

from benchmarks.compiled import compilable, instruction_set, on_planes, one_size
from benchmarks.contestants import Frame
from benchmarks.fps import take_turns
from benchmarks.machine import facts
from model.data import Item, Reader, matched
from model.scene.sample import make_photos
from rtvideo.cpus import usable_cpus
from rtvideo.errors import RtvideoError, UsageError
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.isa import InstructionSet
from rtvideo.kernels.cpu.library import Library, Network, float_format
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.ir.program import Array
from rtvideo.models.description import Description

Image = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[Any]]

SCALES = (1, 2, 4, 8, 16)

#: Of a cell's random weights: twice what training leaves there, about.
STRONG = 0.12


@dataclasses.dataclass(frozen=True)
class Choice:
    """One way to get the light to full size, compiled."""

    scale: int
    upsampling: str
    library: Library

    @property
    def name(self) -> str:
        """For the table."""
        return "full size" if self.scale == 1 else f"1/{self.scale}, {self.upsampling}"


def choices(description: Description, values: Weights, isa: InstructionSet) -> Iterator[Choice]:
    """Yield every size and upsampling, full size first. Raises UsageError for a network without a grid."""
    light = description.illumination
    if light.domain != "log":
        raise UsageError(f"model {description.name}: its illumination cannot run at reduced size")
    for scale in SCALES:
        for upsampling in ("bilinear", "guided") if scale > 1 else ("bilinear",):
            scales = (scale,) * len(light.scales)
            changed = dataclasses.replace(light, scales=scales, upsampling=upsampling)
            program = lower(dataclasses.replace(description, illumination=changed, noise=None), values)
            yield Choice(scale, upsampling, Library(build.library(emit(program), isa)))


def strong(values: Weights, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
    """Return the weights with random ones in the illumination's cells."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, STRONG, array.shape) if name.startswith("illumination.cells") else array
        for name, array in values.items()
    }


def light(choice: Choice, data: Array, image: Image) -> Image:
    """Return (3, H, W) RGB in 0..1, lit."""
    out = np.empty_like(image)
    network = Network(choice.library, data, image.shape[2], image.shape[1], float_format(), 1)
    network.run(list(image), list(out), 1.0, 0.0)
    network.close()
    return out


def decibels(image: Image, reference: Image) -> float:
    """Return the PSNR of images in 0..1, not rounded to codes; infinite for equal ones."""
    error = float(np.square(image - reference, dtype=np.float64).mean())
    return -10 * math.log10(error) if error else math.inf


def compare(
    those: Sequence[Choice], data: Mapping[str, Array], items: Sequence[Item]
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return (weights, choice) -> for each pair PSNR against full size and against the reference."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for item in items:
        assert item.high is not None
        low, high = _planes(item.low), _planes(item.high)
        for title, values in data.items():
            full = light(those[0], values, low)
            for choice in those:
                lit = light(choice, values, low)
                row = found.setdefault((title, choice.name), [])
                row.append((decibels(lit, full), decibels(lit, high)))
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no infinity


def _planes(image: npt.NDArray[np.uint8]) -> Image:
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / np.float32(255)


def run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure, print a table, and return what it holds."""
    model, isa = compilable(arguments.model), instruction_set(arguments.isa)
    width, height = one_size(arguments.size)
    assert model.description is not None and model.weights is not None
    if (arguments.low is None) != (arguments.high is None):
        raise UsageError("give both --low DIR and --high DIR, or neither")
    if arguments.low is None:
        make_photos(folder, 8)
    low, high = arguments.low or folder / "low", arguments.high or folder / "high"
    items = matched(low, high, Reader())
    trained = weights.read(model.weights)
    those = list(choices(model.description, trained, isa))
    bare = dataclasses.replace(model.description, noise=None)
    data = {
        title: lower(bare, values).data()
        for title, values in {"trained": trained, "strong": strong(trained)}.items()
    }
    found = compare(those, data, items)
    frames: dict[str, Frame] = {
        choice.name: on_planes(choice.library, data["trained"], width, height, arguments.threads)
        for choice in those
    }
    times = take_turns(frames, arguments.rounds)
    rows = [
        {
            "choice": choice.name,
            "ms": 1000 * statistics.median(times[choice.name]),
            **{
                title: {
                    key: _finite(float(np.mean([pair[k] for pair in found[title, choice.name]])))
                    for k, key in enumerate(("full_size", "reference"))
                }
                for title in data
            },
        }
        for choice in those
    ]
    print(f"{len(items)} pairs of {low.parent.name if arguments.low else 'rendered streets'}; {isa.name}, "
          f"{arguments.threads} threads, {width}x{height}\n\n{table(rows)}")  # fmt: skip
    return {"model": model.name, "isa": isa.name, "threads": arguments.threads,
            "size": arguments.size, "pairs": len(items), "rows": rows}  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| light | ms | PSNR to full size | to the references | strong: to full size |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        trained, hard = row["trained"], row["strong"]
        full, hard_full = ("" if x is None else f"{x:.1f}" for x in (trained["full_size"], hard["full_size"]))
        lines.append(
            f"| {row['choice']} | {row['ms']:.1f} | {full} | {trained['reference']:.2f} | {hard_full} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="benchmarks/illumination_size.py", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--model", default="selftaught", help="name or file; one that takes guided upsampling"
    )
    parser.add_argument(
        "--low", type=Path, metavar="DIR", help="dark images (default: streets rendered for it)"
    )
    parser.add_argument("--high", type=Path, metavar="DIR", help="their references, of the same names")
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT, for time")
    parser.add_argument("--isa", default="", help="instruction set (the best with f32)")
    parser.add_argument("--threads", type=int, default=usable_cpus())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = run(arguments, Path(folder))
    except RtvideoError as error:
        print(f"illumination_size.py: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"machine": facts(), "illumination": result}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
