"""Training images: folders of whatever rtvideo reads, and folders of pairs, kept in memory as 8-bit RGB.

Files that cannot be read, or are too small to be scored, are named in a warning and left out.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rtvideo.errors import InputError, RtvideoError
from rtvideo.media import images
from rtvideo.sample.camera_simulator import Image

Floats = npt.NDArray[np.float32]

_SMALLEST = 8  # SSIM needs 7
_ALIKE = 0.9  # correlation; neighbours in LOL that show one shelf reach it, other scenes do not

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """One dark image, with its reference where there is one.

    Attributes:
        name: path within its folder.
        scene: images of one scene are never split between training and validation.
        low, high: (H, W, 3) uint8 of the same size.
        source: the folder it comes from.
    """

    name: str
    scene: str
    low: Image
    high: Image | None = None
    source: str = ""


@dataclass(frozen=True)
class Fingerprint:
    """What a network was trained on: how many files, and a hash of their names, sizes and contents."""

    files: int
    sha256: str


class Reader:
    """Reads files once each, and remembers them for the fingerprint.

    Args:
        longest: images with a longer side are reduced to it by area; 0 keeps their size.
    """

    def __init__(self, longest: int = 0) -> None:
        self._longest = longest
        self._images: dict[Path, Image | None] = {}
        self._lines: set[str] = set()
        self._digests: dict[Path, str] = {}

    def read(self, path: Path, name: str) -> Image | None:
        """Return an image, or None, with a warning, if it cannot be read."""
        if path not in self._images:
            self._images[path] = self._read(path, name)
        return self._images[path]

    def digest(self, path: Path) -> str:
        """Return the hash of a file that was read."""
        return self._digests[path]

    def digests(self) -> set[str]:
        """Return the hashes of all usable files so far."""
        return set(self._digests.values())

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of all usable files so far."""
        return Fingerprint(
            len(self._lines), hashlib.sha256("\n".join(sorted(self._lines)).encode()).hexdigest()
        )

    def _read(self, path: Path, name: str) -> Image | None:
        try:
            picture = images.read(path)
        except RtvideoError as error:  # its message begins with the path
            log.warning("%s; skipped", error)
            return None
        if min(picture.pixels.shape[:2]) < _SMALLEST:
            log.warning("%s: smaller than %d pixels; skipped", path, _SMALLEST)
            return None
        data = path.read_bytes()
        self._digests[path] = hashlib.sha256(data).hexdigest()
        self._lines.add(f"{name} {len(data)} {self._digests[path]}")
        return _reduce(rgb(picture.pixels), self._longest)


def rgb(pixels: npt.NDArray[np.generic]) -> Image:
    """Return grey (H, W) or RGB (H, W, 3) pixels of 8 or 16 bits as (H, W, 3) RGB uint8."""
    if pixels.dtype == np.uint16:
        pixels = (pixels.astype(np.uint32) + 128) // 257
    colour = pixels[..., None].repeat(3, axis=2) if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(colour, np.uint8)


def unpaired(folders: Iterable[Path], reader: Reader) -> list[Item]:
    """Return every readable image below the folders.

    The same content is taken once, and not at all if ``reader`` has met it before, as one of a pair.

    Raises:
        InputError: a folder is missing or holds no image.
    """
    items: list[Item] = []
    seen = reader.digests()
    for folder in folders:
        names = _listing(folder)
        for name in names:
            image = reader.read(folder / name, name)
            if image is not None and reader.digest(folder / name) not in seen:
                seen.add(reader.digest(folder / name))
                items.append(Item(name, Path(name).stem, image, source=str(folder)))
    return items


def paired(folders: Iterable[Path], reader: Reader, part: str = "train") -> list[Item]:
    """Return the pairs of each folder.

    A folder has ``low/`` and ``high/`` with equal file names (suffixes may differ); or ``low/``, ``ref/`` and
    ``pairs.csv`` with the columns low, ref, perhaps split, of which only ``part`` is read, and perhaps scene.
    Where it is not told, pairs whose references look alike (another exposure, a step to the side) are one.

    Raises:
        InputError: a folder is built otherwise, has no pair, or two images of a pair differ in size.
    """
    items: list[Item] = []
    for folder in folders:
        found = _read_pairs(folder, _pairs(folder, part), reader)
        if not found:
            raise InputError(f"{folder}: no pair of readable images in it")
        items += found
    return items


