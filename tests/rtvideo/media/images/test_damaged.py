"""Damaged images of every format: read and written, or refused by one line."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.errors import RtvideoError
from rtvideo.media import images
from rtvideo.media.images import memory
from rtvideo.media.images.picture import Picture
from tests.helpers.mutations import mutate
from tests.rtvideo.files.test_image_job import animation
from tests.rtvideo.media.images.test_metadata import (
    GEO,
    IPTC,
    P3,
    XMP,
    chunk_colour,
    exif,
    extended,
    jpeg,
    png,
    profile_with_cicp,
    resources,
    scene,
    tiff,
)

#: Tried of each file.
CASES = 12


def seeds(folder: Path) -> dict[str, bytes]:
    """Return small files that hold as much as there is."""
    with io.BytesIO() as file:
        Image.fromarray(scene()).resize((15, 10)).save(file, "JPEG")
        tags = exif(6, file.getvalue())
    body = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='r'><rdf:D/></rdf:RDF></x:xmpmeta>"
    profile, packet = profile_with_cicp(1), XMP % b'tiff:Orientation="6"'
    records = resources((0x0404, IPTC), (0x0409, b"small"))
    segments = [(0xE1, b"Exif\0\0" + tags), *extended(body), (0xED, records), (0xE2, b"MPF\0" + bytes(40))]
    texts = [(b"tEXt", b"Comment\0x"), (b"zTXt", b"A\0\0" + zlib.compress(b"x"))]
    found = {
        "a.jpg": jpeg(*segments, (0xFE, b"hi"), (0xE5, b"odd"), icc_profile=profile, behind=jpeg()),
        "a.png": png(
            *chunk_colour(1.0, P3), (b"eXIf", tags), *texts, (b"pHYs", struct.pack(">IIB", 1, 2, 1))
        ),
        "a.tif": tiff(
            *GEO, (33723, 7, IPTC), (700, 1, packet), (34377, 1, records[14:]), (34675, 7, profile)
        ),
    }
    for name in ("a.webp", "a.gif", "a.bmp", "a.avif"):
        with io.BytesIO() as file:
            held = {"exif": b"Exif\0\0" + tags, "xmp": packet} if name in ("a.webp", "a.avif") else {}
            Image.fromarray(scene()).save(file, name[2:].upper(), **held)
            found[name] = file.getvalue()
    for name in ("b.gif", "b.webp", "b.png"):
        found[name] = animation(folder / name).read_bytes()
    for name in ("c.png", "c.tif"):
        images.write(Picture(scene().astype(np.uint16) * 257), folder / name)
        found[name] = (folder / name).read_bytes()
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tag data larger")
@pytest.mark.parametrize("first", range(4))
def test_damaged_images(tmp_path: Path, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 100_000_000)  # sizes may be absurd
    files = seeds(tmp_path)
    outcomes = []
    for number in range(first * CASES, (first + 1) * CASES):
        for name, data in files.items():
            chance = random.Random(f"{name} {number}")
            source = tmp_path / name
            source.write_bytes(mutate(data, chance, list(files.values())))
            target = tmp_path / f"lit{chance.choice(['.jpg', '.png', '.tif', '.webp', '.bmp', '.gif'])}"
            try:
                picture = images.read(source)
                said = images.losses(picture, target)
                images.write(picture, target)
                with Image.open(target) as image:
                    image.load()
                outcomes.append("written")
            except RtvideoError as error:
                said = [str(error)]
                outcomes.append("refused")
            assert not any("\n" in line for line in said)
    assert {"written", "refused"} <= set(outcomes)


def test_a_thumbnail_that_lies_elsewhere_destroys_nothing(tmp_path: Path) -> None:
    data = bytearray(exif(thumbnail=b"\xff\xd8\xff not a JPEG"))
    place = data.index(struct.pack("<HHI", 0x0201, 4, 1)) + 8
    data[place : place + 4] = struct.pack("<I", 0)  # the header of the EXIF data itself
    (tmp_path / "a.jpg").write_bytes(jpeg((0xE1, b"Exif\0\0" + bytes(data))))
    images.write(images.read(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[271] == "lamp works"
