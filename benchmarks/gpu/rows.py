"""What is measured on a GPU: rows that are written as they come, and tables of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.markdown import table as markdown
from benchmarks.gpu.device import Timing
from rtvideo.errors import RtvideoError
from rtvideo.frame import Geometry, Plane
from rtvideo.models import Model
from rtvideo.models.shapes import multiply_adds

Record = dict[str, Any]


class RowFile:
    """Rows, each printed and written when it is there: what comes after it cannot lose it.

    Args:
        path: takes a line of JSON for each row, after those that it has; None: rows are printed alone.
        what: is measured: the "step" of each row.

    Attributes:
        rows: all of them.
    """

    def __init__(self, path: Path | None, what: str) -> None:
        self.path, self.what = path, what
        self.rows: list[Record] = []

    def add(self, row: Record, line: str) -> None:
        """Take a row, and print a line for people."""
        row = {"step": self.what} | row
        self.rows.append(row)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        print(line, flush=True)

    def miss(self, what: str, why: str) -> None:
        """Take a row that says why something was not measured."""
        self.add({"row": what, "missing": why}, f"not measured: {what}: {why}")

    @contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Let whatever goes wrong become the reason why ``what`` was not measured."""
        try:
            yield
        except Exception as error:  # of a driver, a runtime or a compiler: all others must still be measured
            self.miss(what, reason(error))


def reason(error: Exception) -> str:
    """Return an error as a short line."""
    said = str(error).strip().partition("\n")[0][:150]
    return said if isinstance(error, RtvideoError) else f"{type(error).__name__}: {said}"


def read(path: Path) -> list[Record]:
    """Return the rows of a file; a line that was not written to its end is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


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


def shares_of(row: Record, ceilings: Mapping[str, float]) -> Record:
    """Return a row's shares of the device's arithmetic and copying; none where these are not known."""
    width, height = map(int, row["size"].split("x"))
    each = width * height / row["ms"] / 1e6  # 10^9 pixels a second
    shares = {"share_of_peak": ("gmac", row["multiply_adds"]), "share_of_bandwidth": ("gbyte", 3)}
    return {name: each * work / ceilings[of] for name, (of, work) in shares.items() if of in ceilings}


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


def line_of(row: Record) -> str:
    """Return a row of an engine for people."""
    return f"{row['size']:10} {row['network']:15} {row['row']:25} {row['ms']:9.4f} ms"


def table(rows: Iterable[Record]) -> str:
    """Return the rows of engines as a table, short enough for the end of a log."""
    head = ["size", "network", "engine", "ms", "frames/s", "of peak", "of bandwidth", "worst code", "off"]
    return markdown(head, map(_cells, rows))


def not_measured(rows: Iterable[Record]) -> list[str]:
    """Return a line for each reason why something was not measured, with the first of what it befell."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if "missing" in row:
            reasons.setdefault(row["missing"], []).append(row["row"])
    return [
        f"not measured: {why} ({of[0]}{f', and {len(of) - 1} more' if len(of) > 1 else ''})"
        for why, of in reasons.items()
    ]


def _cells(row: Record) -> list[str]:
    def percent(name: str, digits: int = 0) -> str:
        return "" if row.get(name) is None else f"{row[name]:.{digits}%}"

    worst = row.get("worst_code")
    return [
        row["size"], row["network"], row["row"], f"{row['ms']:.3f}", f"{row['fps']:.0f}",
        percent("share_of_peak"), percent("share_of_bandwidth"),
        "" if worst is None else str(worst), percent("share_off", 2),
    ]  # fmt: skip
