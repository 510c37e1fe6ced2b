"""Where a frame's time goes: the passes of a compiled network, and the row functions inside them.

    python benchmarks/passes.py [--size 1920x1080] [--model NAME or FILE] [--isa NAME] [--json FILE]

The kernel is compiled once more with a cycle counter around every call, and runs on one thread. Counting
costs time itself; the frame as it ships is measured in turns with it and said beside.
"""

from __future__ import annotations

import argparse
import ctypes
import re
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json
from benchmarks.common.files import write_json
from benchmarks.common.machine import facts
from benchmarks.speed.compiled import compilable, instruction_set, on_planes
from benchmarks.speed.contestants import paper
from benchmarks.speed.turns import take_turns
from model.command import Parser, run
from rtvideo import values
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.isa import InstructionSet
from rtvideo.kernels.cpu.library import Library
from rtvideo.kernels.ir.lower import lower
from rtvideo.models import Model

PREAMBLE = """
#include <stdint.h>
static uint64_t ticks[256];
static const char *labels[256];
#define TIMED(label, ...) { \\
        constexpr int number = __COUNTER__; \\
        uint64_t began = __builtin_ia32_rdtsc(); \\
        __VA_ARGS__ \\
        ticks[number] += __builtin_ia32_rdtsc() - began; \\
        labels[number] = label; \\
    }
"""

READERS = """
EXPORT uint64_t *rt_ticks() { return ticks; }
EXPORT const char *rt_label(int number) { return labels[number]; }
"""


#: What rows of the pass over the full size are for.
KINDS = (
    (r"iem.*|t\d|cell\d", "cells"),
    (r"(nrm|stem|blocks|features|noise|weight|image|x\d).*", "noise removal"),
    (r"warm.*|largest|m", "maxima"),
    (r"u\d?|gain\d?", "light applied"),
)


def profile(
    model: Model, width: int, height: int, isa: InstructionSet, denoise: float, rounds: int
) -> dict[str, Any]:
    """Return milliseconds a frame: as shipped, with counters, and by label (a pass contains its rows)."""
    assert model.description is not None and model.weights is not None
    program = lower(model.description, weights.read(model.weights), packed=bool(isa.packed_dtype))
    counting = Library(build.library(PREAMBLE + emit(program, timed=True) + READERS, isa))
    shipped = Library(build.library(emit(program), isa))
    frame = on_planes(counting, program.data(), width, height, 1, denoise)
    shipped_frame = on_planes(shipped, program.data(), width, height, 1, denoise)
    times = take_turns({"shipped": shipped_frame, "counting": frame}, rounds)
    f = counting.functions
    f.rt_ticks.restype = ctypes.POINTER(ctypes.c_uint64 * 256)
    f.rt_label.restype = ctypes.c_char_p
    ticks = f.rt_ticks().contents
    turns: list[dict[str, int]] = []
    for _ in range(rounds):
        ctypes.memset(ticks, 0, ctypes.sizeof(ticks))
        frame()
        turn: dict[str, int] = {}
        for number, count in enumerate(ticks):
            if count:
                label = f.rt_label(number).decode()
                turn[label] = turn.get(label, 0) + count
        turns.append(turn)
    # Medians of each: whatever interrupts a frame does so in one place.
    spent = {label: statistics.median(turn[label] for turn in turns) for label in turns[0]}
    medians = {name: 1000 * statistics.median(seconds) for name, seconds in times.items()}
    whole = spent["light"] + spent["apply"]
    ms = {label: medians["counting"] * count / whole for label, count in spent.items()}
    return {
        "size": f"{width}x{height}",
        "model": model.name,
        "isa": isa.name,
        "denoise": denoise,
        **medians,
        "calls": ms,
        "parts": parts(ms),
    }


def parts(calls: Mapping[str, float]) -> dict[str, float]:
    """Return what calls are for -> milliseconds; together they are the whole frame."""
    found: dict[str, float] = {}
    of_pass = dict.fromkeys(("reduce", "light", "apply"), 0.0)
    for label, ms in calls.items():
        owner, _, what = label.partition(": ")
        if not what:
            continue
        if owner.startswith("stage_"):
            owner, what = "grid", "cells"
        elif owner != "reduce":
            owner = "apply"
            what = next((name for pattern, name in KINDS if re.fullmatch(pattern, what)), what)
        part = f"{owner}: {what}"
        found[part] = found.get(part, 0.0) + ms
        of_pass["light" if owner == "grid" else owner] += ms
    if "reduce" in calls:
        found["reduce: window maxima and block sums"] = calls["reduce"] - of_pass["reduce"]
        found["grid: logarithms, statistics"] = calls["light"] - calls["reduce"] - of_pass["light"]
    found["apply: what lies between"] = calls["apply"] - of_pass["apply"]
    return dict(
        sorted(found.items(), key=lambda one: ("reduce", "grid", "apply").index(one[0].split(":")[0]))
    )


def table(result: dict[str, Any]) -> list[str]:
    """Return lines for people: milliseconds and nanoseconds a pixel."""
    width, height = map(int, result["size"].split("x"))
    lines = [
        f"{result['model']} {result['isa']} {result['size']} denoise {result['denoise']:g}: "
        f"{result['shipped']:.2f} ms as shipped, {result['counting']:.2f} ms with counters"
    ]
    lines += [
        f"  {ms:8.2f} ms {1e6 * ms / width / height:7.3f} ns/pixel  {part}"
        for part, ms in result["parts"].items()
    ]
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; return an exit code."""
    parser = Parser("python benchmarks/passes.py", __doc__)
    add = parser.add_argument
    add("--size", type=values.size, default=(1920, 1080), metavar="WxH", help="(1920x1080)")
    add("--model", default="night", help="name or file; paper: the paper's network, untrained")
    add("--isa", default="", help="instruction set (the best with f32)")
    add("--denoise", type=values.share, default=0.0, help="0 (default) to 1")
    add("--rounds", type=values.positive, default=15)
    add_json(parser)
    return run(measure, parser, words, extra="benchmark")


def measure(arguments: argparse.Namespace) -> None:
    """Print the table, and write it."""
    isa = instruction_set(arguments.isa)
    with tempfile.TemporaryDirectory() as folder:
        model = paper(Path(folder)) if arguments.model == "paper" else compilable(arguments.model)
        width, height = arguments.size
        result = profile(model, width, height, isa, arguments.denoise, arguments.rounds)
    print(*table(result), sep="\n")
    write_json(arguments.json, {"machine": facts(), "passes": result})


if __name__ == "__main__":
    sys.exit(main())
