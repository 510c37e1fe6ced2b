"""Every pixel format, field order, rotation and shape of pixels, into several containers and codecs.

With an engine that changes nothing the picture must come out as it went in; what cannot be kept is named.
``RTVIDEO_MATRIX=all`` tries all combinations, not a sample.
"""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rtvideo.media.orientation import orientation_of
from rtvideo.media.transparency import alpha_decoder
from tests.helpers import clips
from tests.helpers.display import MATRICES, matrix
from tests.helpers.matrix import enhanced, ffmpeg, sample

pytestmark = pytest.mark.slow

#: Suffix of the output and encoder; lowest PSNR of a detailed picture in dB.
TARGETS = (
    *((".mkv", "ffv1", 38.0), (".mp4", None, 22.0), (".mov", "prores_ks", 22.0), (".webm", None, 22.0)),
    *((".mkv", "libx265", 22.0), (".mkv", "mjpeg", 22.0), (".avi", None, 22.0)),
)

#: swscale reads these from no file.
_NOT_READ = ("rgb4", "bgr4")


def pixel_formats() -> list[str]:
    """Return the formats that any encoder here takes, in which frames lie in main memory."""
    found: set[str] = set()
    for name in sorted(av.codecs_available):
        try:
            formats = av.Codec(name, "w").video_formats or []
        except (ValueError, av.FFmpegError):
            continue
        found.update(form.name for form in formats if form.components)
    twins = {name.removesuffix("le") + "be" for name in found if name.endswith("le")}
    return sorted(found | twins)


def raw(path: Path, pix_fmt: str) -> bool:
    """Write raw video, and return whether it is read back in this format."""
    try:
        with av.open(str(path), "w") as out:
            stream = out.add_stream("rawvideo", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
            for index in range(3):
                rgb = av.VideoFrame.from_ndarray(clips.picture(index, 64, 48), "rgb24")
                frame = rgb.reformat(format=pix_fmt)
                frame.pts = index
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        return clips.first(path).format.name == pix_fmt
    except (ValueError, OSError):
        return False


def decoded(path: Path) -> list[av.VideoFrame]:
    """Decode a video with its transparency."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = alpha_decoder(video) or video.codec_context
        packets = container.demux(video)
        return [frame for packet in packets for frame in decoder.decode(packet if packet.size else None)]


def psnr(before: np.ndarray, after: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of pictures of 8 bits, in dB."""
    error = ((before.astype(float) - after) ** 2).mean()
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def likeness(before: list[av.VideoFrame], after: list[av.VideoFrame]) -> float:
    # swscale misreads some formats on its short way to RGB of 8 bits.
    pictures = [
        [np.asarray(frame.reformat(format="gbrp").to_ndarray(format="rgb24")) for frame in frames]
        for frames in (before, after)
    ]
    return min(psnr(dark, lit) for dark, lit in zip(*pictures, strict=True))


def depth(frame: av.VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


FORMATS = [
    (name, target) for name in pixel_formats() if name not in _NOT_READ for target in range(len(TARGETS))
]


#: What went wrong once; always tried.
FOUND_FORMATS = [("rgb555be", 0), ("gray", 1), ("yuv420p16le", 0), ("gbrap16le", 0), ("gray10be", 6)]


@pytest.mark.parametrize(("pix_fmt", "target"), sample(FORMATS, 60, seed=7) + FOUND_FORMATS)
def test_a_pixel_format_keeps_its_picture(pix_fmt: str, target: int, tmp_path: Path) -> None:
    if not raw(tmp_path / "in.nut", pix_fmt):
        return  # FFmpeg does not make it, or NUT has no name for it
    ending, codec, least = TARGETS[target]
    report = enhanced(tmp_path / "in.nut", tmp_path / f"out{ending}", codec=codec)
    before, after = decoded(tmp_path / "in.nut"), decoded(tmp_path / f"out{ending}")
    assert likeness(before, after) >= least, after[0].format.name
    if depth(after[0]) < depth(before[0]):
        assert any(f"{depth(before[0])}-bit video becomes" in line for line in report.warnings)
    if has_alpha(before[0]) and not has_alpha(after[0]):
        assert any("transparency (" in line for line in report.warnings)


SHAPES = ("1/1", "4/3", "16/11", "8/9", "64/45")
ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".flv", ".wmv", ".mpg", ".mxf", ".nut")
DISPLAYS = [
    (orientation, shape, pix_fmt, source, target)
    for orientation in MATRICES
    for shape in SHAPES
    for pix_fmt in ("yuv420p", "yuv422p10le")
    for source in (".mov", ".mp4", ".mkv")
    for target in ENDINGS
]


def shown(frame: av.VideoFrame, path: Path) -> tuple[Image.Image, Fraction]:
    """Return a picture as players show it, and its width by its height on the screen."""
    with av.open(str(path)) as container:
        shape = container.streams.video[0].sample_aspect_ratio or Fraction(1)
    data = frame.side_data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)  # type: ignore[attr-defined]
    orientation = 1 if data is None else orientation_of(memoryview(bytes(data)).cast("i").tolist()) or 1
    ratio = frame.width * shape / frame.height
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    turn = MATRICES[orientation][1]
    return (
        (image, ratio) if turn is None else (image.transpose(turn), 1 / ratio if orientation > 4 else ratio)
    )


