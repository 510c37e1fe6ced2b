"""Conversion of frames for viewers: scaled down, in one pixel format, fast rather than exact."""

from __future__ import annotations

import av
from av.video.reformatter import Interpolation, VideoReformatter

from rtvideo.colour import Coding, Matrix
from rtvideo.media.planes import FrameConverter, FrameFormat
from rtvideo.media.tags import Tags, is_rgb, sws_colorspace, sws_range


def fitted(width: int, height: int, largest: tuple[int, int], aspect: float = 1.0) -> tuple[int, int]:
    """Return the size at which a picture is shown: even, within ``largest``, with square pixels.

    Args:
        aspect: sample aspect ratio of the picture.
    """
    wide = width * aspect
    scale = min(1.0, largest[0] / wide, largest[1] / height)
    return max(2, round(wide * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def shown_coding(frame: av.VideoFrame) -> Coding:
    """Return how the samples of a shown frame are coded: SDR, limited range, by the frame's own matrix."""
    coding = _coding(frame)
    usual = coding.matrix == Matrix.RGB or coding.curve
    return Coding(Matrix.BT709 if usual else coding.matrix, full_range=False)


class Preview:
    """Converts frames for a viewer.

    Args:
        pix_fmt: ``yuv420p`` (coded as `shown_coding` says) or an RGB format.
        largest: width and height. Larger pictures are scaled down to fit.
    """

    def __init__(self, pix_fmt: str, largest: tuple[int, int]) -> None:
        self._pix_fmt, self._largest = pix_fmt, largest
        self._reformatter = VideoReformatter()
        self._to_sdr: FrameConverter | None = None

    def __call__(self, frame: av.VideoFrame, aspect: float = 1.0) -> av.VideoFrame:
        """Return the converted frame, or the same object if there is nothing to convert."""
        coding, target = _coding(frame), shown_coding(frame)
        width, height = fitted(frame.width, frame.height, self._largest, aspect)
        if coding.curve:
            return self._toned(frame, width, height, coding, target)
        same = (frame.format.name, frame.width, frame.height) == (self._pix_fmt, width, height)
        if same and (is_rgb(self._pix_fmt) or coding == target):
            return frame
        # To and from RGB, swscale wants the matrix of the other side.
        matrix = target if is_rgb(frame.format.name) else coding
        return self._reformatter.reformat(
            frame,
            width,
            height,
            self._pix_fmt,
            src_colorspace=sws_colorspace(matrix),
            dst_colorspace=sws_colorspace(matrix),
            interpolation=Interpolation.BILINEAR,
            src_color_range=sws_range(coding),
            dst_color_range=sws_range(Coding(matrix.matrix, full_range=is_rgb(self._pix_fmt))),
        )

    def _toned(
        self, frame: av.VideoFrame, width: int, height: int, coding: Coding, target: Coding
    ) -> av.VideoFrame:
        """Return a frame with a transfer curve in SDR."""
        if is_rgb(self._pix_fmt):
            target = Coding(Matrix.RGB, full_range=True)
        wanted = FrameFormat(self._pix_fmt, width, height, target)
        if self._to_sdr is None or self._to_sdr.target != wanted:
            self._to_sdr = FrameConverter(wanted)
        return self._to_sdr(frame, coding)


def _coding(frame: av.VideoFrame) -> Coding:
    return Tags.of(frame).coding(frame.format.name, frame.height)
