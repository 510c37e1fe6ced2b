"""Write the tables of docs/quality.md from what was measured into docs/quality/*.json.

    python docs/make_quality.py

`benchmarks/quality.py` writes eval15.json, sice.json and faults.json, `benchmarks/ablation.py` ablation.json.
The tables stand between marks in that page and are replaced.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from make_tables import replace

from benchmarks.fault_table import Faults, fault_table
from benchmarks.quality import Row, table

ROOT = Path(__file__).resolve().parents[1]
MEASURED = Path(__file__).with_name("quality")

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


def summary(sets: Mapping[str, Sequence[Row]]) -> str:
    """Return PSNR and SSIM of each method on each set of pairs, the summary of the page."""
    names = [row.method for row in next(iter(sets.values()))]
    cells = {name: {row.method: row for row in rows} for name, rows in sets.items()}
    lines = [["", "parameters", *sets], ["---"] * (2 + len(sets))]
    for method in names:
        found = [rows.get(method) for rows in cells.values()]
        parameters = next((row.parameters for row in found if row is not None), None)
        scores = ["" if row is None else f"{row.psnr:.2f} / {row.ssim:.3f}" for row in found]
        lines.append([method, f"{parameters:,}" if parameters else "", *scores])
    return _lines(lines)


def known(rows: Sequence[Record]) -> dict[str, Faults]:
    """Return the faults of each method as JSON holds them."""
    return {
        row["method"]: Faults(**{k: math.nan if v is None else v for k, v in row.items() if k != "method"})
        for row in rows
    }


def ablation(record: Record) -> str:
    """Return means over seeds, and the standard deviation of the scores where there are several seeds."""
    lines: list[Sequence[str]] = [_HEADS, ["---"] * len(_HEADS)]
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
    return _lines(lines)


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
    return statistics.mean(run.get(name, math.nan) for run in runs)


def _spread(runs: Sequence[Record], name: str, digits: int) -> str:
    mean = f"{_mean(runs, name):.{digits}f}"
    if len(runs) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(run[name] for run in runs):.{digits}f}"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    """Rewrite the page with what is there."""
    measured = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in MEASURED.glob("*.json")}
    sets = {
        words: [Row(**row) for row in measured[name]["rows"]]
        for name, words in _SETS.items()
        if name in measured
    }
    page = {name: table(sets[words]) for name, words in _SETS.items() if words in sets}
    for number, rows in enumerate(measured.get("faults", {}).get("faults", {}).values()):
        page[f"faults {number + 1}"] = fault_table(known(rows))
    if "ablation" in measured:
        page["ablation"] = ablation(measured["ablation"])
    if sets:
        page["quality"] = summary(sets)
    _update(ROOT / "docs/quality.md", page)


def _update(path: Path, tables: Mapping[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for mark, content in tables.items():
        text = replace(text, mark, content)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
