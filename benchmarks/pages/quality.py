"""The tables of quality, from what benchmarks/quality.py, ablation.py and graphs.py measured."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import markdown
from benchmarks.faults.table import Faults, fault_table
from benchmarks.methods.scores import Row, table

_SETS = {"eval15": "LOL eval15", "sice": "SICE test scenes"}

_HEADS = (
    "part", "variant", "parameters", "IEM", "IEM+NRM", "against as it is, IEM", "IEM+NRM",
    "grey cast, C*", "false chroma", "lifted black",
    "burnt halo", "lit: luma", "lit: texture", "seeds",
)  # fmt: skip

#: Faults that an ablation shows, and how they are written.
_FAULTS = {
    "grey_cast": ".1f", "false_chroma": ".1f", "lifted_black": ".0f", "burnt_halo": ".0%",
    "luma_change": ".0%", "texture_kept": ".2f",
}  # fmt: skip

Record = Mapping[str, Any]


def tables(folder: Path) -> dict[str, str]:
    """Return the tables of what is in ``folder`` by the marks that they stand between."""
    measured = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    sets = {
        words: [Row(**row) for row in measured[name]["rows"]]
        for name, words in _SETS.items()
        if name in measured
    }
    found = {name: table(sets[words]) for name, words in _SETS.items() if words in sets}
    for number, rows in enumerate(measured.get("faults", {}).get("faults", {}).values()):
        found[f"faults {number + 1}"] = fault_table(known(rows))
    if "ablation" in measured:
        found["ablation"] = ablation(measured["ablation"])
    if "graphs" in measured:
        found["graphs"] = graphs(measured["graphs"])
    if sets:
        found["quality"] = summary(sets)
    return found


def summary(sets: Mapping[str, Sequence[Row]]) -> str:
    """Return PSNR and SSIM of each method on each set of pairs, as README shows them."""
    names = [row.method for row in next(iter(sets.values()))]
    cells = {name: {row.method: row for row in rows} for name, rows in sets.items()}
    lines = []
    for method in names:
        found = [rows.get(method) for rows in cells.values()]
        parameters = next((row.parameters for row in found if row is not None), None)
        scores = ["" if row is None else f"{row.psnr:.2f} / {row.ssim:.3f}" for row in found]
        lines.append([method, f"{parameters:,}" if parameters else "", *scores])
    return markdown.table(["", "parameters", *sets], lines)


def known(rows: Sequence[Record]) -> dict[str, Faults]:
    """Return the faults of each method as JSON holds them."""
    return {
        row["method"]: Faults(**{k: math.nan if v is None else v for k, v in row.items() if k != "method"})
        for row in rows
    }


def ablation(record: Record) -> str:
    """Return means over seeds, and the standard deviation of the scores where there are several seeds."""
    lines = []
    for row in record["rows"]:
        runs = list(row["seeds"].values())
        if not runs:
            continue
        counts = sorted({int(run["parameters"]) for run in runs})
        faults = [f"{_mean(runs, name):{form}}" for name, form in _FAULTS.items()]
        lines.append(
            [
                row["part"],
                row["name"],
                " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1]))),
                f"{_spread(runs, 'iem_psnr', 2)} / {_spread(runs, 'iem_ssim', 3)}",
                f"{_spread(runs, 'psnr', 2)} / {_spread(runs, 'ssim', 3)}",
                _against(row["seeds"], record["rows"][0]["seeds"], "iem_"),
                _against(row["seeds"], record["rows"][0]["seeds"], ""),
                *faults,
                str(len(runs)),
            ]
        )
    return markdown.table(_HEADS, lines)


def graphs(record: Record) -> str:
    """Return the scores of each graph by what it learned from, and how it changes what is lit already."""
    heads = ("graph", "learned from", "weights", "eval15 (mean-matched)", "SICE test (mean-matched)",
             "lit: luma", "at worst", "lit: blown", "lit: texture")  # fmt: skip
    lines = []
    for row in record["rows"]:
        pairs = [row[name] for name in ("pairs", "foreign")]
        scores = [f"{p['psnr']:.2f} / {p['ssim']:.3f} ({p['matched_psnr']:.2f})" for p in pairs]
        lit = row["lit"]
        changes = [f"{lit[name]:.1%}" for name in ("luma_change", "worst_luma_change", "added_blown")]
        known = [row["graph"], row["learned from"], f"{row['weights']:,}"]
        lines.append([*known, *scores, *changes, f"{lit['texture_kept']:.2f}"])
    return markdown.table(heads, lines)


def _against(seeds: Record, base: Record, prefix: str) -> str:
    """Return the mean differences to the recipe itself, from the seeds that both have."""
    shared = [seed for seed in seeds if seed in base]
    if not shared or seeds is base:
        return ""
    psnr, ssim = (
        statistics.mean(seeds[s][prefix + name] - base[s][prefix + name] for s in shared)
        for name in ("psnr", "ssim")
    )
    return f"{psnr:+.2f} / {ssim:+.3f}"


def _mean(runs: Sequence[Record], name: str) -> float:
    return statistics.mean(float(run.get(name, math.nan)) for run in runs)


def _spread(runs: Sequence[Record], name: str, digits: int) -> str:
    mean = f"{_mean(runs, name):.{digits}f}"
    if len(runs) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(run[name] for run in runs):.{digits}f}"