def matched(low: Path, high: Path, reader: Reader) -> list[Item]:
    """Return the pairs of two folders whose files have equal names (suffixes may differ).

    Raises:
        InputError: a folder is missing or holds no image, there is no pair, or two images differ in size.
    """
    items = _read_pairs(low, _matches(low, high), reader)
    if not items:
        raise InputError(f"{low}: no image in it has a readable partner of the same name in {high}")
    return items


#: The dark image, its reference, and the scene, empty where it is not told.
_Paths = tuple[Path, Path, str]


def _read_pairs(folder: Path, paths: Sequence[_Paths], reader: Reader) -> list[Item]:
    items = []
    for low_path, high_path, scene in paths:
        # Relative to the folder, so that a fingerprint does not depend on where the data lie.
        low_name, high_name = (f"{p.parent.name}/{p.name}" for p in (low_path, high_path))
        low, high = reader.read(low_path, low_name), reader.read(high_path, high_name)
        if low is None or high is None:
            continue
        if low.shape != high.shape:
            raise InputError(
                f"{low_path} and {high_path.name}: a pair must have one size; resize or remove it"
            )
        items.append(Item(low_name, scene or high_path.stem, low, high, str(folder)))
    return items if all(scene for _, _, scene in paths) else _joined(items)


def _joined(items: Sequence[Item]) -> list[Item]:
    """Return the items with one scene's name for those whose references correlate as thumbnails."""
    thumbnails: list[Floats] = []
    joined: list[Item] = []
    for item in items:
        assert item.high is not None
        small = (
            cv2.resize(item.high, (24, 16), interpolation=cv2.INTER_AREA).astype(np.float32).mean(2).ravel()
        )
        small -= small.mean()
        small /= max(float(np.linalg.norm(small)), 1e-6)
        alike = [i for i, other in enumerate(thumbnails) if other @ small > _ALIKE]
        joined.append(replace(item, scene=joined[alike[0]].scene) if alike else item)
        thumbnails.append(small)
    return joined


