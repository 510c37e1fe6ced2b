"""The images of a search, in two parts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from model import data
from model.night_pairs import night_pair
from rtvideo.errors import InputError, UsageError
from search.objectives import Example

#: Images of a batch that validates.
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Images to learn weights on (``train``) and architectures on (``val``), of different scenes."""

    train: Sequence[data.Item]
    val: Sequence[data.Item]
    fingerprint: data.Fingerprint

    @classmethod
    def read(
        cls,
        folder: Path,
        share: float,
        seed: int,
        most: int = 0,
        *,
        longest: int = 0,
        pairs: bool = False,
    ) -> Photos:
        """Read the images below a folder; ``share`` of them validates.

        Args:
            folder: read with all folders in it.
            share: of the scenes.
            seed: of the split, and of the night scenes.
            most: takes so many images, evenly; 0 all.
            longest: larger images are reduced to it; 0 keeps their size.
            pairs: the images are well lit; each becomes a night scene with a reference.

        Raises:
            InputError: the folder is missing, has no images or a single usable scene.
            UsageError: no image is left to train on.
        """
        reader = data.Reader(longest)
        items = data.unpaired([folder], reader)
        if 0 < most < len(items):
            items = [items[i * len(items) // most] for i in range(most)]
        if len({item.scene for item in items}) < 2:
            raise InputError(
                f"{folder}: {len(items)} usable image{'' if len(items) == 1 else 's'} in it; a search needs "
                "two of different names at least, one to train and one to validate on"
            )
        train, val = data.split(items, share, seed)
        if not train:
            raise UsageError(
                f"--split {share} leaves none of {len(items)} images to train on; give a smaller share"
            )
        if pairs:
            train, val = at_night(train, seed), at_night(val, seed + 1)
        return cls(train=train, val=val, fingerprint=reader.fingerprint())

    def pair(self, images: Sequence[int], crop: int, seed: int, step: int) -> tuple[Example, Example]:
        """Return crops of training images and as many of any validation images, (N, 3, crop, crop) in 0..1.

        Both follow from ``seed`` and ``step`` alone: a search that is resumed sees what it would have seen.
        """
        chosen = [self.train[image] for image in images]
        return (
            _example(*data.batch(chosen, len(images), crop, seed, 2 * step)),
            _example(*data.batch(self.val, len(images), crop, seed, 2 * step + 1)),
        )

    def order(self, seed: int, number: int) -> list[int]:
        """Return the order of the training images in pass ``number``."""
        order: list[int] = np.random.default_rng((seed, number, 1)).permutation(len(self.train)).tolist()
        return order


def middle(item: data.Item, size: int) -> Example:
    """Return the middle of an image, (1, 3, h, w) in 0..1, h and w at most ``size``."""
    top, left = (max(0, side - size) // 2 for side in item.low.shape[:2])
    part = (slice(top, top + size), slice(left, left + size))
    high = None if item.high is None else data.planes(item.high[part][None])
    return _example(data.planes(item.low[part][None]), high)


def batches(examples: Sequence[Example]) -> Iterator[Example]:
    """Yield examples of one image in batches of one size, few enough for the memory."""
    for _, alike in itertools.groupby(sorted(examples, key=_size), _size):
        group = list(alike)
        for start in range(0, len(group), _AT_ONCE):
            lows, highs = zip(*group[start : start + _AT_ONCE], strict=True)
            yield Example(torch.cat(lows), None if highs[0] is None else torch.cat(highs))


def _size(example: Example) -> torch.Size:
    return example.low.shape


def _example(low: data.Floats, high: data.Floats | None) -> Example:
    return Example(torch.from_numpy(low), None if high is None else torch.from_numpy(high))


def at_night(items: Sequence[data.Item], seed: int) -> list[data.Item]:
    """Return well lit photographs as night scenes with their references."""
    random = np.random.default_rng(seed)
    made = [(item, *night_pair(item.low, random)) for item in items]
    return [replace(item, low=low, high=high) for item, low, high in made]
