"""How fast: engines against each other and against the processor's peak, and rtvideo file to file.

    python benchmarks/fps.py [--sizes 640x360,1920x1080] [--engines fused,onnx,filters] [--input CLIP]
                             [--peer NAME=FILE.onnx] [--threads 1,2] [--json FILE]
    python benchmarks/fps.py --engines fused,temporal       # what looking at the frames before costs
    python benchmarks/fps.py --sizes '' --input CLIP --bound  # file to file, against the processor's bound
    python benchmarks/fps.py --device cuda [--sizes ...] [--engines cuda,onnx] [--input CLIP] [--json FILE]

All contestants of a size take turns, so that whatever else the machine does meets all of them; figures are
medians, and ratios within one run are what counts. ``fused`` includes colour conversion, the others do not.
Engines whose packages are missing are named and left out; ``pip install '.[benchmark]'`` brings most of them.
What runs on a GPU is measured by `benchmarks.gpu.command`, which has flags of its own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import arguments as flags
from benchmarks.common.files import write_json
from benchmarks.common.machine import facts
from benchmarks.speed import file_to_file
from benchmarks.speed.contestants import ENGINES, PAPER_NEEDS, Contestant, contestants, missing
from benchmarks.speed.peak import Peak
from benchmarks.speed.turns import Frame, take_turns
from model.command import Parser, run
from rtvideo import values
from rtvideo.cpus import usable_cpus
from rtvideo.errors import UnavailableError
from rtvideo.sample.clip import make_clip

#: What pip installs for the packages of an engine.
BENCHMARK = "'.[benchmark]'"
INSTALLED_BY = {"torch": f"'.[torch]' {BENCHMARK}", "openvino": "openvino"}

SIZES = "640x360,1280x720,1920x1080,3840x2160"

Record = dict[str, Any]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; return an exit code."""
    device = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    device.add_argument("--device", default="cpu")
    if device.parse_known_args(words)[0].device != "cpu":
        from benchmarks.gpu import command

        return command.main(words)
    return run(measure, _parser(), words, extra="benchmark")