def split(items: Sequence[Item], share: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Return (training, held out), by scene: about ``share`` of the scenes are held out, at least one.

    Which scenes depends on their names and the seed alone. With a single scene both parts are that scene.
    """
    scenes = sorted(
        {item.scene for item in items}, key=lambda s: hashlib.sha256(f"{seed}:{s}".encode()).digest()
    )
    if len(scenes) < 2:
        return list(items), list(items)
    held = set(scenes[: max(1, round(share * len(scenes)))])
    return [i for i in items if i.scene not in held], [i for i in items if i.scene in held]


def batch(items: Sequence[Item], size: int, crop: int, seed: int, step: int) -> tuple[Floats, Floats | None]:
    """Return (low, high), each (size, 3, crop, crop) in 0..1; high is None unless all items are pairs.

    Crops, flips and quarter turns are random. Everything follows from ``seed`` and ``step``, so that a
    resumed run sees what it would have seen. Images smaller than the crop are mirrored.
    """
    random = np.random.default_rng((seed, step))
    lows, highs = [], []
    for index in random.integers(len(items), size=size):
        item = items[index]
        place = random.random(2)
        flip, turns = bool(random.integers(2)), int(random.integers(4))
        lows.append(_view(item.low, crop, place, flip, turns))
        if item.high is not None:
            highs.append(_view(item.high, crop, place, flip, turns))
    return planes(np.stack(lows)), planes(np.stack(highs)) if len(highs) == size else None


@dataclass(frozen=True)
class View:
    """An image to learn from: seen whole, with a reference for a part of it.

    Attributes:
        low: (1, 3, H, W) in codes of 8 bits, or in 0..1.
        high: (1, 3, h, w) in 0..1, the reference of that part, or None.
        part: rows and columns of the part.
    """

    low: Image | Floats
    high: Floats | None
    part: tuple[slice, slice]


def crop_of(low: Floats, high: Floats | None, number: int) -> View:
    """Return one of the crops of a batch."""
    one = slice(number, number + 1)
    return View(low[one], None if high is None else high[one], (slice(None), slice(None)))


@dataclass(frozen=True)
class Placement:
    """How an item is seen: flipped left to right, turned to the left by quarters, its channels in an order.

    ``part`` are rows and columns of what comes of that. ``saturation`` is the factor by which colours are
    multiplied, of the dark image and of its reference alike.
    """

    flip: bool
    turns: int
    channels: npt.NDArray[np.int64]
    part: tuple[slice, slice]
    saturation: float = 1.0


def place(
    item: Item,
    crop: int,
    random: np.random.Generator,
    *,
    permuted: bool = False,
    saturation: tuple[float, float] = (1.0, 1.0),
) -> Placement:
    """Return a random placement with a part of at most ``crop`` pixels a side.

    Args:
        permuted: channels change places, too: who has seen all colours alike often has no cast.
        saturation: the least and the largest factor for the colours of every other image.
    """
    flip, turns = bool(random.integers(2)), int(random.integers(4))
    channels = random.permutation(3) if permuted else np.arange(3)
    whole = item.low.shape[:2] if turns % 2 == 0 else item.low.shape[1::-1]
    sides = [min(crop, side) for side in whole]
    starts = [int(random.integers(length - side + 1)) for length, side in zip(whole, sides, strict=True)]
    rows, columns = (slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    factor = 1.0
    if saturation != (1.0, 1.0) and random.random() < 0.5:
        factor = float(random.uniform(*saturation))
    return Placement(flip, turns, channels, (rows, columns), factor)


def view(item: Item, seen: Placement) -> View:
    """Return an item as it is seen."""
    low = cv2.split(_saturated(_turned(item.low, seen), seen.saturation))
    high = None
    if item.high is not None:
        part = _saturated(_turned(item.high, seen)[seen.part], seen.saturation)
        high = planes(part[None][..., seen.channels])
    return View(np.stack([low[channel] for channel in seen.channels])[None], high, seen.part)


def _turned(image: Image, seen: Placement) -> Image:
    turned: npt.NDArray[Any] = cv2.flip(image, 1) if seen.flip else image  # NumPy takes ten times as long
    if seen.turns:
        turned = cv2.rotate(turned, _TURNS[seen.turns - 1])
    return turned.astype(np.uint8, copy=False)


def _saturated(image: Image, factor: float) -> Image:
    """Multiply what each channel is beside the mean of all three."""
    if factor == 1:
        return image
    share = np.float32((1 - factor) / 3)
    mixing = share + np.float32(factor) * np.eye(3, dtype=np.float32)
    return cv2.transform(np.ascontiguousarray(image), mixing).astype(np.uint8, copy=False)


_TURNS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


def planes(images: Image) -> Floats:
    """Return (N, H, W, 3) uint8 as (N, 3, H, W) in 0..1."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def _view(image: Image, crop: int, place: npt.NDArray[np.float64], flip: bool, turns: int) -> Image:
    missing = [(0, max(0, crop - side)) for side in image.shape[:2]]
    if any(after for _, after in missing):
        image = np.pad(image, (*missing, (0, 0)), mode="symmetric")
    top, left = (int(p * (side - crop + 1)) for p, side in zip(place, image.shape[:2], strict=True))
    image = image[top : top + crop, left : left + crop]
    return np.rot90(image[:, ::-1] if flip else image, turns)


def _reduce(image: Image, longest: int) -> Image:
    height, width = image.shape[:2]
    ratio = longest / max(height, width)
    if longest == 0 or ratio >= 1:
        return image
    size = (max(_SMALLEST, round(width * ratio)), max(_SMALLEST, round(height * ratio)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _listing(folder: Path) -> list[str]:
    """Return the names of all images below a folder, in an order that every file system agrees on."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    names = [str(p.relative_to(folder)) for p in folder.rglob("*") if images.is_image(p) and p.is_file()]
    if not names:
        raise InputError(f"{folder}: no image in it; {', '.join(images.BY_SUFFIX)} are read")
    return sorted(names)


def _pairs(folder: Path, part: str) -> list[_Paths]:
    table = folder / "pairs.csv"
    if table.is_file():
        return _table(table, part)
    low, high = folder / "low", folder / "high"
    if not low.is_dir() or not high.is_dir():
        raise InputError(
            f"{folder}: not a folder of pairs; it needs low/ and high/, or low/, ref/ and pairs.csv"
        )
    return _matches(low, high)


def _matches(low: Path, high: Path) -> list[_Paths]:
    references = {str(Path(name).with_suffix("")): high / name for name in _listing(high)}
    pairs = []
    for name in _listing(low):
        reference = references.get(str(Path(name).with_suffix("")))
        if reference is None:
            log.warning("%s: skipped: no image of that name in %s", low / name, high)
        else:
            pairs.append((low / name, reference, ""))
    return pairs


def _table(table: Path, part: str) -> list[_Paths]:
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"low", "ref"} <= set(rows[0]):
        raise InputError(f"{table}: needs a first line with the columns low and ref, perhaps split and scene")
    return [
        (table.parent / "low" / row["low"], table.parent / "ref" / row["ref"], row.get("scene", ""))
        for row in rows
        if row.get("split", part) == part
    ]
