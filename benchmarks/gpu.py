"""The CUDA engine on a GPU: how far from float64, how fast, and against what else is there.

    python benchmarks/gpu.py [--sizes 1280x720,1920x1080] [--frames 200] [--json FILE]

Every row goes from NV12 to NV12 in the device's memory, as a CUDA graph on one stream, over 25 frames that
take turns; its time is the median of single frames by the device's clock. ``frames`` rows start and end in
main memory. What is not installed is named; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import gpu_device
from benchmarks.gpu_device import Timing, dark_frames, on_device, timed, to_host
from rtvideo import models
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.base import Geometry, Plane, Settings
from rtvideo.engines.cuda import CudaSession
from rtvideo.errors import RtvideoError, UsageError
from rtvideo.kernels import weights
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.driver import Device
from rtvideo.kernels.cuda.network import Network
from rtvideo.kernels.library import format_of
from rtvideo.kernels.lower import lower
from rtvideo.models import Model
from rtvideo.models.shapes import multiply_adds

Record = dict[str, Any]

SIZES = "1280x720,1920x1080,3840x2160"

#: Peers at this size alone: PyTorch's compiler takes most of a minute for each.
PEER_SIZE = (1920, 1080)

#: After so many seconds no further peer is begun.
PEER_SECONDS = 110.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; return an exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.py", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=SIZES, help=f"even WIDTHxHEIGHT,... (default {SIZES})")
    parser.add_argument("--frames", type=int, default=200, help="timed frames of a row")
    parser.add_argument("--no-peers", action="store_true", help="the engine alone")
    parser.add_argument("--only-look", action="store_true", help="say whether there is a GPU, and end")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    try:
        device = Device()
        compiler = ".".join(map(str, nvrtc.version()))
    except RtvideoError as error:
        print(f"gpu_check: {error}; nothing was measured", file=sys.stderr)
        return int(error.exit_code)
    print(
        f"{device.name}, compute capability {device.capability[0]}.{device.capability[1]}, NVRTC {compiler}"
    )
    if arguments.only_look:
        return 0
    try:
        result = measure(device, parse_sizes(arguments.sizes), arguments.frames, not arguments.no_peers)
    except RtvideoError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return int(error.exit_code)
    result["device"] = device.name
    result["capability"], result["driver"], result["nvrtc"] = device.capability, device.driver, compiler
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    return 0


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Return ``WxH,WxH`` as pairs of even numbers. Raises UsageError where it is written otherwise."""
    try:
        sizes = [(int(w), int(h)) for w, h in (part.split("x") for part in text.split(","))]
    except ValueError:
        sizes = []
    if not sizes or any(w < 2 or h < 2 or w % 2 or h % 2 for w, h in sizes):
        raise UsageError(f"--sizes {text!r}: must be even WIDTHxHEIGHT, several with commas: {SIZES}")
    return sizes


def measure(device: Device, sizes: Sequence[tuple[int, int]], frames: int, peers: bool) -> Record:
    """Return ceilings and all rows."""
    ceiling = gpu_device.ceilings(device)
    rows: list[Record] = []
    missing: list[str] = []
    for width, height in sizes:
        geometry = Geometry(width, height, "nv", 8, Coding(Matrix.BT709, full_range=False))
        dark = dark_frames(geometry)
        for name in models.names():
            model = models.find(name)
            for denoise in (False, True) if model.has_denoise else (False,):
                exact = _truth(model, geometry, denoise, dark[0])
                for half in (False, True):
                    rows.append(_ours(device, model, geometry, denoise, half, dark, frames, exact))
                    _say(rows[-1])
                rows.append(_from_host(model, geometry, denoise, dark, frames))
                _say(rows[-1])
    if peers:
        geometry = Geometry(*PEER_SIZE, "nv", 8, Coding(Matrix.BT709, full_range=False))
        for row in _peers(device, geometry, frames, missing):
            rows.append(row)
            _say(row)
    for row in rows:
        width, height = map(int, row["size"].split("x"))
        pixels = width * height
        row["share_of_peak"] = row["multiply_adds"] * pixels / row["ms"] / 1e6 / ceiling["gmac"]
        row["share_of_bandwidth"] = 3 * pixels / row["ms"] / 1e6 / ceiling["gbyte"]
    return {"ceilings": ceiling, "rows": rows, "not_measured": missing}


def _truth(model: Model, geometry: Geometry, denoise: bool, frame: list[Plane]) -> list[Plane] | None:
    if importlib.util.find_spec("torch") is None:
        return None
    from benchmarks import gpu_peers

    return gpu_peers.truth(model, geometry, denoise, frame)


