"""``python benchmarks/fps.py --device cuda``: engines on a GPU, how far from float64, how fast, against whom.

    python benchmarks/fps.py --device cuda[:N] [--sizes 1280x720,1920x1080] [--engines cuda,tensorrt]
                             [--models night,ruas] [--frames 200] [--input CLIP] [--timeline FILE]
                             [--rows FILE] [--json FILE]

Every row goes from NV12 to NV12 in the device's memory, as a CUDA graph on one stream where the engine can,
over 25 frames that take turns; its time is the median of single frames by the device's clock. ``frames`` rows
start and end in main memory, those of an ``--input`` in files. What cannot be measured here is named; nothing
is downloaded. ``--rows`` takes each row as soon as it is there.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common import arguments as flags
from benchmarks.common.files import write_json
from benchmarks.gpu import arguments as gpu_arguments
from benchmarks.gpu import device as gpu_device
from benchmarks.gpu import engines as gpu_engines
from benchmarks.gpu.device import dark_frames, timed
from benchmarks.gpu.rows import (
    Record,
    RowFile,
    error_of,
    line_of,
    not_measured,
    row_of,
    shares_of,
    table,
)
from benchmarks.gpu.sources import sized
from benchmarks.speed import file_to_file
from benchmarks.speed.spans import of_session
from model.command import Parser, run
from rtvideo import models, values
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.models import Model

SIZES = "1280x720,1920x1080,3840x2160"

#: Peers at this size alone: PyTorch's compiler takes most of a minute for each.
PEER_SIZE = (1920, 1080)

#: The model that is timed with the frames before too: to compile the kernels of all of them takes long.
OVER_TIME = "night"

#: Seconds after which no further engine but the first is begun, and no further peer.
ENGINE_SECONDS, PEER_SECONDS = 50.0, 80.0

#: Of the ceilings.
UNITS = "GMAC/s f32", "GB/s copied"

#: Enough to see how frames follow each other.
TIMELINE_FRAMES = 30


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; return an exit code."""
    parser = Parser("python benchmarks/fps.py --device cuda", __doc__)
    add = parser.add_argument
    add("--device", type=gpu_arguments.device, default=0, metavar="cuda[:N]", help="(cuda)")
    add("--sizes", type=flags.even_sizes, default=SIZES, help=f"even WIDTHxHEIGHT,... ({SIZES})")
    add("--engines", type=_engines, default=list(gpu_engines.ENGINES), help=", ".join(gpu_engines.ENGINES))
    add("--models", type=lambda text: text.split(","), default=[], help="(all)")
    add("--frames", type=values.positive, default=200, help="timed frames of a row")
    add("--input", action="append", default=[], type=Path, metavar="CLIP", help="file to file")
    add("--no-peers", action="store_true", help="the engines alone")
    add("--only-look", action="store_true", help="say whether there is a GPU, and end")
    add("--timeline", type=flags.target, metavar="FILE", help="trace of copies and work at 1920x1080")
    add("--rows", type=flags.target, metavar="FILE", help="add a line of JSON for each row, when it is there")
    flags.add_json(parser)
    return run(_measure, parser, words, extra="cuda")


def _measure(arguments: argparse.Namespace) -> None:
    try:
        device = CudaDevice(arguments.device)
        device.use()
        compiler = ".".join(map(str, nvrtc.version()))
    except UnavailableError as error:
        raise UnavailableError(f"{error}; nothing was measured") from None
    major, minor = device.capability
    print(f"{device.name}, compute capability {major}.{minor}, NVRTC {compiler}")
    if arguments.only_look:
        return
    result = measure(device, arguments)
    if arguments.timeline is not None:
        _write_timeline(arguments.timeline, device.index)
    result["device"] = device.name
    result["capability"], result["driver"], result["nvrtc"] = device.capability, device.driver, compiler
    write_json(arguments.json, result)
    peaks = [f"{value:.0f} {unit}" for value, unit in zip(result["ceilings"].values(), UNITS, strict=False)]
    print(*result["not_measured"], *(_file_line(record) for record in result["files"]), sep="\n")
    print(f"{device.name}: {', '.join(peaks) or 'no ceilings'}", table(result["rows"]), sep="\n")


def _file_line(record: Record) -> str:
    share = f", {record['of_free']:.2f} of free enhancement" if "of_free" in record else ""
    return f"{record['clip']} {record['size']}: {record['row']}: {record['fps']:.0f} frames/s{share}"


def _engines(text: str) -> list[str]:
    found = text.split(",")
    for name in found:
        if name not in gpu_engines.ENGINES:
            allowed = ", ".join(gpu_engines.ENGINES)
            raise argparse.ArgumentTypeError(f"{name!r}: on a GPU there are {allowed}")
    return found


def measure(device: CudaDevice, arguments: argparse.Namespace) -> Record:
    """Return ceilings, all rows, and files; each row is printed and written as it comes."""
    rows = RowFile(arguments.rows, "frames")
    ceiling: dict[str, float] = {}
    with rows.guarded("arithmetic and copying of the device"):
        ceiling = gpu_device.ceilings(device)

    def take(found: Iterator[Record]) -> None:
        for row in found:
            rows.add(row | shares_of(row, ceiling), line_of(row))

    spent = dict.fromkeys(arguments.engines, 0.0)
    for width, height in arguments.sizes:
        take(_of_engines(arguments, sized(width, height), rows, spent))
    if not arguments.no_peers:
        take(_peers(device, sized(*PEER_SIZE), arguments, rows))
    measured = [row for row in rows.rows if "missing" not in row]
    working = [
        name for name in arguments.engines if any(row["row"].startswith(f"{name} ") for row in measured)
    ]
    files = _files(arguments.input, working, device.index, rows)
    return {"ceilings": ceiling, "rows": measured, "files": files, "not_measured": not_measured(rows.rows)}


