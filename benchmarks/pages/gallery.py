"""The gallery: pictures before and after, of what the project may show.

Videos are streets that the project renders, through a simulated camera and its encoder. Photographs are free
of rights and come with scikit-image; the simulated camera darkens them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from skimage import data as photographs

import rtvideo
from benchmarks.night import clips, methods, scenes
from benchmarks.pages import contact_sheet
from rtvideo.sample.camera_simulator import Camera, Image, darken

_SIZE = (640, 360)
_FRAME = 75  # of the sample clip
_FRAMES = 40  # of the drive, after which smoothing over time has settled
_CAMERA = Camera(exposure=0.04, electrons=3000)  # of the photographs: five stops too dark

#: Free photographs: what they show, and whom the gallery thanks.
_PHOTOGRAPHS = {
    "coffee": "A cup of coffee. Photograph: Rachel Michetti, CC0",
    "chelsea": "Chelsea. Photograph: Stéfan van der Walt, CC0",
    "astronaut": "Eileen Collins. Photograph: NASA, public domain",
    "rocket": "A start at dusk. Photograph: SpaceX, CC0",
}


@dataclass(frozen=True)
class Pair:
    """A picture before and after: a name for its files, what it is, (H, W, 3) RGB."""

    name: str
    caption: str
    before: Image
    after: Image


def pairs(model: str) -> Iterator[Pair]:
    """Yield what the gallery shows, lit by a model."""
    before, after = contact_sheet.sample(model, _FRAME)
    yield Pair("sample", "The sample clip: a street under lamps, H.264", before, after)
    for name, codec, megabits in (("drive", "libx264", 1.5), ("drive_hevc", "libx265", 1.0)):
        clip = clips.record(scenes.street(_SIZE), _FRAMES, clips.Coding(codec=codec, megabits=megabits))
        lit = methods.ours(model, denoise=1.0, deband=1.0, temporal=1.0)(clip)
        kind = {"libx264": "H.264", "libx265": "HEVC"}[codec]
        caption = (
            f"A drive with headlights, as a dash cam records it: {kind} at {megabits:g} Mbit/s for 1080p"
        )
        yield Pair(name, caption, clip.dark[-1], lit[-1])
    rng = np.random.default_rng(6)
    with rtvideo.Enhancer(model, denoise=1.0, deband=1.0) as enhance:
        for name, caption in _PHOTOGRAPHS.items():
            dark = darken(getattr(photographs, name)(), rng, _CAMERA, crf=20.0)
            yield Pair(name, caption, dark, enhance(dark))


def write(model: str, folder: Path) -> str:
    """Write the pictures of all pairs into a folder, and return the page's figures."""
    folder.mkdir(exist_ok=True)
    figures = []
    for pair in pairs(model):
        names = {}
        for word, image in (("before", pair.before), ("after", pair.after)):
            names[word] = f"{folder.name}/{pair.name}_{word}.jpg"
            Pillow.fromarray(image).save(folder.parent / names[word], quality=85, optimize=True)
        alt = re.split("[.,:]", pair.caption)[0]
        figures.append(
            f'<figure class="before-after">\n<img src="{names["before"]}" alt="{alt}: before">\n'
            f'<img src="{names["after"]}" alt="{alt}: after">\n</figure>\n\n*{pair.caption}.*'
        )
    return "\n\n".join(figures)
