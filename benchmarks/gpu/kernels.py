"""How long each kernel of a frame takes, how many blocks run at once, and how far it is from its roof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.gpu.device import dark_frames, elapsed
from benchmarks.gpu.rows import Record, RowFile
from rtvideo import models
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.kernels.cuda.launch import Call
from rtvideo.kernels.cuda.source import THREADS

#: Noise removal, over time and without bands, numbers.
CASES = (0, 0, "f32"), (1, 0, "f32"), (0, 1, "f32"), (1, 0, "f16"), (1, 0, "tensor")

_COUNT, _FRAMES = 50, 4


def measure(
    name: str, geometry: Geometry, rows: RowFile, roofs: Mapping[str, float], device_index: int = 0
) -> None:
    """Take a row for each kernel of each kind of frames of a model.

    Args:
        roofs: numbers and kernel, such as ``f32 lit_0`` -> instructions that it issues for a pixel of the
            picture, where that is known.
    """
    for denoise, temporal, numbers in CASES:
        kind = f"{'NRM' if denoise else 'IEM'}{', over time' if temporal else ''}"
        kind += f", {numbers}" if numbers != "f32" else ""
        size = f"{geometry.width}x{geometry.height}"
        with rows.guarded(f"kernels of {name}, {kind}, {size}"):
            session = CudaSession(
                models.find(name), geometry, Settings(1.0, denoise, temporal, temporal),
                device_index=device_index, numbers=numbers,
            )  # fmt: skip
            try:
                for number, frame in enumerate(dark_frames(geometry, _FRAMES)):  # real data in all buffers
                    session.submit(frame, geometry.empty(), number / 30)
                    session.flush()
                    session.receive()
                common = {"network": f"{name}, {kind}", "size": size, "numbers": numbers}
                _of_frame(session, common, rows, roofs)
            finally:
                session.close()


def _of_frame(session: CudaSession, common: Record, rows: RowFile, roofs: Mapping[str, float]) -> None:
    device, stream = session.device, session._stream
    (variant,) = session._network._variants.values()
    width, height = map(int, common["size"].split("x"))
    whole = 0.0
    for call, kernel in variant.calls:
        one, blocks, span = call.launch, (call.across, call.down), (call.first, call.origin)

        def launch(
            k: int, kernel: Any = kernel, call: Call = call, blocks: Any = blocks, span: Any = span
        ) -> None:
            device.launch(kernel, blocks, THREADS, call.launch.shared, stream, span)

        us = 1000 * elapsed(device, stream, launch, _COUNT)
        whole += us
        busy = int(device.call("cuOccupancyMaxActiveBlocksPerMultiprocessor", kernel, THREADS, one.shared))
        row = common | {"row": one.name, "us": us, "blocks": call.across * call.down, "blocks_at_once": busy}
        if (instructions := roofs.get(f"{common['numbers']} {one.name}")) is not None:
            row["of_roof"] = width * height * instructions / _instructions(device) * 1e6 / us
        rows.add(row, f"{common['network']:20} {common['size']:10} {one.name:18} {us:8.1f} us, {busy} blocks")
    us = 1000 * elapsed(
        device, stream, lambda k: device.call("cuGraphLaunch", variant._graph, stream), 4 * _COUNT
    )
    rows.add(common | {"row": "graph", "us": us, "sum_us": whole}, f"{'graph':52}{us:8.1f} us of {whole:.1f}")


def _instructions(device: CudaDevice) -> float:
    """Return the instructions that a device issues a second for single threads: four warps a clock each."""
    return 2 * device.multiply_adds


def table(rows: list[Record]) -> list[list[str]]:
    """Return cells for people."""
    return [
        [
            row["size"], row["network"], row["row"], f"{row['us']:.1f}",
            f"{row['of_roof']:.0%}" if "of_roof" in row else "",
            str(row.get("blocks_at_once", "")),
        ]
        for row in rows
    ]  # fmt: skip
