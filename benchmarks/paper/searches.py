"""How far the searches of figure 9 decided: what their cards and histories say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common.markdown import table
from benchmarks.paper.context import prose
from benchmarks.search.agreement import agreeing, function
from rtvideo.errors import InputError


@dataclass(frozen=True)
class Search:
    """A run folder of `search.cooperative`.

    Attributes:
        card: what was done.
        history: a record of each pass.
    """

    card: Mapping[str, Any]
    history: list[Mapping[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Search:
        """Read a run folder.

        Raises:
            InputError: a file is missing.
        """
        try:
            card, history = (
                json.loads((folder / f).read_text("utf-8")) for f in ("card.json", "history.json")
            )
        except OSError as error:
            raise InputError(
                f"{error.filename}: {error.strerror}; make it with python -m search.cooperative"
            ) from None
        return cls(card, history)

    @property
    def steps(self) -> int:
        """Steps of each module; a step takes one image."""
        passes: int = self.card["settings"]["epochs"]
        return passes * len(self.card["data"]["train"])

    @property
    def length(self) -> str:
        """What the search was given, in words."""
        settings, seen = self.card["settings"], self.card["data"]
        return (
            f"{settings['epochs']} passes over {len(seen['train'])} images (the other "
            f"{len(seen['validation'])} validate) on crops of {settings['crop']} pixels, so "
            f"{self.steps:,} steps of each module"
        )

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Of the operations (columns) of both cells' edges (rows), sorted: (14, 7), the largest first."""
        shares = np.concatenate([self.card["shares"][name] for name in ("t", "n")])
        return -np.sort(-shares, 1)

    @property
    def edges(self) -> list[str]:
        """The operations chosen, of the illumination first."""
        return edges(self.card["genotype"])

    @property
    def changed(self) -> int:
        """Edges whose best operation changed in the last tenth of the passes."""
        late = [edges(record["genotypes"]) for record in self.history[-1 - len(self.history) // 10 :]]
        return sum(len(set(edge)) > 1 for edge in zip(*late, strict=True))


def edges(cells: Mapping[str, list[str]]) -> list[str]:
    """Return the operations of both cells in a row."""
    return [*cells["iem"], *cells["nrm"]]


def decided(searches: Mapping[str, Search]) -> str:
    """Return how sure each search is of its choice."""
    rows = []
    for name, search in searches.items():
        largest, second = search.shares[:, 0], search.shares[:, 1]
        skips = [cell.count("skip") for cell in search.card["genotype"].values()]
        rows.append(
            [
                name,
                f"{search.steps:,}",
                f"{largest.mean():.2f} ({largest.min():.2f} to {largest.max():.2f})",
                f"{np.median(largest - second):.3f}",
                " and ".join(map(str, skips)),
                str(search.changed),
            ]
        )
    heads = [
        "search",
        "steps of a module",
        "largest share",
        "median lead",
        "skips",
        "edges that changed late",
    ]
    length = " or ".join(dict.fromkeys(search.length for search in searches.values()))
    return "\n".join(
        [
            table(heads, rows),
            "",
            prose(
                f"""Each search makes {length}; the paper's 20 epochs on 689 images make 13,780. The largest
                share is that of an edge's operation, as a mean over the 14 edges, with the lowest and
                highest; 1/7 = 0.143 would be no preference at all (the maps stretch the range of a cell over
                all their colours). The lead is that over the second best. Skips are counted in the
                illumination and in the noise removal. An edge changed late if its best operation did in the
                last tenth of the passes. Of 14 edges, the same operation is chosen by
                {agreement(searches)}; in brackets a residual operation and its twin count as one. By
                chance it would be 2 (4)."""
            ),
        ]
    )


def agreement(searches: Mapping[str, Search]) -> str:
    """Return on how many of the 14 edges each two searches agree; in brackets, on what is computed."""
    pairs = []
    for (one, first), (other, second) in combinations(searches.items(), 2):
        same = agreeing(first.edges, second.edges)
        alike = agreeing(*(list(map(function, search.edges)) for search in (first, second)))
        pairs.append(f"{one} and {other} on {same} ({alike})")
    return ", ".join(pairs)
