"""One clip, and how many faces a detector finds in its last frame, method by method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.common import markdown
from benchmarks.detecting.faces import DOUBTFUL, SAME, SURE, Detector, large, overlap
from benchmarks.methods import baselines
from benchmarks.temporal.clips import CAMERA, Clip, Scenes, make
from benchmarks.temporal.scores import alone, ours
from rtvideo.sample.camera_simulator import Image

#: Pictures of a clip in, the last one out.
Method = Callable[[Clip], Image]


@dataclass(frozen=True)
class Count:
    """What was found by one method in all clips of a kind.

    Attributes:
        exposure: of the camera. motion: a scene of `benchmarks.temporal.clips`.
        faces: in the well-lit truth; again: of those, found; false: finds where the truth has not even a
            doubtful one.
    """

    exposure: float
    motion: str
    method: str
    faces: int
    again: int
    false: int


def methods(models: Sequence[str]) -> Iterator[tuple[str, Method]]:
    """Yield what the detector sees: frames as they are, by baselines, by models alone and over time."""
    yield "input", lambda clip: clip.dark[-1]
    gamma = baselines.adaptive_gamma(baselines.GAMMA_MEAN)
    for name, one in (("adaptive gamma", gamma), ("CLAHE", baselines.clahe)):
        yield name, lambda clip, one=one: alone(one)(clip.dark[-1:], clip.fps)[-1]  # type: ignore[misc]
    for name in models:
        for word, denoise, temporal in (
            ("light", 0.0, 0.0),
            ("noise removal", 1.0, 0.0),
            ("over time", 1.0, 1.0),
        ):
            seen = slice(None) if temporal else slice(-1, None)
            run = ours(name, denoise, temporal)
            yield (
                f"{name}, {word}",
                lambda clip, run=run, seen=seen: run(clip.dark[seen], clip.fps)[-1],  # type: ignore[misc]
            )


def trials(
    scenes: Iterable[Scenes],
    exposures: Sequence[float],
    motions: Sequence[str],
    models: Sequence[str],
    find: Detector,
    said: Callable[[str], None] = lambda line: None,
) -> list[Count]:
    """Count finds in the last frame of each clip.

    Args:
        scenes: each films one photograph; those without a face are passed over.
        exposures: of the camera, 1 being daylight.
        said: told of each clip.
    """
    counts: dict[tuple[float, str, str], Count] = {}
    for number, filmed in enumerate(scenes):
        for motion in motions:
            first = make(filmed, motion, replace(CAMERA, exposure=exposures[0]))
            if not len(large(find(first.truth[-1], SURE))):
                continue
            for exposure in exposures:
                clip = (
                    first
                    if exposure == exposures[0]
                    else make(filmed, motion, replace(CAMERA, exposure=exposure))
                )
                said(f"photograph {number + 1}, {motion}, exposure {exposure:g}")
                for name, count in _counted(clip, models, find):
                    key = exposure, motion, name
                    old = counts.get(key, Count(*key, 0, 0, 0))
                    counts[key] = replace(old, **{k: getattr(old, k) + v for k, v in count.items()})
    return list(counts.values())


def _counted(clip: Clip, models: Sequence[str], find: Detector) -> Iterator[tuple[str, dict[str, int]]]:
    faces, doubtful = large(find(clip.truth[-1], SURE)), find(clip.truth[-1], DOUBTFUL)
    for name, method in methods(models):
        found = find(np.ascontiguousarray(method(clip)), SURE)
        again = int((overlap(faces, found) > SAME).any(1).sum()) if len(found) else 0
        false = int((~(overlap(found, doubtful) > SAME).any(1)).sum()) if len(found) else 0
        yield name, {"faces": len(faces), "again": again, "false": false}


def table(counts: Sequence[Count]) -> str:
    """Return a Markdown table: a row for each method; found again, and false finds in brackets."""
    kinds = list(dict.fromkeys((count.motion, count.exposure) for count in counts))
    names = list(dict.fromkeys(count.method for count in counts))
    cells = {(count.method, (count.motion, count.exposure)): count for count in counts}
    heads = ("", *(f"{motion}, {exposure:g}" for motion, exposure in kinds))
    rows = ((name, *(_cell(cells[name, kind]) for kind in kinds)) for name in names)
    return markdown.table(heads, rows)


def _cell(count: Count) -> str:
    return f"{count.again / count.faces:.2f} ({count.false})"
