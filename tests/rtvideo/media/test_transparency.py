"""Transparency of videos: kept where codec and container hold it, named where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from rtvideo.enhancer import Enhancer
from rtvideo.files.job import enhance_video
from rtvideo.files.salvage import reusable_packets
from rtvideo.files.sequence_job import enhance_to_images
from rtvideo.media.transparency import Alpha, alpha_of
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening

WIDTH, HEIGHT = 64, 48


def cut_out(index: int) -> np.ndarray:
    """Return RGBA (h, w, 4): a picture that fades to the right, with a hole that moves."""
    fade = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, WIDTH)).copy()
    fade[10 : 20 + index, 30:50] = 0
    return np.dstack([clips.picture(index, WIDTH, HEIGHT), fade])


def write(path: Path, codec: str, pix_fmt: str, frames: int = 3, **changes: Any) -> Path:
    options = {"auto-alt-ref": "0"} if codec.startswith("libvpx") else {}
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        if "matrix" in changes:
            stream.set_display_matrix(changes["matrix"])
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(cut_out(index), "rgba").reformat(format=pix_fmt)
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def alphas(path: Path) -> list[np.ndarray]:
    """Return the transparency of each frame as the program sees it, 0 to 1."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = video.codec_context
        if video.codec_context.name in ("vp8", "vp9"):
            name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}[video.codec_context.name]
            decoder = av.CodecContext.create(name, "r")
        frames = [
            frame
            for packet in container.demux(video)
            for frame in decoder.decode(packet if packet.size else None)
        ]
    return [frame.reformat(format="rgba64le").to_ndarray()[..., 3] / 65535 for frame in frames]


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "source", "target"),
    [
        ("ffv1", "yuva420p", ".mkv", ".mkv"), ("ffv1", "yuva444p12le", ".mkv", ".avi"),
        ("ffv1", "gbrap16le", ".mkv", ".mkv"), ("ffv1", "bgra", ".mkv", ".nut"),
        ("ffv1", "ya8", ".mkv", ".mkv"),
        ("png", "rgba", ".mov", ".mov"), ("png", "rgba64be", ".mov", ".mov"),
        ("png", "ya16be", ".mov", ".mov"),
        ("qtrle", "argb", ".mov", ".mov"), ("prores_ks", "yuva444p10le", ".mov", ".mov"),
        ("prores_ks", "yuva444p10le", ".mov", ".mkv"), ("utvideo", "gbrap", ".avi", ".avi"),
        ("ffvhuff", "yuva422p10le", ".avi", ".avi"), ("magicyuv", "gbrap", ".avi", ".avi"),
        ("cfhd", "gbrap12le", ".mov", ".mov"),
        ("libvpx-vp9", "yuva420p", ".webm", ".webm"), ("libvpx", "yuva420p", ".webm", ".mkv"),
        ("ffv1", "yuva444p", ".mkv", ".webm"), ("png", "rgba", ".mov", ".webm"),
    ],
)  # fmt: skip
def test_transparency_is_kept(tmp_path: Path, codec: str, pix_fmt: str, source: str, target: str) -> None:
    given = write(tmp_path / f"in{source}", codec, pix_fmt)
    report = enhance(given, tmp_path / f"out{target}")
    before, after = alphas(given), alphas(tmp_path / f"out{target}")
    assert not any("transparency (" in line for line in report.warnings), report.warnings
    assert len(before) == len(after) and before[0].min() < 0.1
    lossy = target == ".webm" or codec in ("cfhd", "libvpx")
    for dark, lit in zip(before, after, strict=True):
        assert np.abs(dark - lit).mean() < (0.02 if lossy else 0.001)
        assert np.abs(dark - lit).max() < (1 if lossy else 0.002)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "source", "target"),
    [
        ("libvpx-vp9", "yuva420p", ".webm", ".mp4"), ("libvpx-vp9", "yuva420p", ".webm", ".mov"),
        ("libvpx", "yuva420p", ".webm", ".avi"), ("ffv1", "yuva420p", ".mkv", ".ts"),
        ("prores_ks", "yuva444p10le", ".mov", ".mp4"), ("qtrle", "argb", ".mov", ".ts"),
    ],
)  # fmt: skip
def test_transparency_is_named_where_it_cannot_be_kept(
    tmp_path: Path, codec: str, pix_fmt: str, source: str, target: str
) -> None:
    given = write(tmp_path / f"in{source}", codec, pix_fmt, frames=12)
    report = enhance(given, tmp_path / f"out{target}")
    assert [line for line in report.warnings if "transparency (" in line and "is dropped" in line]
    with av.open(str(tmp_path / f"out{target}")) as container:
        video = container.streams.video[0]
        assert "alpha_mode" not in {name.lower() for name in video.metadata}
        assert not any(component.is_alpha for component in video.codec_context.format.components)


