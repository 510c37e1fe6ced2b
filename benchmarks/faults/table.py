"""How much of each fault of `benchmarks.faults.measures` a method shows, and the table of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import markdown
from benchmarks.faults import measures
from benchmarks.faults.scenes import Material
from benchmarks.methods.baselines import Method
from benchmarks.night import measures as night_measures
from model.metrics import blown
from rtvideo.sample.camera_simulator import Image

_HEADS = (
    "method", "grey cast, C*", "false chroma", "blocking", "lifted black", "burnt halo", "light's shift",
    "lit: luma", "at worst", "lit: blown", "lit: texture",
    "burnt by it", "clipped by it", "mosaic", "saturation", "infra-red: luma",
)  # fmt: skip


@dataclass(frozen=True)
class Faults:
    """Means over the material; not a number where none of it can show the fault, or it was not measured.

    Attributes:
        grey_cast, false_chroma, blocking, lifted_black, burnt_halo, light_shift: of night, 0 is without.
        luma_change, worst_luma_change: of lit images, a share; the mean and the largest.
        added_blown: share of pixels that lit images lose to white.
        texture_kept: of lit images; 1 is all.
        burnt, clipped, mosaic_share, saturation_kept: of night, by `benchmarks.night.measures`.
        infra_red_change: change of mean luma of infra-red cameras' pictures at worst, a share.
    """

    grey_cast: float
    false_chroma: float
    blocking: float
    lifted_black: float
    burnt_halo: float
    light_shift: float
    luma_change: float
    worst_luma_change: float
    added_blown: float
    texture_kept: float
    burnt: float = math.nan
    clipped: float = math.nan
    mosaic_share: float = math.nan
    saturation_kept: float = math.nan
    infra_red_change: float = math.nan


def find_faults(method: Method, material: Material) -> Faults:
    """Return how much of each fault a method shows."""
    night = [(method(dark), dark) for dark in material.night]
    lit = [(method(image), image) for image in material.lit]

    def over(pairs: Sequence[tuple[Image, Image]], measure: Callable[[Image, Image], float]) -> float:
        return _mean(measure(image, given) for image, given in pairs)

    return Faults(
        grey_cast=_mean(measures.grey_cast(method(dark), grey) for dark, grey in material.grey),
        false_chroma=over(night, measures.false_chroma),
        blocking=over(night, measures.blocking),
        lifted_black=over(night, measures.lifted_black),
        burnt_halo=over(night, measures.burnt_halo),
        light_shift=over(night, measures.light_shift),
        luma_change=over(lit, measures.luma_change),
        worst_luma_change=max((measures.luma_change(*pair) for pair in lit), default=math.nan),
        added_blown=over(lit, lambda image, given: blown(image) - blown(given)),
        texture_kept=over(lit, measures.texture_kept),
        burnt=over(night, night_measures.burnt),
        clipped=over(night, night_measures.clipped),
        mosaic_share=over(night, night_measures.mosaic_share),
        saturation_kept=over(night, night_measures.saturation_kept),
        infra_red_change=max(
            (measures.luma_change(method(image), image) for image in material.infra_red), default=math.nan
        ),
    )


def fault_table(rows: Mapping[str, Faults]) -> str:
    """Return the faults of each method as a Markdown table; a cell is empty where none could show."""
    lines = []
    for name, f in rows.items():
        cells = (
            f"{f.grey_cast:.1f}", f"{f.false_chroma:.1f}", f"{f.blocking:.2f}", f"{f.lifted_black:.0f}",
            f"{f.burnt_halo:.1%}", f"{f.light_shift:.3f}", f"{f.luma_change:.1%}",
            f"{f.worst_luma_change:.1%}", f"{f.added_blown:.2%}", f"{f.texture_kept:.2f}",
            f"{f.burnt:.2%}", f"{f.clipped:.2%}", f"{f.mosaic_share:.2f}", f"{f.saturation_kept:.2f}",
            f"{f.infra_red_change:.0%}",
        )  # fmt: skip
        lines.append((name, *("" if "nan" in cell else cell for cell in cells)))
    return markdown.table(_HEADS, lines)


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
