"""Facts about an opened input, a file or a live source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

import av
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition

from rtvideo.colour import Coding
from rtvideo.errors import InputError, UsageError
from rtvideo.media.codecs import VideoParameters, is_lossless
from rtvideo.media.describe import Summary, codec_of
from rtvideo.media.hdr import ContentLight, DolbyVision
from rtvideo.media.location import redact
from rtvideo.media.mp4.descriptions import Description
from rtvideo.media.orientation import UPRIGHT, matrix_of, orientation_of
from rtvideo.media.side_data import side_data_of
from rtvideo.media.tags import Tags
from rtvideo.media.timing import Packet, tick
from rtvideo.media.transparency import is_opaque
from rtvideo.transfer import SDR

#: Lossless codecs that nobody chooses for that: of captures, pipes and animations.
_PLAIN = ("rawvideo", "wrapped_avframe", "gif", "apng", "webp", "bmp")

#: Decoders that flag no frame as interlaced, whatever the container says.
_NO_FIELDS = ("png", "qtrle", "cfhd", "ffvhuff", "huffyuv", "utvideo", "magicyuv")

#: FFmpeg's AVFieldOrder: which field is shown first.
_FIELDS = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}


class InputInfo:
    """What encoders and containers are chosen by.

    Attributes:
        container: PyAV's input or a template, for its metadata, chapters and streams.
        video: the stream that is decoded.
        first: the first frame.
        curve: its transfer curve (`rtvideo.transfer.named`), where the tags are not to be believed.
    """

    container: av.container.Container
    video: av.VideoStream
    first: av.VideoFrame
    curve: str | None = None

    def first_packets(self, stream: av.stream.Stream) -> list[Packet]:
        """Return the first packets of a stream (all of a cover picture's), as far as they were read ahead."""
        raise NotImplementedError

    @cached_property
    def summary(self) -> Summary:
        """What FFmpeg writes about the input."""
        return Summary(self.container)

    @property
    def descriptions(self) -> Mapping[int, Description]:
        """What an MP4 or MOV file says of each track of data, by the ID of its stream."""
        return {}

    @property
    def tags(self) -> Tags:
        """The colour tags: of the first frame, completed by those of the container."""
        tags = Tags.of(self.first).completed(Tags.of(self.video.codec_context))
        tags = replace(tags, chroma_location=self._chroma_location())
        return tags if self.curve is None else tags.with_curve(self.curve)

    def parameters(self, deinterlace: str = "frame") -> VideoParameters:
        """Return what an encoder is chosen by; `VideoParameters.composed` makes those of the output.

        Args:
            deinterlace: ``field`` makes a frame of each field, where there are any.

        Raises:
            InputError: a matrix that is not supported, or Dolby Vision whose pictures cannot stand alone.
        """
        if vision := self.dolby_vision:
            vision.check(redact(self.container.name))
        first, codec, tags = self.first, self.video.codec_context, self.tags
        rate = self.video.average_rate or self.video.guessed_rate or Fraction(25)
        parameters = VideoParameters(
            codec=codec_of(self.video),
            # FFmpeg gives all GIFs a place for transparency, though hardly one has any.
            pix_fmt="bgr0" if codec.name == "gif" and is_opaque(first) else first.format.name,
            width=first.width,
            height=first.height,
            rate=Fraction(rate).limit_denominator(1001 * 1000),
            time_base=tick(self.video),
            sample_aspect_ratio=self.video.sample_aspect_ratio,
            tags=tags,
            coding=self.coding,
            codec_tag=codec.codec_tag,
            finest_rate=Fraction(self.video.base_rate or 0),
            lossless=self.lossless and codec.codec.canonical_name not in _PLAIN,
            orientation=orientation_of(self.display_matrix) or UPRIGHT,
            light=ContentLight.of(first),
        )
        by_field = deinterlace == "field" and self.interlaced
        return parameters.by_fields() if by_field else parameters

    @property
    def coding(self) -> Coding:
        """How samples become RGB.

        Raises:
            InputError: a matrix that is not supported.
        """
        coding = self.tags.coding(self.first.format.name, self.first.height)
        return coding if self.curve is None else replace(coding, curve=self.curve.removeprefix(SDR))

    @property
    def dolby_vision(self) -> DolbyVision | None:
        """The Dolby Vision of the stream."""
        return DolbyVision.of(self.summary.side_data(self.video))

    @property
    def lossless(self) -> bool:
        """Whether the video's codec can only give back what was recorded."""
        return is_lossless(self.video.codec_context.codec)

    def _chroma_location(self) -> str | None:
        line = self.summary.line(self.video)
        found = re.search(r"\b(topleft|left|center|top|bottomleft|bottom)\)", line)
        return found[1] if found else None

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """The rotation or mirroring that players apply, as FFmpeg's nine numbers, or None."""
        found = side_data_of(self.first)
        if found is None:  # PyAV knows the angle all the same
            return matrix_of(self.turn) if self.turn else None
        data = dict(found).get(SideDataType.DISPLAYMATRIX)
        return None if data is None else tuple(memoryview(data).cast("i"))

    @property
    def fields(self) -> str | None:
        """``tff`` or ``bff`` where the file says that frames are interlaced, and its decoder does not."""
        codec = self.video.codec_context
        return _FIELDS.get(codec.field_order) if codec.codec.canonical_name in _NO_FIELDS else None

    @property
    def interlaced(self) -> bool:
        """Whether the first frame consists of two fields."""
        return self.first.interlaced_frame or self.fields is not None

    @property
    def turn(self) -> int:
        """Degrees clockwise by which players turn the picture: 0, 90, 180 or 270."""
        return -90 * round(self.first.rotation / 90) % 360

    @property
    def aspect(self) -> float:
        """Width of a pixel, its height being 1."""
        return float(self.video.sample_aspect_ratio or 1)

    @property
    def fps(self) -> float | None:
        """Average frames a second, as far as the container knows."""
        rate = self.video.average_rate or self.video.guessed_rate
        return float(rate) if rate else None


def choose_video(container: av.container.InputContainer, index: int, name: object) -> av.VideoStream:
    """Return a video stream of an input.

    Args:
        index: which of them, from 0; cover pictures do not count.
        name: of the input, for messages.

    Raises:
        InputError: there is no video, or no decoder for it.
        UsageError: there is no such stream.
    """
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise InputError(f"{name}: no video stream in it, only {kinds}; give a file with video")
    if not 0 <= index < len(videos):
        raise UsageError(f"video stream {index}: {name} has {len(videos)}, numbered from 0")
    video = videos[index]
    if video.codec_context is None:
        raise InputError(f"{name}: no decoder for this kind of video; convert it, say to H.264, first")
    return video
