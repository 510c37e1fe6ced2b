"""Write the table of docs/temporal.md from docs/temporal/*.json.

python benchmarks/flicker.py --json docs/temporal/coded.json
python benchmarks/flicker.py --uncoded --json docs/temporal/uncoded.json
python docs/make_temporal.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).parent))

from make_tables import replace

ROOT = Path(__file__).resolve().parents[1]

_SETS = {"uncoded": "sensor", "coded": "H.264"}

_HEADS = (
    "clip", "as", "flicker", "boiling", "PSNR to clean", "moving", "with noise removal", "moving",
    "warping error", "MABD error", "AB(var)",
)  # fmt: skip


def table(measured: Mapping[str, list[Mapping[str, Any]]], model: str = "night") -> str:
    """Return a row for each clip: frame by frame, then over time."""
    lines = [_HEADS, ("---",) * len(_HEADS)]
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
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Rewrite the page."""
    folder, page = ROOT / "docs/temporal", ROOT / "docs/temporal.md"
    measured = {path.stem: json.loads(path.read_text())["rows"] for path in folder.glob("*.json")}
    page.write_text(replace(page.read_text(encoding="utf-8"), "flicker", table(measured)), encoding="utf-8")


if __name__ == "__main__":
    main()
