"""Choose the encoder, pixel format and settings of a video; they are tried before work starts."""

from __future__ import annotations

import contextlib
import difflib
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import av
from av.container import OutputContainer

from rtvideo.colour import Coding, Matrix, coding_of
from rtvideo.errors import UsageError
from rtvideo.media.containers import MOV_FAMILY, holds_rotation, muxer_of
from rtvideo.media.encoders import ENCODERS, EncoderSpec, spec_of, usual_encoders
from rtvideo.media.hdr import ContentLight
from rtvideo.media.orientation import DESCRIBED, UPRIGHT, is_transposed
from rtvideo.media.planes import LAYOUTS, depth_of, has_alpha, in_8_bits, nearest_format, unsubsampled
from rtvideo.media.tags import Tags, is_rgb

#: AV_CODEC_PROP_LOSSY and AV_CODEC_PROP_LOSSLESS of libavcodec/codec_desc.h
_LOSSY, _LOSSLESS = 2, 4

#: Encoders of 10 bits that players of HDR know.
_DEEP = ("libx265", "libsvtav1", "libx264")

#: FFmpeg's FF_QP2LAMBDA: global_quality counts in units of 1/118 quantiser step.
_QP2LAMBDA = 118


@dataclass(frozen=True)
class Encoding:
    """Everything that an encoder is opened with.

    Attributes:
        codec: FFmpeg's name of the encoder.
        pix_fmt: what it takes; planes are enhanced in it, or in the nearest format that engines take.
        width, height, rate, time_base, sample_aspect_ratio: of the output.
        tags: colour tags; coding: what they mean.
        options: of the encoder.
        quantiser: where quality is a fixed quantiser.
        codec_tag: the container's name for the codec, where it matters (``hvc1``).
        orientation: in which frames come that are turned upright before, see `rtvideo.media.orientation`.
        by_field: each field of the input becomes a frame before.
        light: what is said of it, in the stream where the encoder can, and by the container.
        lossless: it gives back what it was given.
    """

    codec: str
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    sample_aspect_ratio: Fraction | None
    tags: Tags
    coding: Coding
    options: dict[str, str]
    quantiser: float | None = None
    codec_tag: str | None = None
    orientation: int = UPRIGHT
    by_field: bool = False
    light: ContentLight | None = None
    lossless: bool = False

    @property
    def encoder(self) -> EncoderSpec:
        """What is known of the encoder."""
        return spec_of(self.codec)

    def kept_aspect(self, container: str) -> Fraction:
        """Return the shape of pixels that readers of the output will see."""
        shape, square, spec = self.sample_aspect_ratio or Fraction(1), Fraction(1), self.encoder
        if container in (*MOV_FAMILY, "matroska", "webm"):
            return shape
        if container == "nut" and not spec.sample_aspect:
            return square
        size = Fraction(self.height, self.width)
        said = [square, *(aspect * size for aspect in spec.display_aspects)]
        return min(said, key=lambda aspect: abs(aspect - shape)) if spec.display_aspects else shape

    def configure(self, codec: av.VideoCodecContext) -> None:
        """Configure an encoder that is not open yet."""
        codec.width, codec.height, codec.pix_fmt = self.width, self.height, self.pix_fmt
        codec.framerate, codec.time_base = self.rate, self.time_base
        if self.sample_aspect_ratio:
            codec.sample_aspect_ratio = self.sample_aspect_ratio
        codec.options = dict(self.options)
        self.tags.apply(codec)
        if self.quantiser is not None:
            codec.qscale = True
            codec.global_quality = round(self.quantiser * _QP2LAMBDA)
        if self.codec_tag is not None:
            codec.codec_tag = self.codec_tag


