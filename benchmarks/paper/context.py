"""What the entries of the report share: the contenders, the searches' results, pictures and words."""

from __future__ import annotations

import dataclasses
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.paper.figures import Picture, png
from benchmarks.training.laboratory import STEPS, Contender, Laboratory, trace
from model import data, genotypes, metrics
from model.checkpoint import write_whole
from model.photos import make_photos
from model.recipes import RECIPES
from rtvideo.errors import InputError
from rtvideo.models.description import Description, Genotype

Scores = Mapping[str, float]

PAPER = RECIPES["ruas"].description

#: What eta_t and eta_n are chosen from.
STEPS_T, STEPS_N = (1e-4, 1e-3, 1e-2, 1e-1, 1.0), (0.005, 0.02, 0.08)

#: Columns of `score_cells`.
HEADS = ["PSNR", "SSIM", "mean-matched PSNR"]


@dataclass(frozen=True)
class Context:
    """What an entry may use.

    Attributes:
        lab: trains, scores and times.
        searches: folder of the search runs.
        pictures: folder for PNGs; the report links to them by ``pictures.name``.
        seeds: trainings of each strategy's cells in figure 9.
    """

    lab: Laboratory
    searches: Path
    pictures: Path
    seeds: int

    def contender(self, description: Description = PAPER, **changes: Any) -> Contender:
        """Return a contender with the chosen weights of the losses."""
        eta_t = self.eta_t()
        eta_n = 0.0 if description.noise is None else self.eta_n(eta_t)
        return Contender(description=description, eta_t=eta_t, eta_n=eta_n, **changes)

    def eta_t(self) -> float:
        """Return the weight of RTV(t) whose illumination scores best on held-out training scenes."""
        scores = self.sweep_t()
        return max(scores, key=lambda eta: scores[eta]["iem_psnr"])

    def eta_n(self, eta_t: float) -> float:
        """Return the weight of TV(x) that scores best on held-out training scenes."""
        scores = self.sweep_n(eta_t)
        return max(scores, key=lambda eta: scores[eta]["psnr"])

    def sweep_t(self) -> dict[float, Scores]:
        """Return held-out scores by eta_t, of the illumination alone."""
        alone = dataclasses.replace(PAPER, noise=None)
        return {
            eta: self.lab.score(Contender(description=alone, eta_t=eta, eta_n=0.0), held=True)
            for eta in STEPS_T
        }

    def sweep_n(self, eta_t: float) -> dict[float, Scores]:
        """Return held-out scores by eta_n."""
        return {
            eta: self.lab.score(Contender(description=PAPER, eta_t=eta_t, eta_n=eta), held=True)
            for eta in STEPS_N
        }

    def sweep_steps(self, eta_t: float) -> dict[int, Scores]:
        """Return held-out scores of the illumination alone by the length of its training."""
        alone = dataclasses.replace(PAPER, noise=None)
        return {
            steps: self.lab.score(
                Contender(description=alone, eta_t=eta_t, eta_n=0.0, steps=steps), held=True
            )
            for steps in (25, 100, STEPS)
        }

    def genotypes(self, run: str) -> dict[str, Genotype]:
        """Return what a search found.

        Raises:
            InputError: there is no such run.
        """
        path = self.searches / run / "genotype.txt"
        if not path.is_file():
            raise InputError(f"{path}: no such file; make it with python -m search.cooperative")
        return genotypes.read(path)

    def picture(self, name: str, image: Picture, words: str) -> str:
        """Write a PNG and return the line that shows it."""
        write_whole(self.pictures / f"{name}.png", png(image))
        return f"![{words}]({self.pictures.name}/{name}.png)"


def prose(text: str) -> str:
    """Return a paragraph, filled."""
    return textwrap.fill(" ".join(text.split()), 110, break_long_words=False, break_on_hyphens=False)


def score_cells(scores: Scores, prefix: str = "") -> list[str]:
    """Return the cells under `HEADS`; ``iem_`` takes the scores before noise removal."""
    values = [scores[prefix + name] for name in ("psnr", "ssim", "matched")]
    return [f"{values[0]:.2f}", f"{values[1]:.3f}", f"{values[2]:.2f}"]


def seeds(context: Context, description: Description) -> list[Scores]:
    """Return a network's test scores for each seed."""
    return [context.lab.score(context.contender(description, seed=seed)) for seed in range(context.seeds)]


def mean(scores: Sequence[Scores]) -> Scores:
    """Return the mean of each score."""
    return {name: float(np.mean([s[name] for s in scores])) for name in scores[0]}


def spread_cells(scores: Sequence[Scores]) -> list[str]:
    """Return the mean scores, with the range where there are several."""
    texts = score_cells(mean(scores))
    if len(scores) == 1:
        return texts
    columns = zip(*map(score_cells, scores), strict=True)
    return [
        f"{text} ({min(c, key=float)} to {max(c, key=float)})" for text, c in zip(texts, columns, strict=True)
    ]


def verdict(means: Mapping[str, Scores]) -> str:
    """Say whether cooperative search is the best on pairs that it did not see, by each score."""
    orders = {
        words: sorted(means, key=lambda strategy: -means[strategy][name])
        for name, words in zip(("psnr", "ssim", "matched"), HEADS, strict=True)
    }
    won = sum(order[0] == "cooperative" for order in orders.values())
    listed = "; ".join(f"by {words} {', '.join(order)}" for words, order in orders.items())
    return prose(
        f"""On the 15 pairs, which no search and no training saw, cooperative search is ahead by {won} of
        {len(orders)} scores. From best to worst: {listed}."""
    )


def plural(count: int, word: str) -> str:
    """Return ``1 word`` or ``2 words``."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def photo() -> data.Item:
    """Return a photograph that the project makes, so that pictures of it may be shown."""
    with tempfile.TemporaryDirectory() as folder:
        make_photos(folder, 1, 0)
        [item] = data.paired([Path(folder)], data.Reader())
    return item


def apply(
    context: Context, contender: Contender, item: data.Item, *, denoise: bool = True
) -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return what a trained contender makes of a photograph, and its illumination."""
    with torch.no_grad():
        seen = trace(context.lab.net(contender), torch.from_numpy(data.planes(item.low[None])))
    image = seen.image if denoise else seen.u
    return metrics.quantise(image[0].permute(1, 2, 0).numpy()), seen.t[0].numpy()


def caption(image: Picture, reference: Picture) -> str:
    """Return an image's PSNR and SSIM."""
    return f"{metrics.psnr(image, reference):.2f} / {metrics.ssim(image, reference):.3f}"
