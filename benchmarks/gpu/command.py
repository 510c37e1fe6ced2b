"""``python benchmarks/fps.py --device cuda``: engines on a GPU, how far from float64, how fast, against whom.

    python benchmarks/fps.py --device cuda[:N] [--sizes 1280x720,1920x1080] [--engines cuda,tensorrt]
                             [--frames 200] [--input CLIP] [--timeline FILE] [--json FILE]

Every row goes from NV12 to NV12 in the device's memory, as a CUDA graph on one stream where the engine can,
over 25 frames that take turns; its time is the median of single frames by the device's clock. ``frames`` rows
start and end in main memory, those of an ``--input`` in files. What cannot be measured here is named; nothing
is downloaded.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common import arguments as flags
from benchmarks.common.files import write_json
from benchmarks.gpu import device as gpu_device
from benchmarks.gpu import engines as gpu_engines
from benchmarks.gpu.device import dark_frames, timed
from benchmarks.gpu.rows import Record, error_of, row_of, say, table
from benchmarks.speed import file_to_file
from benchmarks.speed.spans import of_session
from model.command import Parser, run
from rtvideo import models, values
from rtvideo.colour import Coding, Matrix
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

#: Enough to see how frames follow each other.
TIMELINE_FRAMES = 30


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; return an exit code."""
    parser = Parser("python benchmarks/fps.py --device cuda", __doc__)
    add = parser.add_argument
    add("--device", type=_number, default=0, metavar="cuda[:N]", help="(cuda)")
    add("--sizes", type=flags.even_sizes, default=SIZES, help=f"even WIDTHxHEIGHT,... ({SIZES})")
    add("--engines", type=_engines, default=list(gpu_engines.ENGINES), help=", ".join(gpu_engines.ENGINES))
    add("--frames", type=values.positive, default=200, help="timed frames of a row")
    add("--input", action="append", default=[], type=Path, metavar="CLIP", help="file to file")
    add("--no-peers", action="store_true", help="the engines alone")
    add("--only-look", action="store_true", help="say whether there is a GPU, and end")
    add("--timeline", type=flags.target, metavar="FILE", help="trace of copies and work at 1920x1080")
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
    print(table(result))


def _number(text: str) -> int:
    found = re.fullmatch(r"cuda(?::(\d+))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: must be cuda or cuda:N")
    return int(found[1] or 0)


def _engines(text: str) -> list[str]:
    found = text.split(",")
    for name in found:
        if name not in gpu_engines.ENGINES:
            allowed = ", ".join(gpu_engines.ENGINES)
            raise argparse.ArgumentTypeError(f"{name!r}: on a GPU there are {allowed}")
    return found


def measure(device: CudaDevice, arguments: argparse.Namespace) -> Record:
    """Return ceilings and all rows."""
    sizes, engines = arguments.sizes, arguments.engines
    ceiling = gpu_device.ceilings(device)
    rows: list[Record] = []
    missing: list[str] = []
    spent = dict.fromkeys(engines, 0.0)
    for width, height in sizes:
        for row in _of_engines(
            engines, _geometry(width, height), arguments.frames, device.index, missing, spent
        ):
            rows.append(row)
            say(row)
    if not arguments.no_peers:
        for row in _peers(device, _geometry(*PEER_SIZE), arguments.frames, missing):
            rows.append(row)
            say(row)
    for row in rows:
        width, height = map(int, row["size"].split("x"))
        pixels = width * height
        row["share_of_peak"] = row["multiply_adds"] * pixels / row["ms"] / 1e6 / ceiling["gmac"]
        row["share_of_bandwidth"] = 3 * pixels / row["ms"] / 1e6 / ceiling["gbyte"]
    working = [name for name in engines if any(row["row"].startswith(f"{name} ") for row in rows)]
    files = _files(arguments.input, working, device.index, missing)
    return {"ceilings": ceiling, "rows": rows, "files": files, "not_measured": missing}


def _write_timeline(path: Path, device_index: int) -> None:
    from rtvideo.engines.gpu.cuda import CudaSession

    geometry = _geometry(*PEER_SIZE)
    session = CudaSession(models.find("night"), geometry, Settings(), device_index=device_index)
    made = of_session(session, dark_frames(geometry), TIMELINE_FRAMES)
    session.close()
    write_json(path, made.trace())
    print("busy:", ", ".join(f"{track} {share:.0%}" for track, share in made.busy().items()))


