"""Raw photographs: DNG files that the test writes by hand, developed."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from rtvideo.errors import InputError, UnavailableError, UsageError
from rtvideo.files.image_job import enhance_image, sessions_for
from rtvideo.files.kinds import Job, job_for
from rtvideo.media import images
from rtvideo.media.images import exif, ifd
from rtvideo.media.images.metadata import PartKind, first
from rtvideo.options import Options

SIZE = 64, 48
BLACK, WHITE = 512, 15872


def dng(
    path: Path, light: np.ndarray, *, neutral: tuple[float, float, float] = (0.5, 1, 0.75), turn: int = 1
) -> Path:
    """Write light of red, green and blue, 0..1, (h, w, 3), as a Bayer pattern with the camera's white."""
    samples = light * np.array(neutral)
    mosaic = samples[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = samples[0::2, 0::2, 0], samples[1::2, 1::2, 2]
    codes = np.round(BLACK + mosaic * (WHITE - BLACK)).astype("<u2").tobytes()

    def rationals(*values: float) -> bytes:
        return b"".join(struct.pack("<ii", round(10_000 * value), 10_000) for value in values)

    height, width = mosaic.shape
    entries = {
        254: (4, struct.pack("<I", 0)),
        256: (4, struct.pack("<I", width)),
        257: (4, struct.pack("<I", height)),
        258: (3, struct.pack("<H", 16)),
        259: (3, struct.pack("<H", 1)),
        262: (3, struct.pack("<H", 32803)),
        271: (2, b"Test\0"),
        272: (2, b"Camera 1\0"),
        274: (3, struct.pack("<H", turn)),
        277: (3, struct.pack("<H", 1)),
        278: (4, struct.pack("<I", height)),
        279: (4, struct.pack("<I", len(codes))),
        306: (2, b"2026:11:29 22:00:00\0"),
        33421: (3, struct.pack("<HH", 2, 2)),
        33422: (1, bytes([0, 1, 1, 2])),
        50706: (1, bytes([1, 4, 0, 0])),
        50708: (2, b"Test Camera 1\0"),
        50714: (4, struct.pack("<I", BLACK)),
        50717: (4, struct.pack("<I", WHITE)),
        # What takes XYZ to the camera's colours: here those of sRGB.
        50721: (10, rationals(3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)),
        50728: (5, rationals(*neutral)),
        50778: (3, struct.pack("<H", 21)),
    }
    directory = ifd.Directory("<", {tag: ifd.Entry(*entry) for tag, entry in entries.items()})
    directory.entries[273] = ifd.Entry(4, struct.pack("<I", 0))
    place = 8 + len(ifd.stored(directory, 8))
    directory.entries[273] = ifd.Entry(4, struct.pack("<I", place))
    path.write_bytes(ifd.signature("<", 8) + ifd.stored(directory, 8) + codes)
    return path


def grey(level: float) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), level)


def test_it_is_developed_linearly_in_16_bits_by_the_cameras_white(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="no rawpy: pip install '.[raw]'")
    for level in (0.01, 0.2, 0.8):
        picture = images.read(dng(tmp_path / "a.dng", grey(level)))
        assert picture.pixels.dtype == np.uint16 and picture.pixels.shape == (SIZE[1], SIZE[0], 3)
        middle = picture.pixels[8:-8, 8:-8].reshape(-1, 3).mean(0) / 65535
        light = np.where(middle <= 0.04045, middle / 12.92, ((middle + 0.055) / 1.055) ** 2.4)
        assert light == pytest.approx(np.full(3, level), rel=0.02)
    assert len(np.unique(images.read(dng(tmp_path / "b.dng", grey(1) * ramp())).pixels)) > 1000


def ramp() -> np.ndarray:
    return np.linspace(0, 1, SIZE[0])[None, :, None] * np.linspace(0.5, 1, SIZE[1])[:, None, None]


def test_it_becomes_a_tiff_file_upright_with_its_exif(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="no rawpy: pip install '.[raw]'")
    source, target = dng(tmp_path / "a.dng", grey(0.2), turn=6), tmp_path / "a.tif"
    options = Options(strength=0)
    report = enhance_image(source, target, options, sessions_for(options))
    assert report.warnings == []
    made = images.read(target)
    assert made.pixels.shape == (SIZE[0], SIZE[1], 3) and made.pixels.dtype == np.uint16
    assert made.orientation == 1
    data = first(made.parts, PartKind.EXIF)
    assert data is not None and b"Camera 1" in data and b"2026:11:29 22:00:00" in data
    assert 50706 not in next(ifd.chain(target.read_bytes())).entries  # else it would be taken for a raw file
    assert exif.is_sound(data)


def test_a_damaged_one_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="no rawpy: pip install '.[raw]'")
    path = tmp_path / "a.nef"
    path.write_bytes(b"II*\0" + bytes(2000))
    with pytest.raises(InputError, match=r"a\.nef: cannot be developed: \w") as caught:
        images.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        images.read(tmp_path / "b.dng")


def test_without_the_package_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(UnavailableError, match=r"raw photographs need rawpy: pip install 'rtvideo\[raw\]'"):
        images.read(dng(tmp_path / "a.dng", grey(0.2)))


def test_it_becomes_an_image_and_no_video() -> None:
    assert job_for(Path("a.CR3"), Path("b.png")) == Job.IMAGE
    with pytest.raises(UsageError, match=r"a\.arw: is a photograph.*such as b\.tif"):
        job_for(Path("a.arw"), Path("b.mp4"))