def _write_timeline(path: Path, device_index: int) -> None:
    from rtvideo.engines.gpu.cuda import CudaSession

    geometry = sized(*PEER_SIZE)
    session = CudaSession(models.find("night"), geometry, Settings(), device_index=device_index)
    made = of_session(session, dark_frames(geometry), TIMELINE_FRAMES)
    session.close()
    write_json(path, made.trace())
    print("busy:", ", ".join(f"{track} {share:.0%}" for track, share in made.busy().items()))


def _size(geometry: Geometry) -> str:
    return f"{geometry.width}x{geometry.height}"


def _truth(model: Model, geometry: Geometry, denoise: bool, frame: list[Plane]) -> list[Plane] | None:
    if importlib.util.find_spec("torch") is None:
        return None
    from benchmarks.gpu import peers as gpu_peers

    return gpu_peers.truth(model, geometry, denoise, frame)


def _of_engines(
    arguments: argparse.Namespace, geometry: Geometry, rows: RowFile, spent: dict[str, float]
) -> Iterator[Record]:
    """Rows of the engines at one size; ``spent``: seconds on each so far, few for all but the first."""
    dark = dark_frames(geometry)
    engines = arguments.engines
    for model, denoise in _networks(arguments.models):
        exact = None
        with rows.guarded(f"truth of {model.name}{', NRM' if denoise else ''}, {_size(geometry)}"):
            exact = _truth(model, geometry, denoise, dark[0])
        cases = [(*case, 0.0) for case in itertools.product(engines, ("f32", "f16"))]
        if "cuda" in engines and model.name == OVER_TIME:
            cases.append(("cuda", "f32", 1.0))
            cases += [("cuda", "tensor", 0.0)] if denoise else []
        for engine, numbers, temporal in cases:
            precision = numbers + (", temporal" if temporal else "")
            what = f"{engine} {precision} on {model.name}{', NRM' if denoise else ''}, {_size(geometry)}"
            if engine != engines[0] and sum(spent.values()) - spent[engines[0]] > ENGINE_SECONDS:
                rows.miss(what, "out of time")
                continue
            began = time.perf_counter()
            with rows.guarded(what):
                one = gpu_engines.measure(
                    engine, model, geometry, denoise, numbers, dark, arguments.frames, arguments.device,
                    temporal,
                )  # fmt: skip
                row = row_of(model, geometry, denoise, f"{engine} {precision}", one.kernels)
                truth = None if temporal else exact  # a frame by itself is not what it should be
                yield row | {"seconds_to_first_frame": one.ready} | error_of(one.made, truth)
                yield row_of(model, geometry, denoise, f"{engine} {precision}, frames", one.frames)
            spent[engine] += time.perf_counter() - began


def _networks(names: Sequence[str]) -> Iterator[tuple[Model, bool]]:
    """Yield models without noise removal, and with it where they have it."""
    for name in names or models.names():
        model = models.find(name)
        for denoise in (False, True) if model.has_denoise else (False,):
            yield model, denoise


def _files(clips: Sequence[Path], engines: Sequence[str], device_index: int, rows: RowFile) -> list[Record]:
    """Rows from file to file, with the copying of frames in place of an engine as the bound."""
    if not clips:
        rows.miss("file to file", "no --input")
        return []
    asked = [("copy", 0.0), *itertools.product(engines, (0.0, 1.0))]
    return [
        record
        for clip in clips
        for record in file_to_file.measure(
            clip, engines, "ultrafast", 120, 3, rows=asked, device=f"cuda:{device_index}"
        )
    ]


def _peers(
    device: CudaDevice, geometry: Geometry, arguments: argparse.Namespace, rows: RowFile
) -> Iterator[Record]:
    """Rows of what else can do it."""
    if importlib.util.find_spec("torch") is None:
        rows.miss("PyTorch", "torch is not installed")
        return
    from benchmarks.gpu import peers as gpu_peers

    dark = dark_frames(geometry)
    began = time.perf_counter()
    for model, denoise in _networks(arguments.models):
        exact, found = None, {}
        with rows.guarded(f"PyTorch on {model.name}{', NRM' if denoise else ''}"):
            exact = gpu_peers.truth(model, geometry, denoise, dark[0])
            found = gpu_peers.peers(model, geometry, denoise)
        for engine, peer in found.items():
            what = f"{engine} on {model.name}{', NRM' if denoise else ''}"
            if time.perf_counter() - began > PEER_SECONDS:
                rows.miss(what, "out of time")
                continue
            with rows.guarded(what):
                start = time.perf_counter()
                frame, stream = peer.start(dark)
                ready = time.perf_counter() - start
                row = row_of(model, geometry, denoise, engine, timed(device, stream, frame, arguments.frames))
                yield row | {"seconds_to_first_frame": ready} | error_of(peer.once(dark[0]), exact)