@dataclass(frozen=True)
class VideoParameters:
    """The video of an input, as far as the choice of an encoder depends on it.

    ``lossless``: its codec is one that people choose to lose nothing. ``orientation`` says how frames are to
    be turned; of an output, how they are before they are encoded. ``light`` is what HDR video says of itself.
    """

    codec: str
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    sample_aspect_ratio: Fraction | None
    tags: Tags
    coding: Coding
    codec_tag: str = ""
    finest_rate: Fraction = Fraction(0)
    orientation: int = UPRIGHT
    lossless: bool = False
    by_field: bool = False
    light: ContentLight | None = None

    def sdr(self) -> VideoParameters:
        """Return those of the video in SDR (BT.709), 8 bits a sample."""
        if not self.coding.curve:
            return self
        pix_fmt = in_8_bits(self.pix_fmt)
        rgb = is_rgb(pix_fmt)
        coding = Coding(Matrix.RGB if rgb else Matrix.BT709, full_range=rgb)
        tags = Tags(int(coding.matrix), 2 if rgb else 1, 1, 1, self.tags.chroma_location)
        return replace(self, pix_fmt=pix_fmt, tags=tags, coding=coding, light=None)

    def enhanced(self) -> VideoParameters:
        """Return those of the video after enhancement."""
        if self.light is None or not self.coding.curve:
            return self
        return replace(self, light=self.light.enhanced())

    def by_fields(self) -> VideoParameters:
        """Return those of a video of which each field becomes a frame."""
        return replace(
            self,
            rate=2 * self.rate,
            time_base=self.time_base / 2,
            finest_rate=2 * self.finest_rate,
            by_field=True,
        )

    def composed(self, compare: str | None, container: str) -> VideoParameters:
        """Return those of the output, of whose frames `rtvideo.media.compositor.Compositor` is the maker.

        Args:
            compare: ``split``, ``side`` or None. Left and right are those of the upright picture.
            container: FFmpeg's short name of the output format. Where it has no place for a rotation, frames
                are turned.
        """
        turns = compare is not None or not holds_rotation(container)
        made = replace(self, orientation=self.orientation if turns else UPRIGHT)
        if made.orientation != UPRIGHT:
            made = replace(made, tags=replace(made.tags, chroma_location=None))
        if is_transposed(made.orientation):
            aspect = made.sample_aspect_ratio
            made = replace(
                made,
                width=made.height,
                height=made.width,
                sample_aspect_ratio=1 / aspect if aspect else None,
            )
        made = replace(made, light=None if compare else made.light)
        return replace(made, width=2 * made.width) if compare == "side" else made


def choose(
    video: VideoParameters, container: str, codec: str | None, crf: float | None, preset: str | None
) -> tuple[Encoding, list[str]]:
    """Return an encoding whose encoder opens, and warnings for the user.

    Args:
        video: of the output's frames.
        container: FFmpeg's short name of the output format.
        codec, crf, preset: the user's wishes, or None.

    Raises:
        UsageError: an unknown encoder, one that the container cannot hold, or a setting it does not take.
    """
    if codec is not None:
        names = [_named(codec, container)]
    else:
        first = [spec.name for spec in ENCODERS if video.codec in spec.replaces]
        others = [spec.name for spec in ENCODERS if spec.fallback]
        names = [n for n in (*first, *others, _default(container)) if n and _holds(container, n)]
        if video.coding.curve and depth_of(video.pix_fmt) > 8:
            names = _deep(names, container) or names
    failure = "no encoder for it"
    for name, clear in itertools.product(names, (True, False)):
        settings = _settings(name, video, container, crf, preset, clear=clear)
        if settings is None:
            continue
        encoding, warnings = settings
        for time_base in _time_bases(video, container):
            try:
                attempt = replace(encoding, time_base=time_base)
                _try(attempt, container)
            except (av.FFmpegError, ValueError) as error:
                failure = str(getattr(error, "strerror", None) or error)
                if encoding.encoder.on_gpu:
                    failure = f"it needs an NVIDIA GPU with an encoder, and its driver (FFmpeg: {failure})"
                continue
            return attempt, warnings
    what = f"codec {names[0]!r}" if names else f"container {container!r}"
    raise UsageError(
        f"{what} cannot encode {video.width}x{video.height} {video.pix_fmt} video: {failure}; "
        "choose another with --codec or another file extension"
    )


