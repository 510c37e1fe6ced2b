"""The table of docs/temporal.md, from what benchmarks/flicker.py measured.

python benchmarks/flicker.py --json docs/temporal/coded.json
python benchmarks/flicker.py --uncoded --json docs/temporal/uncoded.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common import markdown

#: By the clip's JSON file.
Measured = Mapping[str, list[Mapping[str, Any]]]

_SETS = {"uncoded": "sensor", "coded": "H.264"}

_HEADS = (
    "clip", "as", "flicker", "boiling", "PSNR to clean", "moving", "with noise removal", "moving",
    "warping error", "MABD error", "AB(var)",
)  # fmt: skip


def read(folder: Path) -> Measured:
    """Return the rows of each file."""
    return {path.stem: json.loads(path.read_text())["rows"] for path in folder.glob("*.json")}


def table(measured: Measured, model: str = "night") -> str:
    """Return a row for each clip: frame by frame, then over time."""
    lines = []
    for name in dict.fromkeys(row["clip"] for rows in measured.values() for row in rows):
        for key, words in _SETS.items():
            rows = {row["method"]: row for row in measured.get(key, ()) if row["clip"] == name}
            plain, quiet = (rows.get(f"{model}, IEM, {how}") for how in ("frame by frame", "over time"))
            both = [rows.get(f"{model}, IEM+NRM, {how}") for how in ("frame by frame", "over time")]
            if plain is None or quiet is None or None in both:
                continue

            def change(column: str, form: str, pair: Any = (plain, quiet)) -> str:
                values = [one[column] for one in pair]
                return "" if None in values else " → ".join(f"{value:{form}}" for value in values)

            lines.append(
                (
                    name,
                    words,
                    change("flicker", ".2f"),
                    change("boiling", ".1f"),
                    change("clean", ".1f"),
                    change("moving_clean", ".1f"),
                    change("clean", ".1f", both),
                    change("moving_clean", ".1f", both),
                    change("warping_error", ".1f"),
                    change("difference_error", ".2f"),
                    change("brightness_variance", ".2f"),
                )
            )
    return markdown.table(_HEADS, lines)
