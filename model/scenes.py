"""``python -m model.scenes``: make pairs to learn from, of well-lit photographs and linear panoramas alone.

    python -m model.scenes --photos lit/ --panoramas hdr/ --out scenes/
    python -m model.train --pairs scenes/* --recipe night --out runs/restored
    python -m model.train --pairs scenes/* --recipe exposure --begin runs/restored --out runs/night

Writes folders of pairs, as `model.train` reads them: ``wide`` (photographs, taken too dark), ``panoramas``
(exposure brackets of views), ``night`` (photographs under lamps, filmed) and ``lit`` (what needs nothing). So
a step of training makes nothing and encodes nothing.
"""

from __future__ import annotations

import argparse
import csv
import functools
import io
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from model.command import Parser, imports, progress, run
from rtvideo import values
from rtvideo.errors import UsageError

with imports(__name__, "train"):
    import cv2
    import numpy as np

    from model import panoramas
    from model.checkpoint import write_whole
    from model.data import Reader, unpaired
    from model.night_pairs import night_pair, well_lit
    from model.wide_pairs import CLEANEST, panorama_pair, photograph_pair
    from rtvideo.sample.camera_simulator import Image, Linear

#: How many pairs are made of each photograph or panorama.
COUNTS = {"wide": 5, "panoramas": 16, "night": 2, "lit": 1}
_SIDES = (384, 608)  # pixels, of the longer side of a photograph

Pair = tuple[Image, Image]
_Maker = Callable[[Image, np.random.Generator], Pair]


@dataclass(frozen=True)
class Work:
    """A pair that is to be made: of what kind, of which scene, and how."""

    kind: str
    scene: str
    number: int
    make: Callable[[np.random.Generator], Pair]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_make, _parser(), words, extra="train", stopped="stopped; the same command goes on")


def _make(arguments: argparse.Namespace) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if not arguments.photos and not arguments.panoramas:
        raise UsageError("nothing to make scenes of; give --photos DIR, --panoramas DIR or both")
    cleanest = arguments.cleanest
    works = [
        *_photographs(arguments.photos, cleanest),
        *_panoramas(arguments.panoramas, arguments.without, cleanest),
    ]
    with progress(console) as bars:
        for work in bars.track(works, description="scenes"):
            _write(arguments.out, work, arguments.seed)
    for kind in COUNTS:
        scenes = [work for work in works if work.kind == kind]
        if scenes:
            _table(arguments.out / kind, scenes)
    console.print(f"{arguments.out}: {len(works)} pairs")


def _photographs(folders: Sequence[Path], cleanest: float) -> Iterator[Work]:
    wide = functools.partial(photograph_pair, cleanest=cleanest)
    kinds: dict[str, _Maker] = {"wide": wide, "night": night_pair, "lit": _same}
    for item in unpaired(folders, Reader(max(_SIDES))):
        for kind, make in kinds.items():
            made = functools.partial(_of_photograph, make, item.low)
            yield from (Work(kind, item.scene, number, made) for number in range(COUNTS[kind]))


def _of_photograph(make: _Maker, lit: Image, rng: np.random.Generator) -> Pair:
    return make(_resized(lit, rng), rng)


def _panoramas(paths: Sequence[Path], without: Sequence[str], cleanest: float) -> Iterator[Work]:
    for path in panoramas.files(paths):
        if not any(word in path.stem for word in without):
            made = functools.partial(_view_of, path, cleanest)
            yield from (Work("panoramas", path.stem, number, made) for number in range(COUNTS["panoramas"]))


@functools.lru_cache(maxsize=1)
def _panorama(path: Path) -> Linear:
    return panoramas.read(path)


def _view_of(path: Path, cleanest: float, rng: np.random.Generator) -> Pair:
    return panorama_pair(_panorama(path), rng, cleanest)


def _same(lit: Image, rng: np.random.Generator) -> Pair:
    same = well_lit(lit, rng)
    return same, same


def _resized(image: Image, rng: np.random.Generator) -> Image:
    """Return a photograph at a random size, so that details of all sizes are met at the noise of a pixel."""
    height, width, _ = image.shape
    ratio = min(1.0, rng.integers(*_SIDES, endpoint=True) / max(height, width))
    size = round(width * ratio), round(height * ratio)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _write(out: Path, work: Work, seed: int) -> None:
    """Write a pair, unless it is there. What is random follows from the seed and the pair's own name."""
    paths = [out / work.kind / side / _name(work) for side in ("low", "ref")]
    if all(path.exists() for path in paths):
        return
    letters = f"{work.kind}/{_name(work)}".encode()
    pair = work.make(np.random.default_rng((seed, *letters)))
    for path, image in zip(paths, pair, strict=True):
        _, png = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        write_whole(path, png.tobytes())


def _table(folder: Path, works: Sequence[Work]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("low", "ref", "scene"))
    table.writerows((_name(work), _name(work), work.scene) for work in works)
    write_whole(folder / "pairs.csv", text.getvalue().encode())


def _name(work: Work) -> str:
    return f"{work.scene}-{work.number:02}.png"


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m model.scenes", __doc__)
    add = parser.add_argument
    paths: dict[str, Any] = {"nargs": "+", "default": []}
    add("--photos", type=Path, **paths, metavar="DIR", help="folders of well-lit photographs")
    add("--panoramas", type=Path, **paths, metavar="PATH", help="Radiance HDR, or folders of them")
    add("--without", **paths, metavar="NAME", help="leave out panoramas with this in their name")
    add(
        "--cleanest",
        type=values.positive,
        default=round(CLEANEST),
        metavar="ELECTRONS",
        help="of the best camera, at full scale: the more, the more texture noise removal leaves, and noise",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="what is there is kept")
    add("--seed", type=values.count, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
