"""The tables of speed, from what benchmarks/fps.py and benchmarks/passes.py measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.markdown import table

Record = dict[str, Any]


def tables(run: Record) -> dict[str, str]:
    """Return the tables by the marks that they stand between."""
    own = ["night, IEM", "night, IEM+NRM"]
    engines = [r for r in run["engines"] if r["engine"] != "torch"]
    return {
        "speed": engine_table(engines, [*own, "paper, IEM", "paper, IEM+NRM", ""], shares=True),
        "files": file_table(run["files"]),
        "threads": thread_table(run["threads"]),
        "passes": pass_table(run["passes"]),
        "illumination": illumination_table(run["illumination"][-1]),
    }


def read(paths: Sequence[Path]) -> Record:
    """Return the runs as one; a size that several runs measured counts as in the first."""
    merged: Record = {"peak": {}, "engines": [], "threads": [], "files": [], "start_up_seconds": {}}
    merged |= {"passes": [], "illumination": []}
    for path in paths:
        run = json.loads(path.read_text(encoding="utf-8"))
        for one in ("passes", "illumination"):
            if one in run:
                merged[one].append(run[one])
        if "engines" not in run:
            continue
        new = [r for r in run["engines"] if r["size"] not in merged["peak"]]
        merged["engines"] += new
        merged["peak"] = run["peak"] | merged["peak"]
        merged["threads"] += run["threads"]
        merged["files"] += run["files"]
        merged["start_up_seconds"] |= run["start_up_seconds"]
    return merged


def engine_table(records: Sequence[Record], networks: Sequence[str], shares: bool = False) -> str:
    """Return milliseconds a frame by size, the ratio to onnxruntime, and the share of the peak if asked."""
    sizes = sorted({r["size"] for r in records}, key=_pixels)
    rows = list(dict.fromkeys((r["network"], r["engine"]) for r in records if r["network"] in networks))
    cells = {(r["network"], r["engine"], r["size"]): r for r in records}
    lines = []
    for network, engine in rows:
        found = [cells.get((network, engine, size)) for size in sizes]
        lines.append([network, engine, *(_cell(r, shares) if r else "" for r in found)])
    return table(["network", "engine", *sizes], lines)


def file_table(records: Sequence[Record]) -> str:
    """Return frames a second, file to file."""
    lines = []
    for r in records:
        denoise = r.get("denoise", "")
        if denoise != "":
            denoise = f"auto: {_amount(r['denoise_done'])}" if denoise == "auto" else _amount(denoise)
        share = f"{r['of_free']:.2f}" if "of_free" in r else ""
        lines.append([r["size"], r["preset"], r["row"], denoise, f"{r['fps']:.0f}", share])
    heads = ["size", "x264 preset", "what runs", "noise removal", "frames/s", "of free enhancement"]
    return table(heads, lines)


def thread_table(records: Sequence[Record]) -> str:
    """Return milliseconds a frame by number of threads."""
    counts = sorted({r["threads"] for r in records})
    cells = {(r["network"], r["engine"], r["threads"]): r["ms"] for r in records}
    rows = dict.fromkeys((r["network"], r["engine"]) for r in records)
    heads = ["network", "engine", *(f"{n} threads" if n > 1 else "1 thread" for n in counts)]
    return table(heads, [[*row, *(f"{cells[(*row, n)]:.1f}" for n in counts)] for row in rows])


def pass_table(profiles: Sequence[Record]) -> str:
    """Return milliseconds on one thread by what they are for, a column a profile."""
    names = list(dict.fromkeys(part for one in profiles for part in one["parts"]))
    titles = [f"{r['model']}, {'IEM+NRM' if r['denoise'] else 'IEM'}, {r['isa']}" for r in profiles]
    lines = [
        [name, *(f"{r['parts'][name]:.2f}" if name in r["parts"] else "" for r in profiles)] for name in names
    ]
    lines.append(["together", *(f"{r['counting']:.2f}" for r in profiles)])
    lines.append(["as shipped, without counters", *(f"{r['shipped']:.2f}" for r in profiles)])
    return table(["pass", *titles], lines)


def illumination_table(run: Record) -> str:
    """Return what each size of the illumination costs; it was measured once."""
    heads = ["illumination", "ms", "PSNR to full size", "to the references", "strong weights: to full size"]
    lines = []
    for r in run["rows"]:
        full, strong = (
            "" if r[title]["full_size"] is None else f"{r[title]['full_size']:.1f}"
            for title in ("trained", "strong")
        )
        lines.append([r["choice"], f"{r['ms']:.1f}", full, f"{r['trained']['reference']:.2f}", strong])
    return table(heads, lines)


def _cell(record: Record, shares: bool) -> str:
    notes = []
    if record["times_onnxruntime"] and record["engine"] != "onnxruntime":
        notes.append(f"{record['times_onnxruntime']:.1f} x")
    if shares and record["share_of_peak"]:
        notes.append(f"{record['share_of_peak']:.0%}")
    return f"{record['ms']:.1f}" + (f" ({', '.join(notes)})" if notes else "")


def _amount(value: float) -> str:
    return {0.0: "off", 1.0: "on"}.get(value, f"{value:g}")


def _pixels(size: str) -> int:
    width, height = size.split("x")
    return int(width) * int(height)
