"""The tables of docs/night.md, from what benchmarks/night_clips.py measured.

python benchmarks/night_clips.py --panoramas DIR --json docs/night/made.json
python benchmarks/night_clips.py --real CLIP DIR --json docs/night/real.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.night.scores import Scores, table


def tables(folder: Path) -> dict[str, str]:
    """Return what is in ``folder`` by the marks of the page: of each file its clips, one after the other."""
    return {
        f"night {path.stem}": _page(json.loads(path.read_text())["clips"]) for path in folder.glob("*.json")
    }


def _page(clips: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> str:
    found = {
        title: table({method: Scores(**row) for method, row in rows.items()}) for title, rows in clips.items()
    }
    return "\n\n".join(f"{title}:\n\n{text}" for title, text in found.items())
