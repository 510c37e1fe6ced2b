"""HDR photographs from file to file: they go through the curves of video, and each format says what it is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.errors import UsageError
from rtvideo.files.image_job import enhance_image, sessions_for
from rtvideo.media import images
from rtvideo.media.images.metadata import Part, PartKind, first
from rtvideo.options import Options
from tests.helpers import hdr
from tests.rtvideo.media.images.test_deep import LIGHT
from tests.rtvideo.media.images.test_metadata import profile_with_cicp

CODE = {"pq": 16, "hlg": 18}


def photograph(path: Path, kind: str, *parts: Part) -> hdr.Light:
    """Write a night as HDR, and return its light."""
    light = hdr.night(128, 80)
    codes = np.round(hdr.signal(light, kind) * 65535).astype(np.uint16)
    code = Part(PartKind.CICP, bytes([9, CODE[kind], 0, 1]))
    images.write(images.Picture(codes, bits=10, curve=kind, parts=[code, *parts]), path)
    return light


@pytest.mark.parametrize("kind", ["pq", "hlg"])
@pytest.mark.parametrize("suffix", [".png", ".heic", ".avif"])
def test_what_says_so_stays_hdr(tmp_path: Path, suffix: str, kind: str) -> None:
    if suffix == ".heic":
        pytest.importorskip("pillow_heif", reason="pillow_heif reads HEIC")
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    light = photograph(source, kind, Part(PartKind.LIGHT, LIGHT))
    options = Options()
    report = enhance_image(source, target, options, sessions_for(options))
    made = images.read(target)
    assert not report.warnings
    assert (made.curve, made.pixels.dtype) == (kind, np.uint16)
    assert first(made.parts, PartKind.CICP) == bytes([9, CODE[kind], 0, 1])
    assert first(made.parts, PartKind.LIGHT) == LIGHT[:4] + bytes(4)  # the average is unknown now
    shown = hdr.light(made.pixels / 65535, kind)
    above = light.max(-1) > 1.05
    exact = 0.02 if suffix == ".png" else 0.15  # a lamp is small, and chroma has half of the size
    assert np.median(np.abs(shown[above] - light[above])) < exact
    assert np.median(shown / light) > 1.5


def test_a_profile_says_so_too(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    codes = np.round(hdr.signal(hdr.night(128, 80), "pq") * 255).astype(np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(codes).save(file, "JPEG", quality=95, icc_profile=profile_with_cicp(16))
        source.write_bytes(file.getvalue())
    options = Options()
    enhance_image(source, target, options, sessions_for(options))
    assert images.read(target).curve == "pq"
    with pytest.raises(UsageError, match=r"name a \.heic, \.avif or \.png, or add --hdr sdr"):
        enhance_image(source, tmp_path / "out.bmp", options, sessions_for(options))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_as_sdr(tmp_path: Path, suffix: str) -> None:
    light = photograph(tmp_path / "in.png", "pq", Part(PartKind.LIGHT, LIGHT))
    options, target = Options(hdr="sdr", strength=0.0), tmp_path / f"out{suffix}"
    report = enhance_image(tmp_path / "in.png", target, options, sessions_for(options))
    made = images.read(target)
    assert made.curve == "" and not made.parts
    assert not any("light level" in line for line in report.warnings)
    codes = made.pixels / np.iinfo(made.pixels.dtype).max
    below = light.max(-1) < 0.3
    assert np.abs(codes - hdr.signal(light, "sdr"))[below].mean() < 0.01


def test_formats_that_cannot_say_so_name_what_can(tmp_path: Path) -> None:
    photograph(tmp_path / "in.png", "hlg")
    options = Options()
    with pytest.raises(UsageError, match=r"JPEG cannot say that a picture is HDR.*--hdr sdr") as caught:
        enhance_image(tmp_path / "in.png", tmp_path / "out.jpg", options, sessions_for(options))
    assert "\n" not in str(caught.value) and not (tmp_path / "out.jpg").exists()
