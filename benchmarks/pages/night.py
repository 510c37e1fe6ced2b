"""The tables of docs/night.md, from what benchmarks/night_clips.py measured, and its picture.

python benchmarks/night_clips.py --panoramas DIR --json docs/night/made.json
python benchmarks/night_clips.py --real CLIP DIR --json docs/night/real.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image as Pillow

from benchmarks.night import clips, scenes
from benchmarks.night.methods import methods
from benchmarks.night.scores import ALL, Scores, table
from benchmarks.pages.contact_sheet import grid

_SIZE, _FRAMES = (640, 360), 16


def tables(folder: Path) -> dict[str, str]:
    """Return what is in ``folder`` by the marks of the page."""
    measured = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    return {f"night {name}": _page(record["clips"]) for name, record in measured.items()}


def _page(clips: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> str:
    """Return a table for each clip; where there is one of all, that one, and the last method by clip."""
    found = {title: {name: Scores(**row) for name, row in rows.items()} for title, rows in clips.items()}
    if ALL not in found:
        return "\n\n".join(f"{title}:\n\n{table(rows)}" for title, rows in found.items())
    means = found.pop(ALL)
    last = list(means)[-1]
    by_clip = table({title: rows[last] for title, rows in found.items()}, "clip")
    return f"Means over the clips:\n\n{table(means)}\n\n{last}, by clip:\n\n{by_clip}"


def sheet(panoramas: Sequence[Path], model: str) -> Pillow.Image:
    """Return a row for the street and each panorama: a frame before, lit by some methods, and its truth."""
    heads = {
        "input": "before",
        "adaptive gamma": "adaptive gamma",
        f"{model}, IEM": f"{model}, frame by frame",
        f"{model}, IEM+NRM, debanded, over time": f"{model}, debanded, no noise, over time",
    }
    chosen = {method.name: method for method in methods([model]) if method.name in heads}
    rows = []
    for scene in (scenes.street(_SIZE), *(scenes.filmed(path, _SIZE, pans=False) for path in panoramas)):
        clip = clips.record(scene, _FRAMES, clips.Coding())
        assert clip.truth is not None
        rows.append([*(chosen[name].light(clip)[-1] for name in heads), clip.truth[-1]])
    return grid(rows, [*heads.values(), "truth"])