def test_a_codec_without_transparency_leaves_no_mark(tmp_path: Path) -> None:
    given = write(tmp_path / "in.webm", "libvpx-vp9", "yuva420p")
    report = enhance(given, tmp_path / "out.mkv", codec="libx264")
    assert any("transparency (" in line for line in report.warnings)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert "alpha_mode" not in {name.lower() for name in container.streams.video[0].metadata}


@pytest.mark.parametrize("compare", ["split", "side", None])
def test_transparency_goes_with_the_picture_where_that_is_turned_or_shown_twice(
    tmp_path: Path, compare: str | None
) -> None:
    one = 1 << 16
    given = write(tmp_path / "in.mkv", "ffv1", "yuva420p", matrix=(0, one, 0, -one, 0, 0, 0, 0, one << 14))
    enhance(given, tmp_path / "out.avi", compare=compare)
    dark, lit = alphas(given)[1], alphas(tmp_path / "out.avi")[1]
    wanted = np.rot90(dark, -1)
    np.testing.assert_allclose(lit, np.hstack([wanted] * 2) if compare == "side" else wanted, atol=0.002)


def test_packets_that_resume_takes_over_keep_their_transparency(tmp_path: Path) -> None:
    given = write(tmp_path / "in.webm", "libvpx-vp9", "yuva420p", frames=300)
    kept = reusable_packets(given, 0)
    assert kept.count >= 128
    assert all(packet.has_sidedata("matroska_block_additional") for packet in kept.packets())


def test_numbered_images_of_a_video_keep_it(tmp_path: Path) -> None:
    given = write(tmp_path / "in.webm", "libvpx-vp9", "yuva420p")
    engine: Any = opening(FakeSession())
    report = enhance_to_images(given, tmp_path / "lit_%02d.png", Options(), open_engine=engine)
    assert report.warnings == []
    with Image.open(tmp_path / "lit_02.png") as image:
        assert np.abs(np.asarray(image)[..., 3] / 255 - alphas(given)[1]).max() < 0.01
    report = enhance_to_images(given, tmp_path / "lit_%02d.jpg", Options(), open_engine=engine)
    assert any("JPEG holds no transparency" in line for line in report.warnings)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_numbered_images_bring_it_into_a_video(tmp_path: Path, mode: str) -> None:
    for index in range(3):
        opaque = index == 1  # programs leave the transparency out where there is none
        image = Image.fromarray(cut_out(index)).convert(mode)
        image.convert(mode[:-1] if opaque else mode).save(tmp_path / f"in_{index:02d}.png")
    report = enhance(tmp_path / "in_%02d.png", tmp_path / "out.mov", codec="png")
    found = alphas(tmp_path / "out.mov")
    assert not any("transparency (" in line for line in report.warnings)
    for index, wanted in enumerate([cut_out(0), None, cut_out(2)]):
        expected = np.ones((HEIGHT, WIDTH)) if wanted is None else wanted[..., 3] / 255
        np.testing.assert_allclose(found[index], expected, atol=0.005)  # as swscale shows grey
    report = enhance(tmp_path / "in_%02d.png", tmp_path / "out.mp4")
    assert any("transparency (" in line for line in report.warnings)


def test_the_python_api_keeps_it() -> None:
    frame = av.VideoFrame.from_ndarray(cut_out(0), "rgba")
    with Enhancer(strength=0) as enhancer:
        lit = enhancer(frame)
    np.testing.assert_array_equal(lit.to_ndarray()[..., 3], cut_out(0)[..., 3])


def test_an_opaque_gif_is_not_said_to_lose_any(tmp_path: Path) -> None:
    frames = [Image.fromarray(clips.picture(index, WIDTH, HEIGHT)) for index in range(3)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=40)
    report = enhance(tmp_path / "in.gif", tmp_path / "out.mp4")
    assert not any("transparency (" in line for line in report.warnings)


@pytest.mark.parametrize("pix_fmt", ["yuva420p10le", "rgba64be", "argb", "ya16le", "gbrap12le"])
def test_opaque_stays_opaque_at_every_depth(pix_fmt: str) -> None:
    frame = av.VideoFrame(8, 8, pix_fmt)
    for value in (0, 255):
        Alpha(np.full((8, 8), value, np.uint8), 8).put(frame)
        found = alpha_of(frame, 8, 8)
        assert found is not None and set(np.unique(found.samples)) == {
            value // 255 * ((1 << found.depth) - 1)
        }
