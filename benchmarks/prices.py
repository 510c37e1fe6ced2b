"""What each choice of a search costs: milliseconds of the fused kernel at 1080p, as JSON for --prices.

    python benchmarks/prices.py --json docs/search/prices.json [--threads 1] [--rounds 21] [--compile]

Compiles and times each candidate once: cells of one operation at each scale and width. Compiling takes about
20 minutes of one core the first time, timing two minutes. --compile stops before the timing, which wants a
machine without other work. `search.cooperative --objective night --budget MS` reads the file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json
from benchmarks.common.files import write_json
from benchmarks.common.machine import facts
from benchmarks.common.markdown import table
from model.command import Parser, imports, run
from rtvideo import values

with imports(__name__, "train"):
    from benchmarks.search.frames import HEIGHT, WIDTH, compiled
    from benchmarks.speed.turns import take_turns
    from model.genotypes import single
    from rtvideo.models.description import OPERATIONS, Description
    from search.objectives import NIGHT
    from search.scales import OFF


def main(words: Sequence[str] | None = None) -> int:
    """Measure; return an exit code."""
    return run(measure, _parser(), words, extra="train")


def measure(arguments: argparse.Namespace) -> int:
    """Compile all candidates, time them in turns, and write what each part of a network costs."""
    frames = {}
    for name, description in candidates().items():
        frames[name] = compiled(description, arguments.threads)
        print(f"compiled: {name}", file=sys.stderr, flush=True)
    if arguments.compile:
        return 0
    # Whatever else the machine does only adds: the least is nearest to the kernel's own.
    times = {n: 1e3 * min(t) for n, t in take_turns(frames, arguments.rounds).items()}
    found = prices(times)
    write_json(
        arguments.json,
        {**facts(), "width": WIDTH, "height": HEIGHT, "threads": arguments.threads, **found, "times": times},
    )
    for part in ("iem", "nrm"):
        rows = [[key, *(f"{ms:.3f}" for ms in row.values())] for key, row in found[part].items()]
        print(table([part, *next(iter(found[part].values()))], rows), end="\n\n")
    print(f"base: {found['base']:.2f} ms")
    return 0


def candidates() -> dict[str, Description]:
    """Return what is timed, by name: ``base``, and ``PART WHERE OPERATION`` (`prices` reads the names)."""
    night, space = NIGHT.description, NIGHT.space
    assert night.noise is not None
    skips = replace(night.illumination, genotype=single("skip"))
    found = {}
    for scale in space.scales:
        if scale == OFF:
            continue
        for operation in FUNCTIONS:
            cells = replace(skips, genotype=single(operation), scales=(scale,) * 3)
            found[f"iem {scale} {operation}"] = replace(night, illumination=cells, noise=None)
        fewer = replace(skips, scales=(scale,) * 2)
        found[f"iem {scale} fewer"] = replace(night, illumination=fewer, noise=None)
    light = replace(skips, scales=(max(space.scales),))
    found["base"] = replace(night, illumination=light, noise=None)
    for channels in space.channels:
        for operation in FUNCTIONS:
            noise = replace(night.noise, channels=channels, genotype=single(operation))
            found[f"nrm {channels} {operation}"] = replace(night, illumination=light, noise=noise)
        more = replace(night.noise, channels=channels, genotype=single("skip"), stages=2)
        found[f"nrm {channels} more"] = replace(night, illumination=light, noise=more)
    return found


#: Operations that differ in their kernel. What a residual adds is a one in the middle of the weights.
FUNCTIONS = ("skip", "conv1", "conv3", "dil3")


def prices(times: dict[str, float]) -> dict:  # type: ignore[type-arg]
    """Return milliseconds of each part of a network, of a candidates' times by name.

    ``iem`` by scale and ``nrm`` by channels say what a ``stage`` of skips costs, and each operation above a
    skip on one edge. ``module`` is what noise removal takes besides its stages, ``base`` all the rest.
    """
    found: dict = {"base": times["base"], "iem": {}, "nrm": {}}  # type: ignore[type-arg]
    wheres = {"iem": [], "nrm": []}  # type: ignore[var-annotated]
    for name in times:
        if name != "base" and (where := name.split()[1]) not in wheres[name.split()[0]]:
            wheres[name.split()[0]].append(where)
    edges, stages = 7, 3
    for where in wheres["iem"]:
        skips = times[f"iem {where} skip"]
        found["iem"][where] = {"module": 0.0, "stage": max(0.0, skips - times[f"iem {where} fewer"])}
        found["iem"][where] |= _operations(f"iem {where}", times, edges * stages)
    for where in wheres["nrm"]:
        skips, more = times[f"nrm {where} skip"], times[f"nrm {where} more"]
        stage = max(0.0, more - skips)
        found["nrm"][where] = {"module": max(0.0, skips - times["base"] - stage), "stage": stage}
        found["nrm"][where] |= _operations(f"nrm {where}", times, edges)
    coarsest = found["iem"][max(found["iem"], key=int)]
    found["base"] -= coarsest["stage"]
    return found


def _operations(prefix: str, times: dict[str, float], edges: int) -> dict[str, float]:
    skips = times[f"{prefix} skip"]
    return {
        operation: max(0.0, (times[f"{prefix} {operation.removeprefix('res')}"] - skips) / edges)
        for operation in OPERATIONS
    }


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/prices.py", __doc__)
    add = parser.add_argument
    add_json(parser)
    add("--threads", type=values.positive, default=1, help="of the kernel (1)")
    add("--rounds", type=values.positive, default=21, help="turns of each candidate (21)")
    add("--compile", action="store_true", help="compile alone, for a later run that times")
    return parser


if __name__ == "__main__":
    sys.exit(main())
