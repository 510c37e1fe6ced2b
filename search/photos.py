"""The images of a search, in two parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model import data
from rtvideo.errors import InputError, UsageError


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Dark images to learn weights on (``train``) and architectures on (``val``), of different scenes."""

    train: Sequence[data.Item]
    val: Sequence[data.Item]
    fingerprint: data.Fingerprint

    @classmethod
    def read(cls, folder: Path, share: float, seed: int, most: int = 0) -> Photos:
        """Read the images below a folder; ``share`` of them validates. ``most`` takes so many, evenly; 0 all.

        Raises:
            InputError: the folder is missing, has no images or a single usable scene.
            UsageError: no image is left to train on.
        """
        reader = data.Reader()
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
        return cls(train=train, val=val, fingerprint=reader.fingerprint())

    def pair(self, image: int, crop: int, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Return a crop of a training image and one of any validation image, (1, 3, crop, crop) in 0..1.

        Both follow from ``seed`` and ``step`` alone: a search that is resumed sees what it would have seen.
        """
        train, _ = data.batch([self.train[image]], 1, crop, seed, 2 * step)
        val, _ = data.batch(self.val, 1, crop, seed, 2 * step + 1)
        return torch.from_numpy(train), torch.from_numpy(val)

    def order(self, seed: int, number: int) -> list[int]:
        """Return the order of the training images in pass ``number``."""
        order: list[int] = np.random.default_rng((seed, number, 1)).permutation(len(self.train)).tolist()
        return order


def middle(item: data.Item, size: int) -> Tensor:
    """Return the middle of an image, (1, 3, h, w) in 0..1, h and w at most ``size``."""
    top, left = (max(0, side - size) // 2 for side in item.low.shape[:2])
    return torch.from_numpy(data.planes(item.low[None, top : top + size, left : left + size]))