def _deep(names: list[str], container: str) -> list[str]:
    """Return encoders of 10 bits for a container, those of ``names`` first: HDR in 8 bits shows bands."""
    return [
        name
        for name in dict.fromkeys((*names, *_DEEP))
        if _holds(container, name) and any(depth_of(format) >= 10 for format in _formats(spec_of(name)))
    ]


def _try(encoding: Encoding, container: str) -> None:
    """Open an encoder, and a file of the format: some muxers list codecs that they refuse then."""
    out = trial_output(container)
    try:
        stream = out.add_stream(encoding.codec, rate=encoding.rate)
        assert isinstance(stream, av.VideoStream)
        encoding.configure(stream.codec_context)
        out.start_encoding()
    finally:
        with contextlib.suppress(av.FFmpegError):  # MXF cannot end without a picture
            out.close()


#: Ticks a second of AVI at most: more would be more empty frames than anybody can tell apart.
_FINEST_AVI = Fraction(120)


def _time_bases(video: VideoParameters, container: str) -> Iterator[Fraction]:
    """The input's own first; then the nearest finer or equal ones that fussy encoders may take."""
    exact = video.time_base
    if container == "avi":
        # AVI has no time stamps: a tick is a frame, and each tick without one is stored as an empty frame.
        yield 1 / min(max(video.rate, video.finest_rate), _FINEST_AVI)
        return
    yield exact
    # MPEG-4 part 2 has 16 bits for the denominator.
    largest = max((n for n in range(1, 65536) if exact.denominator % n == 0), default=1)
    yield Fraction(exact.numerator, largest)
    yield 1 / video.rate


def _settings(
    name: str,
    video: VideoParameters,
    container: str,
    crf: float | None,
    preset: str | None,
    *,
    clear: bool = False,
) -> tuple[Encoding, list[str]] | None:
    """Return what to open an encoder with; None where it is to keep transparency, and there is none."""
    spec = spec_of(name)
    formats = _transparent_formats(spec, video, container) if clear else _opaque_formats(spec)
    if clear and not formats:
        return None
    pix_fmt, coding, tags, warnings = _pixels(spec, video, formats)
    if video.orientation != UPRIGHT and not holds_rotation(container):
        warnings.append(f"{DESCRIBED[video.orientation]}: {container} cannot tell players to do so")
    options, quantiser = spec.options | spec.by_format.get(pix_fmt, {}), None
    if clear:
        options |= spec.transparency.options
    if video.light is not None:
        options = joined(options, video.light.options(name))
    if spec.quality is not None:
        quality = spec.quality.default if crf is None else crf
        if not spec.quality.best <= quality <= spec.quality.smallest:
            allowed = f"{spec.quality.best:g} (best) to {spec.quality.smallest:g} (smallest)"
            raise UsageError(f"--crf {quality:g}: codec {name} takes {allowed}")
        if spec.quality.option is None:
            quantiser = quality
        else:
            options[spec.quality.option] = f"{quality:g}"
        if quality == 0:
            options = joined(options, spec.lossless)
    elif crf is not None:
        raise UsageError(f"--crf {crf:g}: codec {name} has no such setting; leave it out")
    lossless = is_lossless(av.Codec(name, "w")) or bool(spec.lossless and crf == 0)
    if video.lossless and not lossless:
        warnings.append(f"lossless video ({video.codec}) becomes lossy {name}; --codec ffv1 loses nothing")
    if preset is not None:
        if not spec.presets:
            raise UsageError(f"--preset {preset}: codec {name} has no presets; leave it out")
        if preset not in spec.presets:
            raise UsageError(f"--preset {preset!r}: codec {name} takes {', '.join(spec.presets)}")
        options["preset"] = preset
    if container == "avi":
        options["bf"] = "0"
    tag = None
    if spec.mp4_tags and container in ("mp4", "mov", "m4v"):
        tag = video.codec_tag if video.codec_tag in spec.mp4_tags else spec.mp4_tags[0]
    return (
        Encoding(
            name,
            pix_fmt,
            video.width,
            video.height,
            video.rate,
            video.time_base,
            video.sample_aspect_ratio,
            tags,
            coding,
            options,
            quantiser,
            tag,
            video.orientation,
            video.by_field,
            video.light,
            lossless,
        ),
        warnings,
    )


