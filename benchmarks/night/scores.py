"""The scores of a method on clips of the night, and their tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from benchmarks.common import markdown
from benchmarks.faults.measures import luma, texture_kept
from benchmarks.night import measures
from benchmarks.night.clips import Clip
from model.metrics import mean_matched_psnr, psnr, ssim
from rtvideo.sample.camera_simulator import Image


@dataclass(frozen=True)
class Scores:
    """Means over the frames of a clip that count; None where nothing could be measured, or was.

    Attributes:
        luma: mean, 0..255.
        psnr, ssim, matched_psnr: against the truth, by `model.metrics`; texture: share of the truth's that is
            left; psnr_seen, colour, grain: by `benchmarks.night.measures`. All None without a truth.
        burnt, clipped, hue, mosaic, mosaic_share, saturation: by `benchmarks.night.measures`.
    """

    luma: float | None = None
    psnr: float | None = None
    psnr_seen: float | None = None
    ssim: float | None = None
    matched_psnr: float | None = None
    burnt: float | None = None
    clipped: float | None = None
    hue: float | None = None
    mosaic: float | None = None
    mosaic_share: float | None = None
    saturation: float | None = None
    colour: float | None = None
    texture: float | None = None
    grain: float | None = None


#: The title of what is the mean over all clips with a truth.
ALL = "all with a truth"

#: Column, its head, and how its figures are written.
_COLUMNS = {
    "luma": ("luma", ".0f"), "psnr": ("PSNR", ".2f"), "psnr_seen": ("where seen", ".2f"),
    "ssim": ("SSIM", ".3f"), "matched_psnr": ("mean-matched", ".2f"), "burnt": ("burnt by it", ".2%"),
    "clipped": ("clipped by it", ".2%"), "hue": ("hue error", ".1f"), "mosaic": ("mosaic", ".2f"),
    "mosaic_share": ("of the input's", ".2f"), "saturation": ("saturation kept", ".2f"),
    "colour": ("colour error", ".1f"), "texture": ("texture kept", ".2f"), "grain": ("grain", ".2f"),
}  # fmt: skip


def score(lit: Sequence[Image], clip: Clip) -> Scores:
    """Return the scores of what a method made of a clip."""
    frames = []
    for number in clip.scored:
        image, dark = lit[number], clip.dark[number]
        truth = None if clip.truth is None else clip.truth[number]
        found = {
            "luma": float(luma(image).mean()),
            "burnt": measures.burnt(image, dark, truth),
            "clipped": measures.clipped(image, dark, truth),
            "hue": measures.hue_error(image, dark if truth is None else truth, dark),
            "mosaic": measures.mosaic(image, dark, truth),
            "mosaic_share": measures.mosaic_share(image, dark, truth),
            "saturation": measures.saturation_kept(image, dark),
        }
        if truth is not None:
            found |= {
                "psnr": psnr(image, truth),
                "psnr_seen": measures.psnr_seen(image, dark, truth),
                "ssim": ssim(image, truth),
                "matched_psnr": mean_matched_psnr(image, truth),
                "colour": measures.colour_error(image, truth),
                "texture": texture_kept(image, truth),
                "grain": measures.grain(image, truth),
            }
        frames.append(Scores(**{field.name: found.get(field.name) for field in fields(Scores)}))
    return mean(frames)


def mean(rows: Sequence[Scores]) -> Scores:
    """Return the mean of scores, over those that have one."""
    return Scores(**{name: _mean(getattr(row, name) for row in rows) for name in _COLUMNS})


def table(rows: Mapping[str, Scores], head: str = "method") -> str:
    """Return scores by name as a Markdown table; columns that none has are left out."""
    shown = {
        name: column
        for name, column in _COLUMNS.items()
        if any(getattr(row, name) is not None for row in rows.values())
    }
    lines = [
        (method, *(_text(asdict(row)[name], form) for name, (_, form) in shown.items()))
        for method, row in rows.items()
    ]
    return markdown.table((head, *(head for head, _ in shown.values())), lines)


def _text(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return float(np.mean(known)) if known else None