def _geometry(width: int, height: int) -> Geometry:
    return Geometry(width, height, "nv", 8, Coding(Matrix.BT709, full_range=False))


def _size(geometry: Geometry) -> str:
    return f"{geometry.width}x{geometry.height}"


def _truth(model: Model, geometry: Geometry, denoise: bool, frame: list[Plane]) -> list[Plane] | None:
    if importlib.util.find_spec("torch") is None:
        return None
    from benchmarks.gpu import peers as gpu_peers

    return gpu_peers.truth(model, geometry, denoise, frame)


def _of_engines(
    engines: Sequence[str],
    geometry: Geometry,
    frames: int,
    device_index: int,
    missing: list[str],
    spent: dict[str, float],
) -> Iterator[Record]:
    """Rows of the engines at one size; ``spent``: seconds on each so far, few for all but the first."""
    dark = dark_frames(geometry)
    for name in models.names():
        model = models.find(name)
        for denoise in (False, True) if model.has_denoise else (False,):
            exact = _truth(model, geometry, denoise, dark[0])
            cases = [(*case, 0.0) for case in itertools.product(engines, (False, True))]
            if "cuda" in engines and name == OVER_TIME:
                cases.append(("cuda", False, 1.0))
            for engine, half, temporal in cases:
                precision = ("f16" if half else "f32") + (", temporal" if temporal else "")
                what = f"{engine} {precision} on {name}{', NRM' if denoise else ''}, {_size(geometry)}"
                if engine != engines[0] and sum(spent.values()) - spent[engines[0]] > ENGINE_SECONDS:
                    missing.append(f"{what}: out of time")
                    continue
                began = time.perf_counter()
                try:
                    one = gpu_engines.measure(
                        engine, model, geometry, denoise, half, dark, frames, device_index, temporal
                    )
                except UnavailableError as error:
                    missing.append(f"{what}: {error}")
                    continue
                finally:
                    spent[engine] += time.perf_counter() - began
                row = row_of(model, geometry, denoise, f"{engine} {precision}", one.kernels)
                truth = None if temporal else exact  # a frame by itself is not what it should be
                yield row | {"seconds_to_first_frame": one.ready} | error_of(one.made, truth)
                yield row_of(model, geometry, denoise, f"{engine} {precision}, frames", one.frames)


def _files(
    clips: Sequence[Path], engines: Sequence[str], device_index: int, missing: list[str]
) -> list[Record]:
    """Rows from file to file, with the copying of frames in place of an engine as the bound."""
    if not clips:
        missing.append("file to file: no --input")
        return []
    rows = [("copy", 0.0), *itertools.product(engines, (0.0, 1.0))]
    return [
        record
        for clip in clips
        for record in file_to_file.measure(
            clip, engines, "ultrafast", 120, 3, rows=rows, device=f"cuda:{device_index}"
        )
    ]


def _peers(device: CudaDevice, geometry: Geometry, frames: int, missing: list[str]) -> Iterator[Record]:
    """Rows of what else can do it; ``missing`` takes what cannot be measured here, and why."""
    if importlib.util.find_spec("torch") is None:
        missing.append("PyTorch: torch is not installed")
        return
    from benchmarks.gpu import peers as gpu_peers

    dark = dark_frames(geometry)
    began = time.perf_counter()
    for name in models.names():
        model = models.find(name)
        for denoise in (False, True) if model.has_denoise else (False,):
            exact = gpu_peers.truth(model, geometry, denoise, dark[0])
            for engine, peer in gpu_peers.peers(model, geometry, denoise).items():
                if time.perf_counter() - began > PEER_SECONDS:
                    missing.append(f"{engine} on {name}{', NRM' if denoise else ''}: out of time")
                    continue
                start = time.perf_counter()
                try:
                    frame, stream = peer.start(dark)
                except Exception as error:  # a peer that fails is a line and not the end
                    why = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:100]}"
                    missing.append(f"{engine} on {name}: {why}")
                    continue
                ready = time.perf_counter() - start
                row = row_of(model, geometry, denoise, engine, timed(device, stream, frame, frames))
                yield row | {"seconds_to_first_frame": ready} | error_of(peer.once(dark[0]), exact)
