"""How fast: engines against each other and against the processor's peak, and rtvideo file to file.

    python benchmarks/fps.py [--sizes 640x360,1920x1080] [--engines fused,onnx,filters] [--input CLIP]
                             [--peer NAME=FILE.onnx] [--threads 1,2] [--json FILE]
    python benchmarks/fps.py --device cuda [--sizes ...] [--engines cuda,onnx] [--input CLIP] [--json FILE]

All contestants of a size take turns, so that whatever else the machine does meets all of them; figures are
medians, and ratios within one run are what counts. ``fused`` includes colour conversion, the others do not.
What runs on a GPU is measured by `benchmarks.gpu`, which has flags of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import end_to_end
from benchmarks.contestants import Contestant, Frame, contestants
from benchmarks.machine import facts
from benchmarks.peak import Peak
from model.scene.sample import make_clip
from rtvideo.cpus import usable_cpus
from rtvideo.errors import RtvideoError, UsageError

ENGINES = ("fused", "onnx", "torch", "openvino", "filters")
SIZES = "640x360,1280x720,1920x1080,3840x2160"

#: Seconds that a turn should last at least: short frames are repeated. Long ones take three turns at most.
TURN, LONG = 0.03, 1.0

Record = dict[str, Any]


def take_turns(
    frames: Mapping[str, Frame], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return seconds a frame of each contestant in each round, after one or two untimed frames."""
    one: dict[str, float] = {}
    for name, frame in frames.items():
        for _ in range(2):  # the first pays for memory that is touched for the first time
            began = clock()
            frame()
            one[name] = clock() - began
            if one[name] > LONG:
                break
    times: dict[str, list[float]] = {name: [] for name in frames}
    for number in range(rounds):
        for name, frame in frames.items():
            if number >= 3 and one[name] > LONG:
                continue
            repeats = max(1, round(TURN / max(one[name], 1e-6)))
            began = clock()
            for _ in range(repeats):
                frame()
            times[name].append((clock() - began) / repeats)
    return times


def compare(
    width: int, height: int, threads: int, those: Sequence[Contestant], rounds: int
) -> tuple[list[Record], float]:
    """Return a record for each contestant at one size, and the peak in 10^9 multiply-adds a second."""
    peak = Peak(threads)
    frames: dict[str, Frame] = {str(k): one.open(width, height, threads) for k, one in enumerate(those)}
    times = take_turns({"peak": peak, **frames}, rounds)
    ceiling = peak.multiply_adds / min(times["peak"])
    return records(width, height, threads, those, [times[str(k)] for k in range(len(those))], ceiling), (
        ceiling / 1e9
    )


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


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Return ``WxH,WxH`` as pairs, none of an empty text. Raises UsageError where it is written otherwise."""
    if not text:
        return []
    found = [re.fullmatch(r"(\d{2,5})x(\d{2,5})", part) for part in text.split(",")]
    if not all(found):
        raise UsageError(f"--sizes {text!r}: must be WIDTHxHEIGHT, several with commas: {SIZES}")
    return [(int(one[1]), int(one[2])) for one in found if one]


def parse_threads(text: str) -> list[int]:
    """Return ``1,2,4`` as sorted numbers. Raises UsageError where it is written otherwise."""
    if not re.fullmatch(r"[1-9]\d?(,[1-9]\d?)*", text):
        raise UsageError(f"--threads {text!r}: must be numbers from 1 to 99, several with commas: 1,2,4")
    return sorted({int(part) for part in text.split(",")})


def parse_engines(text: str) -> list[str]:
    """Return the engines named. Raises UsageError for another one."""
    found = text.split(",")
    for name in found:
        if name not in ENGINES:
            raise UsageError(f"--engines {name!r}: allowed: {', '.join(ENGINES)}")
    return found


def line(record: Record) -> str:
    """Return a record for people."""
    low, high = record["spread_ms"]
    ratio, share = record["times_onnxruntime"], record["share_of_peak"]
    return (
        f"{record['size']:10} {record['threads']:2} thr  {record['network']:15} {record['engine']:25} "
        f"{record['ms']:9.2f} ms ({low:.2f} to {high:.2f})"
        + (f"  {ratio:6.1f} x onnxruntime" if ratio else "")
        + (f"  {share:5.1%} of peak" if share and share > 0.005 else "")
    )


def run(arguments: argparse.Namespace) -> Record:
    """Measure what the arguments ask for, print it on the way, and return all of it."""
    sizes, threads = parse_sizes(arguments.sizes), parse_threads(arguments.threads or str(usable_cpus()))
    engines = parse_engines(arguments.engines)
    result: Record = {"machine": facts(), "peak": {}, "engines": [], "threads": [], "files": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        those = list(contestants(folder, engines, arguments.peer))
        for width, height in sizes:
            table, peak = compare(width, height, threads[-1], those, arguments.rounds)
            result["engines"] += table
            result["peak"][f"{width}x{height}"] = peak
            print(f"{width}x{height}: f32 peak {peak:.1f} GMAC/s", *map(line, table), sep="\n", flush=True)
        ours = [one for one in those if one.engine.startswith("fused")]
        if sizes and len(threads) > 1:
            result["threads"] = scaling(*sizes[-1], threads, ours, arguments.rounds)
            print(*map(line, result["threads"]), sep="\n", flush=True)
        for clip in arguments.input:
            for preset in ("ultrafast", "medium"):
                table = end_to_end.measure(clip, engines, preset, arguments.frames, arguments.runs)
                result["files"] += table
                for record in table:
                    what = (
                        f"{record['row']}, denoise {record['denoise']}"
                        if "denoise" in record
                        else record["row"]
                    )
                    print(f"{clip.name} {preset:10} {what:45} {record['fps']:7.1f} frames/s", flush=True)
        sample = folder / "sample.mp4"
        make_clip(sample, seconds=0.5, size=(640, 360))
        result["start_up_seconds"] = end_to_end.start_up(sample, arguments.runs)
        print("start-up:", *(f"{k} {v:.2f} s" for k, v in result["start_up_seconds"].items()))
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; return an exit code."""
    assert __doc__ is not None
    where = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    where.add_argument(
        "--device", default="cpu", help="cpu (default), or cuda[:N]; see benchmarks/gpu.py --help"
    )
    device, others = where.parse_known_args(argv)
    if device.device != "cpu":
        from benchmarks import gpu

        return gpu.main(["--device", device.device, *others])
    parser = argparse.ArgumentParser(
        prog="benchmarks/fps.py", description=__doc__.splitlines()[0], parents=[where]
    )
    parser.add_argument("--sizes", default=SIZES, help=f"WIDTHxHEIGHT,... or '' (default {SIZES})")
    parser.add_argument(
        "--engines", default=",".join(ENGINES), help="those that are not installed are left out"
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE.onnx")
    parser.add_argument(
        "--input", action="append", default=[], type=Path, metavar="CLIP", help="file to file"
    )
    parser.add_argument("--threads", help="1,2,...: tables at the largest, then what each costs (all cores)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant")
    parser.add_argument("--runs", type=int, default=3, help="runs of each file-to-file row")
    parser.add_argument("--frames", type=int, default=120, help="of a clip, at most")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    try:
        result = run(arguments)
    except RtvideoError as error:
        print(f"fps.py: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