#: What went wrong once; always tried.
FOUND_DISPLAYS = [
    (1, "8/9", "yuv420p", ".mov", ".mpg"), (6, "4/3", "yuv422p10le", ".mkv", ".mxf"),
    (6, "16/11", "yuv420p", ".mp4", ".avi"), (5, "1/1", "yuv420p", ".mov", ".ts"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("orientation", "shape", "pix_fmt", "source", "target"), sample(DISPLAYS, 45, seed=11) + FOUND_DISPLAYS
)
def test_a_picture_is_shown_as_before(
    orientation: int, shape: str, pix_fmt: str, source: str, target: str, tmp_path: Path
) -> None:
    given = clips.write(
        tmp_path / f"in{source}",
        width=128,
        height=96,
        pix_fmt=pix_fmt,
        display_matrix=matrix(orientation),
        sample_aspect_ratio=Fraction(shape),
        options={"crf": "5", "preset": "ultrafast"},
    )
    report = enhanced(given, tmp_path / f"out{target}")
    before, after = clips.first(given), clips.first(tmp_path / f"out{target}")
    (dark, ratio), (lit, made) = shown(before, given), shown(after, tmp_path / f"out{target}")
    assert dark.size == lit.size and psnr(np.asarray(dark), np.asarray(lit)) > 28
    named = any("pixels of" in line for line in report.warnings)
    assert named or abs(float(made / ratio) - 1) < 0.01, (ratio, made, report.warnings)
    assert depth(after) >= depth(before) or any("10-bit video becomes" in line for line in report.warnings)


#: Container, encoder and pixel format of interlaced video; which FFmpeg 5.1 can write.
INTERLACED = (
    *((".mpg", "mpeg2video", "yuv420p"), (".mxf", "mpeg2video", "yuv422p"), (".ts", "libx264", "yuv420p")),
    *((".mov", "libx264", "yuv420p"), (".mkv", "libx264", "yuv420p"), (".mov", "prores_ks", "yuv422p10le")),
    *((".mkv", "ffv1", "yuv422p"), (".mov", "rawvideo", "uyvy422"), (".mov", "v210", "yuv422p10le")),
    *((".mov", "png", "rgb24"), (".mov", "qtrle", "rgb24"), (".mov", "cfhd", "yuv422p10le")),
    *((".mov", "ffvhuff", "yuv420p"), (".mkv", "mpeg4", "yuv420p"), (".mkv", "rawvideo", "yuv420p")),
    *((".mov", "dvvideo", "yuv420p"), (".mov", "dnxhd", "yuv422p"), (".avi", "rawvideo", "yuv420p")),
)
#: Coded first, shown first.
ORDERS = ("progressive", "tt", "bb", "tb", "bt")
FIELDS = [
    (kind, order, target) for kind in INTERLACED for order in ORDERS for target in (".mkv", ".mov", ".mp4")
]


def fields(path: Path, codec: str, pix_fmt: str, order: str) -> bool:
    """Write a picture of bars that moves between fields, if ffmpeg can."""
    size = {"dvvideo": "720x576", "dnxhd": "1920x1080"}.get(codec, "128x96")
    source = ["-f", "lavfi", "-i", f"testsrc=size={size}:rate=50"]
    first = {"t": "tff", "b": "bff"}.get(order[1], "prog")
    weave = f"interlace=scan={first}:lowpass=0" if order != "progressive" else "fps=25"
    flags = ["-flags", "+ildct+ilme"] if order != "progressive" and codec not in ("dvvideo", "cfhd") else []
    rate = ["-b:v", "120M"] if codec == "dnxhd" else ["-q:v", "2"]
    return ffmpeg(
        *(*source, "-vf", f"{weave},setfield={first}", "-frames:v", 6, "-c:v", codec, "-pix_fmt", pix_fmt),
        *(*flags, *rate, "-field_order", order, path),
    )


#: What went wrong once; always tried.
FOUND_FIELDS = [
    ((".mov", "png", "rgb24"), "tt", ".mkv"), ((".mov", "cfhd", "yuv422p10le"), "bt", ".mov"),
    ((".mov", "ffvhuff", "yuv420p"), "bb", ".mp4"),
]  # fmt: skip


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="program ffmpeg: not installed")
@pytest.mark.parametrize(("kind", "order", "target"), sample(FIELDS, 20, seed=3) + FOUND_FIELDS)
def test_fields_become_frames(kind: tuple[str, str, str], order: str, target: str, tmp_path: Path) -> None:
    ending, codec, pix_fmt = kind
    given = tmp_path / f"in{ending}"
    if not fields(given, codec, pix_fmt, order):
        return
    report = enhanced(given, tmp_path / f"out{target}")
    before, after = clips.frames(given), clips.frames(tmp_path / f"out{target}")
    with av.open(str(given)) as container:
        said = container.streams.video[0].codec_context.field_order > 1
    interlaced = before[1].interlaced_frame or (said and codec != "dvvideo")
    assert len(before) == len(after) and not after[1].interlaced_frame
    assert any("interlaced" in line for line in report.warnings) == interlaced, report.warnings
    with av.open(str(tmp_path / f"out{target}")) as container:
        assert container.streams.video[0].codec_context.field_order <= 1