def _ours(
    device: Device, model: Model, geometry: Geometry, denoise: bool, half: bool,
    dark: list[list[Plane]], frames: int, exact: list[Plane] | None,
) -> Record:  # fmt: skip
    """The kernels by themselves."""
    assert model.description is not None and model.weights is not None
    values = weights.read(model.weights)
    packed = lower(model.description, values, half=True).packed if half else frozenset()
    program = lower(model.description, values)
    began = time.perf_counter()
    network = Network(device, program, packed, geometry.width, geometry.height, format_of(geometry))
    network.prepare(denoise)
    ready = time.perf_counter() - began
    with on_device(device, dark) as sources, on_device(device, [dark[0]]) as (out,):

        def frame(k: int) -> None:
            network.run(sources[k % len(sources)], out, 1.0, float(denoise))

        timing = timed(device, network.stream, frame, frames)
        frame(0)
        device.call("cuStreamSynchronize", network.stream)
        made = [to_host(device, plane, like) for plane, like in zip(out, dark[0], strict=True)]
    network.close()
    row = _row(model, geometry, denoise, f"cuda {'f16' if half else 'f32'}", timing)
    return row | {"seconds_to_first_frame": ready} | _error(made, exact)


def _from_host(
    model: Model, geometry: Geometry, denoise: bool, dark: list[list[Plane]], frames: int
) -> Record:
    """The engine as a pipeline uses it: frames in main memory, copies included."""
    session = CudaSession(model, geometry, Settings(denoise=float(denoise)))
    outs = [geometry.empty() for _ in range(3)]
    for k in range(5):
        session.submit(dark[k % len(dark)], outs[k % 3])
        session.receive()
    began = time.perf_counter()
    for k in range(frames):
        session.submit(dark[k % len(dark)], outs[k % 3])
        session.receive()
    session.flush()
    while session.receive() is not None:
        pass
    each = 1000 * (time.perf_counter() - began) / frames
    session.close()
    return _row(model, geometry, denoise, "cuda f32, frames", Timing(each, each))


def _peers(device: Device, geometry: Geometry, frames: int, missing: list[str]) -> Iterator[Record]:
    """Rows of what else can do it; ``missing`` takes what cannot be measured here, and why."""
    for package, engine in (("tensorrt", "TensorRT"), ("onnxruntime", "onnxruntime CUDA")):
        there = importlib.util.find_spec(package) is not None
        missing.append(f"{engine}: {'no row for it yet' if there else f'{package} is not installed'}")
    if importlib.util.find_spec("torch") is None:
        missing.append("PyTorch: torch is not installed")
        return
    from benchmarks import gpu_peers

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
                row = _row(model, geometry, denoise, engine, timed(device, stream, frame, frames))
                yield row | {"seconds_to_first_frame": ready} | _error(peer.once(dark[0]), exact)


def _row(model: Model, geometry: Geometry, denoise: bool, engine: str, timing: Timing) -> Record:
    assert model.description is not None
    light, noise = multiply_adds(model.description)
    return {
        "row": engine,
        "network": f"{model.name}, IEM+NRM" if denoise else f"{model.name}, IEM",
        "size": f"{geometry.width}x{geometry.height}",
        "ms": timing.median,
        "sustained_ms": timing.sustained,
        "fps": 1000 / timing.sustained,
        "multiply_adds": light + denoise * noise,
    }


def _error(made: list[Plane], exact: list[Plane] | None) -> Record:
    """Return the largest error in codes, and the share of samples that are off at all."""
    if exact is None:
        return {"worst_code": None, "share_off": None}
    off = [np.abs(a.astype(int) - b) for a, b in zip(made, exact, strict=True)]
    count = sum(one.size for one in off)
    return {
        "worst_code": max(int(one.max()) for one in off),
        "share_off": sum(int((one > 0).sum()) for one in off) / count,
    }


def _say(row: Record) -> None:
    print(f"{row['size']:10} {row['network']:15} {row['row']:25} {row['ms']:9.4f} ms", flush=True)


def table(result: Record) -> str:
    """Return the result for people, short enough for the end of a log."""
    ceiling = result["ceilings"]
    lines = [
        f"{result['device']}: {ceiling['gmac']:.0f} GMAC/s f32, {ceiling['gbyte']:.0f} GB/s copied",
        "| size | network | engine | ms | frames/s | of peak | of bandwidth | worst code | off |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["rows"]:
        worst = row.get("worst_code")
        lines.append(
            f"| {row['size']} | {row['network']} | {row['row']} | {row['ms']:.3f} | {row['fps']:.0f} "
            f"| {row['share_of_peak']:.0%} | {row['share_of_bandwidth']:.0%} "
            + (f"| {worst} | {row['share_off']:.2%} |" if worst is not None else "| | |")
        )
    lines += [f"not measured: {line}" for line in result["not_measured"]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
