"""The table of video encoders: one row says all that the rest of the program knows of an encoder of FFmpeg.

An encoder without a row works too (``--codec NAME``), with FFmpeg's defaults and without ``--crf`` and
``--preset``. To add one, give it a row in `ENCODERS`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction

# SVT-AV1 has no other way to be told not to talk on stderr: errors only.
os.environ.setdefault("SVT_LOG", "1")


@dataclass(frozen=True)
class Quality:
    """What ``--crf`` may be for an encoder: best, smallest file, and the default.

    Attributes:
        option: of the encoder that takes it; None where it is the quantiser itself, FFmpeg's ``-q:v``.
    """

    best: float
    smallest: float
    default: float
    option: str | None = "crf"


@dataclass(frozen=True)
class Transparency:
    """How an encoder keeps transparency.

    Attributes:
        formats: that it can be given; None for all with transparency that it offers.
        containers: that have a place for it; None where it is part of the pictures.
        options: that the encoder gets then.
    """

    formats: tuple[str, ...] | None = None
    containers: tuple[str, ...] | None = None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """What is known of an encoder.

    Attributes:
        name: FFmpeg's.
        aliases: other names that ``--codec`` takes.
        replaces: FFmpeg's names of the input codecs for which it is the first choice.
        fallback: for any input where the first choice does not fit; in the order of the rows.
        quality: None where it has no setting for it.
        options: that it always gets; by_format: and those for a pixel format.
        lossless: options that it gets where ``--crf`` is 0.
        presets: what ``--preset`` may be.
        live: options that make it fast enough for live pictures, where the user gives no preset.
        streaming: options for what is sent to a server: no frame waits for the next ones.
        key_frames: options with which a frame that is marked becomes a key frame.
        even_sizes: it refuses odd sizes where chroma is subsampled.
        full_range: it knows no other range.
        mp4_tags: names of the codec in MP4: the first, unless the input has another one of them.
        captions: it writes the closed captions (CEA-608 and 708) that a frame has beside its picture.
        sample_aspect: it writes the shape of pixels into the stream; some containers have no place for it.
        display_aspects: widths of the whole picture by its height that it can say, beside that of square
            pixels; none: any.
        transparency: how it keeps that.
        on_gpu: it takes frames from a GPU's memory.
    """

    name: str
    aliases: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    fallback: bool = False
    quality: Quality | None = None
    options: dict[str, str] = field(default_factory=dict)
    by_format: dict[str, dict[str, str]] = field(default_factory=dict)
    lossless: dict[str, str] = field(default_factory=dict)
    presets: tuple[str, ...] = ()
    live: dict[str, str] = field(default_factory=dict)
    streaming: dict[str, str] = field(default_factory=dict)
    key_frames: dict[str, str] = field(default_factory=dict)
    even_sizes: bool = False
    full_range: bool = False
    mp4_tags: tuple[str, ...] = ()
    captions: bool = False
    sample_aspect: bool = False
    display_aspects: tuple[Fraction, ...] = ()
    transparency: Transparency = Transparency()
    on_gpu: bool = False


_X26X_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)

#: WebM's way: a second picture beside each packet.
_BESIDE = Transparency(("yuva420p",), ("matroska", "webm"), {"auto-alt-ref": "0"})

#: Default qualities are near the edge of what can be seen, since people may encode the output again.
ENCODERS = (
    EncoderSpec(
        name="libx264",
        aliases=("x264",),
        replaces=("h264",),
        fallback=True,
        quality=Quality(0, 51, 19),
        options={"preset": "fast"},
        # At more than 8 bits a rate factor of 0 is not lossless, a quantiser of 0 is.
        lossless={"qp": "0", "crf": "-1"},
        presets=_X26X_PRESETS,
        live={"preset": "superfast"},
        streaming={"tune": "zerolatency"},
        even_sizes=True,
        captions=True,
        sample_aspect=True,
    ),
    EncoderSpec(
        name="libx265",  # it has an option for captions, but they do not arrive in the file
        aliases=("x265", "h265"),
        replaces=("hevc",),
        quality=Quality(0, 51, 21),
        options={"preset": "fast", "x265-params": "log-level=none:open-gop=0"},
        lossless={"x265-params": "lossless=1"},
        presets=_X26X_PRESETS,
        live={"preset": "ultrafast"},
        streaming={"tune": "zerolatency"},
        key_frames={"forced-idr": "1"},
        even_sizes=True,
        mp4_tags=("hvc1", "hev1"),  # Apple's players take only hvc1
        sample_aspect=True,
    ),
    EncoderSpec(
        name="libvpx-vp9",
        aliases=("vp9",),
        replaces=("vp9",),
        fallback=True,
        quality=Quality(0, 63, 28),
        options={"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
        lossless={"lossless": "1"},
        live={"deadline": "realtime", "cpu-used": "8"},
        transparency=_BESIDE,
    ),
    EncoderSpec(
        name="libvpx",
        replaces=("vp8",),
        quality=Quality(4, 63, 10),
        options={"b": "8M", "deadline": "good", "cpu-used": "4"},
        transparency=_BESIDE,
    ),
    EncoderSpec(
        name="libsvtav1",
        aliases=("av1",),
        replaces=("av1",),
        quality=Quality(1, 63, 28),
        options={"preset": "8"},
        presets=tuple(map(str, range(14))),
        live={"preset": "12"},
        even_sizes=True,
    ),
    EncoderSpec(name="mpeg4", fallback=True, quality=Quality(1, 31, 3, option=None), sample_aspect=True),
    EncoderSpec(name="mjpeg", replaces=("mjpeg",), quality=Quality(1, 31, 2, option=None), full_range=True),
    EncoderSpec(name="ffv1", replaces=("ffv1",)),
    EncoderSpec(name="prores_ks", replaces=("prores",)),
    EncoderSpec(name="utvideo", replaces=("utvideo",)),
    EncoderSpec(name="ffvhuff", replaces=("ffvhuff", "huffyuv")),
    *(EncoderSpec(name=name, replaces=(name,)) for name in ("png", "qtrle", "magicyuv", "cfhd")),
    *(EncoderSpec(name=name, replaces=(name,)) for name in ("v210", "r210", "r10k")),
    EncoderSpec(
        name="dnxhd",
        replaces=("dnxhd",),
        # DNxHR, since DNxHD is for a few sizes and rates alone.
        by_format={
            "yuv422p": {"profile": "dnxhr_hq"},
            "yuv422p10le": {"profile": "dnxhr_hqx"},
            "yuv444p10le": {"profile": "dnxhr_444"},
            "gbrp10le": {"profile": "dnxhr_444"},
        },
    ),
    EncoderSpec(
        name="mpeg2video",
        quality=Quality(1, 31, 3, option=None),
        sample_aspect=True,
        display_aspects=(Fraction(4, 3), Fraction(16, 9), Fraction(221, 100)),
    ),
    EncoderSpec(name="mpeg1video", quality=Quality(1, 31, 3, option=None), sample_aspect=True),
    *(EncoderSpec(name=name, quality=Quality(1, 31, 3, option=None)) for name in ("flv", "h263p")),
    # NVIDIA's; not run yet. Without these options they aim at two megabits a second, whatever the picture.
    *(
        EncoderSpec(
            name=name,
            quality=Quality(1, 51, default, option="cq"),
            options={"rc": "vbr", "b": "0", "preset": "p5"},
            presets=tuple(f"p{k}" for k in range(1, 8)),
            key_frames={"forced-idr": "1"},
            on_gpu=True,
        )
        for name, default in (("h264_nvenc", 21), ("hevc_nvenc", 23), ("av1_nvenc", 28))
    ),
)


def spec_of(name: str) -> EncoderSpec:
    """Return the row of an encoder, a bare one where it has none."""
    return next((spec for spec in ENCODERS if spec.name == name), EncoderSpec(name=name))


def usual_encoders() -> list[str]:
    """Return the names of the encoders that are chosen where the user names none."""
    return [spec.name for spec in ENCODERS if spec.replaces or spec.fallback]