def joined(options: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Return options of an encoder with more of them; the parameters of x264 and its kind come together."""
    both = options.keys() & more.keys()
    return options | more | {k: f"{options[k]}:{more[k]}" for k in both if k.endswith("-params")}


def _formats(spec: EncoderSpec) -> list[str]:
    # Those without components lie in a device's memory.
    return [f.name for f in av.Codec(spec.name, "w").video_formats or [] if f.components]


def _opaque_formats(spec: EncoderSpec) -> list[str]:
    formats = _formats(spec)
    return [name for name in formats if not has_alpha(name)] or formats


def _transparent_formats(spec: EncoderSpec, video: VideoParameters, container: str) -> list[str]:
    """Return the formats in which an encoder keeps the transparency of a video."""
    kept = spec.transparency
    if not has_alpha(video.pix_fmt) or container not in (kept.containers or (container,)):
        return []
    return [name for name in _formats(spec) if has_alpha(name) and name in (kept.formats or (name,))]


def _pixels(
    spec: EncoderSpec, video: VideoParameters, offered: list[str]
) -> tuple[str, Coding, Tags, list[str]]:
    """Choose of the offered pixel formats the nearest to the input's, and what its samples mean."""
    source, warnings = video.pix_fmt, []
    if has_alpha(source) and not any(map(has_alpha, offered)):
        warnings.append(f"transparency ({source}) is dropped")
    wanted = nearest_format(source)
    odd = video.width % 2 or video.height % 2
    if odd and spec.even_sizes:
        wanted = unsubsampled(wanted)
        offered = [f for f in offered if f in LAYOUTS and not _is_subsampled(f)]
    pix_fmt = source if source in offered and has_alpha(source) else _closest(wanted, offered)
    depth = min(depth_of(pix_fmt), LAYOUTS[nearest_format(pix_fmt)].depth)
    if depth < depth_of(source):
        holder = f"codec {spec.name} holds" if depth < LAYOUTS[wanted].depth else "engines take"
        warnings.append(f"{depth_of(source)}-bit video becomes {depth}-bit: {holder} no more")
    tags, coding = video.tags, video.coding
    if is_rgb(source) and not is_rgb(pix_fmt):
        matrix = Matrix.BT2020_NCL if coding.curve else _usual_matrix(video.height)
        coding = replace(coding, matrix=matrix, full_range=False)
        tags = Tags(matrix=int(coding.matrix), range=1, transfer=tags.transfer, primaries=tags.primaries)
    if spec.full_range and not coding.full_range:
        # JPEG knows only full range; the pictures are converted and tagged so.
        pix_fmt = pix_fmt.replace("yuv4", "yuvj4")
        coding = replace(coding, full_range=True)
        tags = Tags(tags.matrix, 2, tags.transfer, tags.primaries)
    elif coding.full_range and not is_rgb(pix_fmt):
        tags = Tags(tags.matrix, 2, tags.transfer, tags.primaries, tags.chroma_location)
    if odd and LAYOUTS[nearest_format(pix_fmt)].chroma != LAYOUTS[nearest_format(source)].chroma:
        warnings.append(f"odd size {video.width}x{video.height}: encoded as {pix_fmt} to keep the size exact")
    return pix_fmt, coding, tags, warnings


def _usual_matrix(height: int) -> Matrix:
    return coding_of(2, 1, 2, height).matrix


def _is_subsampled(pix_fmt: str) -> bool:
    return LAYOUTS[pix_fmt].layout != "gray" and LAYOUTS[pix_fmt].chroma != (0, 0)


def _closest(wanted: str, offered: list[str]) -> str:
    """The offered format that loses least: depth first, then chroma, then whatever is nearest in cost."""
    if not offered or wanted in offered:
        return wanted
    form = LAYOUTS[wanted]

    def loss(name: str) -> tuple[bool, ...] | tuple[float, ...]:
        other = av.VideoFormat(name, 64, 64)
        near = LAYOUTS[nearest_format(name)]
        rgb = is_rgb(name) != is_rgb(wanted)
        gray = (near.layout == "gray") and form.layout != "gray"
        chroma_lost = sum(max(0, b - a) for a, b in zip(form.chroma, near.chroma, strict=True))
        chroma_extra = sum(max(0, a - b) for a, b in zip(form.chroma, near.chroma, strict=True))
        return (
            gray,
            name == "pal8",
            max(0, form.depth - other.components[0].bits),
            chroma_lost,
            rgb,
            max(0, other.components[0].bits - form.depth),
            chroma_extra,
            name.endswith("be"),
            name not in LAYOUTS,
            name.startswith("yuvj"),
            near.layout == "nv",
        )

    return min(offered, key=loss)


def _named(codec: str, container: str) -> str:
    name = next((spec.name for spec in ENCODERS if codec in spec.aliases), codec)
    try:
        found = av.Codec(name, "w")
    except (ValueError, av.FFmpegError):
        found = None
    if found is None or found.type != "video":
        near = difflib.get_close_matches(
            codec,
            [*video_encoders(), *(alias for spec in ENCODERS for alias in spec.aliases)],
            n=3,
            cutoff=0.5,
        )
        hint = (
            f"near: {', '.join(near)}"
            if near
            else "for example libx264, libx265, libvpx-vp9, libsvtav1, ffv1"
        )
        raise UsageError(f"unknown video encoder {codec!r}; {hint}")
    if not _holds(container, found.name):
        fitting = ", ".join(name for name in usual_encoders() if _holds(container, name)) or _default(
            container
        )
        raise UsageError(f"codec {codec!r} does not fit into {container}; it takes, for example, {fitting}")
    return found.name


def is_lossless(codec: av.Codec) -> bool:
    """Whether a codec can only give back what was put in."""
    return codec.properties & (_LOSSY | _LOSSLESS) == _LOSSLESS


@cache
def video_encoders() -> tuple[str, ...]:
    """Return the names of all video encoders that this FFmpeg has."""
    names = []
    for name in sorted(av.codecs_available):
        try:
            if av.Codec(name, "w").type == "video":
                names.append(name)
        except (ValueError, av.FFmpegError):
            continue
    return tuple(names)


def _default(container: str) -> str:
    if container == "mpeg":
        return "mpeg2video"  # FFmpeg's own default is MPEG-1
    with trial_output(container) as out:
        return out.default_video_codec


_MPEGTS = (
    *("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "dirac", "cavs", "jpeg2000"),
    *("aac", "aac_latm", "ac3", "eac3", "mp1", "mp2", "mp3", "opus", "dts", "s302m"),
)

#: Containers whose muxer takes more than readers understand, or cannot be tried with a few packets.
UNLISTED = {
    "mpegts": (
        *(*_MPEGTS, "dvb_subtitle", "dvb_teletext", "arib_caption"),
        *("klv", "timed_id3", "smpte_2038"),
    ),
    "m2ts": (*_MPEGTS, "truehd", "pcm_bluray", "hdmv_pgs_subtitle"),
    "mpeg": ("mpeg1video", "mpeg2video", "mp1", "mp2", "mp3", "ac3", "dts", "pcm_dvd", "dvd_subtitle"),
}


#: Formats and codecs that muxers take, though they do not list them.
_TAKEN = (("mxf", "dnxhd"), ("mxf", "prores"), ("mxf", "ffv1"))


@cache
def _holds(container: str, encoder: str) -> bool:
    try:
        codec = av.Codec(encoder, "w")
        if container in UNLISTED:
            return codec.canonical_name in UNLISTED[container]
        with trial_output(container) as out:
            return encoder in out.supported_codecs or (container, codec.canonical_name) in _TAKEN
    except (ValueError, av.FFmpegError):
        return False


def trial_output(container: str) -> OutputContainer:
    """Return an output in memory: to try encoders, or to have their packets alone."""
    return av.open(io.BytesIO(), "w", format=muxer_of(container))
