"""What is measured on a GPU, as records and as a table: for `benchmarks.gpu.command`."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gpu.device import Timing
from rtvideo.frame import Geometry, Plane
from rtvideo.models import Model
from rtvideo.models.shapes import multiply_adds

Record = dict[str, Any]


def row_of(model: Model, geometry: Geometry, denoise: bool, engine: str, timing: Timing) -> Record:
    """Return what was measured of one engine on one network."""
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


def error_of(made: list[Plane], exact: list[Plane] | None) -> Record:
    """Return the largest error in codes, and the share of samples that are off at all."""
    if exact is None:
        return {"worst_code": None, "share_off": None}
    off = [np.abs(a.astype(int) - b) for a, b in zip(made, exact, strict=True)]
    count = sum(one.size for one in off)
    return {
        "worst_code": max(int(one.max()) for one in off),
        "share_off": sum(int((one > 0).sum()) for one in off) / count,
    }


def say(row: Record) -> None:
    """Print a row as soon as it is there."""
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
    for record in result["files"]:
        share = f", {record['of_free']:.2f} of free enhancement" if "of_free" in record else ""
        lines.append(
            f"{record['clip']} {record['size']}: {record['row']}: {record['fps']:.0f} frames/s{share}"
        )
    lines += [f"not measured: {line}" for line in result["not_measured"]]
    return "\n".join(lines)