def measure(arguments: argparse.Namespace) -> None:
    """Measure what the arguments ask for, print it on the way, and write all of it."""
    check(arguments)
    result: Record = {"machine": facts(), "peak": {}, "engines": [], "threads": [], "files": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        those = list(contestants(folder, arguments.engines, arguments.peer))
        for width, height in arguments.sizes:
            table, peak = compare(width, height, arguments.threads[-1], those, arguments.rounds)
            result["engines"] += table
            result["peak"][f"{width}x{height}"] = peak
            head = f"f32 peak {peak:.1f} GMAC/s" if peak else "no compiler, so no peak: pip install ziglang"
            print(f"{width}x{height}: {head}", *map(line, table), sep="\n", flush=True)
        ours = [one for one in those if one.engine.startswith("fused")]
        if arguments.sizes and len(arguments.threads) > 1:
            width, height = arguments.sizes[-1]
            result["threads"] = scaling(width, height, arguments.threads, ours, arguments.rounds)
            print(*map(line, result["threads"]), sep="\n", flush=True)
        for clip in arguments.input:
            for preset in ("ultrafast", "medium"):
                table = file_to_file.measure(
                    clip, arguments.engines, preset, arguments.frames, arguments.runs, bound=arguments.bound
                )
                result["files"] += table
                print(*(file_to_file.line(record) for record in table), sep="\n", flush=True)
        sample = folder / "sample.mp4"
        make_clip(sample, seconds=0.5, size=(640, 360))
        result["start_up_seconds"] = file_to_file.start_up(sample, arguments.runs)
        print("start-up:", *(f"{k} {v:.2f} s" for k, v in result["start_up_seconds"].items()))
    write_json(arguments.json, result)


def check(arguments: argparse.Namespace) -> None:
    """Refuse what could not be measured, and name the engines that are left out, before work begins.

    Raises:
        InputError: a clip cannot be read.
        UnavailableError: a peer is not a network.
    """
    for clip in arguments.input:
        file_to_file.size_of(clip)
    if arguments.peer:
        from benchmarks.methods.onnx import open_network

        for _, path in arguments.peer:
            open_network(path)
    needs = {engine: ENGINES[engine] for engine in arguments.engines} | {"the paper's network": PAPER_NEEDS}
    for what, packages in needs.items():
        if names := missing(packages):
            advice = f"pip install {INSTALLED_BY.get(what, BENCHMARK)}"
            print(f"left out: {what} ({', '.join(names)} not installed; {advice})", file=sys.stderr)


def compare(
    width: int, height: int, threads: int, those: Sequence[Contestant], rounds: int
) -> tuple[list[Record], float | None]:
    """Return a record for each contestant at one size, and the peak in 10^9 multiply-adds a second.

    Contestants that cannot run here are named and left out; so is the peak where there is no compiler.
    """
    frames: dict[int, Frame] = {}
    for k, one in enumerate(those):
        try:
            frames[k] = one.open(width, height, threads)
        except UnavailableError as error:
            print(f"left out: {one.engine} on {one.network}: {error}", file=sys.stderr)
    try:
        peak = Peak(threads)
    except UnavailableError:
        peak = None
    turns: dict[str, Frame] = {str(k): frame for k, frame in frames.items()}
    times = take_turns(({} if peak is None else {"peak": peak}) | turns, rounds)
    ceiling = float("inf") if peak is None else peak.multiply_adds / min(times["peak"])
    table = records(
        width, height, threads, [those[k] for k in frames], [times[str(k)] for k in frames], ceiling
    )
    return table, None if peak is None else ceiling / 1e9


def scaling(
    width: int, height: int, threads: Sequence[int], those: Sequence[Contestant], rounds: int
) -> list[Record]:
    """Return a record for each contestant and number of threads, all of which take turns too."""
    frames = {f"{n} {k}": one.open(width, height, n) for n in threads for k, one in enumerate(those)}
    times = take_turns(frames, rounds)
    return [
        record
        for n in threads
        for record in records(
            width, height, n, those, [times[f"{n} {k}"] for k in range(len(those))], ceiling=float("inf")
        )
    ]


def records(
    width: int,
    height: int,
    threads: int,
    those: Sequence[Contestant],
    times: Sequence[Sequence[float]],
    ceiling: float,
) -> list[Record]:
    """Return the table's rows: time, share of ``ceiling``, ratio to onnxruntime on the same network."""
    medians = [statistics.median(seconds) for seconds in times]
    base = {o.network: m for o, m in zip(those, medians, strict=True) if o.engine == "onnxruntime"}
    return [
        {
            "size": f"{width}x{height}",
            "threads": threads,
            "network": one.network,
            "engine": one.engine,
            "ms": 1000 * median,
            "spread_ms": [1000 * min(seconds), 1000 * max(seconds)],
            "times_onnxruntime": base[one.network] / median if one.network in base else None,
            "share_of_peak": one.multiply_adds * width * height / median / ceiling or None,
        }
        for one, seconds, median in zip(those, times, medians, strict=True)
    ]


def line(record: Mapping[str, Any]) -> str:
    """Return a record for people."""
    low, high = record["spread_ms"]
    ratio, share = record["times_onnxruntime"], record["share_of_peak"]
    return (
        f"{record['size']:10} {record['threads']:2} thr  {record['network']:15} {record['engine']:29} "
        f"{record['ms']:9.2f} ms ({low:.2f} to {high:.2f})"
        + (f"  {ratio:6.1f} x onnxruntime" if ratio else "")
        + (f"  {share:5.1%} of peak" if share and share > 0.005 else "")
    )


def _engines(text: str) -> list[str]:
    found = text.split(",")
    for name in found:
        if name not in ENGINES:
            raise argparse.ArgumentTypeError(f"{name!r} is not an engine; allowed: {', '.join(ENGINES)}")
    return found


def _threads(text: str) -> list[int]:
    return sorted({values.positive(part) for part in text.split(",")})


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/fps.py", __doc__)
    add = parser.add_argument
    add("--device", default="cpu", help="cpu (default), or cuda[:N]: see --device cuda --help")
    add("--sizes", type=flags.sizes, default=SIZES, help=f"WIDTHxHEIGHT,... or '' (default {SIZES})")
    usual = ",".join(name for name in ENGINES if name != "temporal")
    add("--engines", type=_engines, default=usual, help=f"of {', '.join(ENGINES)} (default {usual})")
    flags.add_peer(parser)
    add("--input", action="append", default=[], type=Path, metavar="CLIP", help="file to file")
    add("--bound", action="store_true", help="with --input: the frames a second that the processor allows")
    add(
        "--threads",
        type=_threads,
        default=[usable_cpus()],
        help="1,2,...: tables at the largest, then what each costs (all cores)",
    )
    add("--rounds", type=values.positive, default=7, help="turns of each contestant")
    add("--runs", type=values.positive, default=3, help="runs of each file-to-file row")
    add("--frames", type=values.positive, default=120, help="of a clip, at most")
    flags.add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
