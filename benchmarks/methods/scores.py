"""The scores of a method on pairs of images, by the protocol of `model.metrics`, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import markdown
from benchmarks.methods.contenders import Contender
from model.data import Item
from model.metrics import blown, mean_matched_psnr, psnr, ssim


@dataclass(frozen=True)
class Row:
    """Mean scores of one method over all pairs; parameters and multiply-adds (G, at 600x400) where known."""

    method: str
    psnr: float
    ssim: float
    matched_psnr: float
    blown: float
    parameters: int | None
    giga_multiply_adds: float | None


def score(contender: Contender, items: Sequence[Item]) -> Row:
    """Return the mean scores of a contender."""
    scores = []
    for item in items:
        assert item.high is not None
        image = contender.method(item.low)
        measures = (psnr, ssim, mean_matched_psnr)
        scores.append((*(measure(image, item.high) for measure in measures), blown(image)))
    a, b, c, d = (float(mean) for mean in np.mean(scores, axis=0))
    return Row(contender.name, a, b, c, d, contender.parameters, contender.giga_multiply_adds)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    heads = ("method", "PSNR", "SSIM", "mean-matched PSNR", "blown", "parameters", "GMAC at 600x400")
    return markdown.table(
        heads,
        (
            (
                r.method,
                f"{r.psnr:.2f}",
                f"{r.ssim:.3f}",
                f"{r.matched_psnr:.2f}",
                f"{r.blown:.2%}",
                "" if r.parameters is None else f"{r.parameters:,}",
                "" if r.giga_multiply_adds is None else f"{r.giga_multiply_adds:.4f}",
            )
            for r in rows
        ),
    )
