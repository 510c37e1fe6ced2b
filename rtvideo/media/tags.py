"""Colour tags of frames and encoders, to and from `rtvideo.colour`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import av.video.reformatter as sws

from rtvideo.colour import LUMA_WEIGHTS, Coding, Matrix, coding_of
from rtvideo.transfer import CURVES, SDR, of_tag

#: H.273 matrix to the constant that swscale wants (its numbering agrees only in part).
_SWS = {
    Matrix.BT709: sws.Colorspace.ITU709,
    Matrix.FCC: sws.Colorspace.FCC,
    Matrix.BT470BG: sws.Colorspace.ITU601,
    Matrix.SMPTE170M: sws.Colorspace.ITU601,
    Matrix.SMPTE240M: sws.Colorspace.SMPTE240M,
    Matrix.BT2020_NCL: sws.Colorspace.BT2020,
}


@dataclass(frozen=True)
class Tags:
    """The colour tags of a stream, as H.273 and FFmpeg number them; 2 (range: 0) is "not tagged".

    Attributes:
        matrix, transfer, primaries: H.273 codes.
        range: 0 unspecified, 1 limited, 2 full.
        chroma_location: FFmpeg's name of it (``left``, ``topleft``, ...), or None.
    """

    matrix: int = 2
    range: int = 0
    transfer: int = 2
    primaries: int = 2
    chroma_location: str | None = None

    @classmethod
    def of(cls, tagged: av.VideoFrame | av.VideoCodecContext) -> Tags:
        """Read the tags of a frame or a codec."""
        return cls(
            matrix=int(tagged.colorspace),
            range=int(tagged.color_range),
            transfer=int(tagged.color_trc),
            primaries=int(tagged.color_primaries),
        )

    def apply(self, tagged: av.VideoFrame | av.VideoCodecContext) -> None:
        """Write the tags to a frame, or to a codec that is not open yet. Untagged stays untagged."""
        tagged.colorspace = self.matrix
        tagged.color_range = self.range
        tagged.color_trc = self.transfer
        tagged.color_primaries = self.primaries
        if self.chroma_location is not None and not isinstance(tagged, av.VideoFrame):
            tagged.options["chroma_sample_location"] = self.chroma_location

    def completed(self, other: Tags) -> Tags:
        """Return these tags, with those of ``other`` (a container, say) where these say nothing."""
        return Tags(
            matrix=other.matrix if self.matrix == 2 else self.matrix,
            range=self.range or other.range,
            transfer=other.transfer if self.transfer == 2 else self.transfer,
            primaries=other.primaries if self.primaries == 2 else self.primaries,
            chroma_location=self.chroma_location or other.chroma_location,
        )

    def with_curve(self, name: str) -> Tags:
        """Return the tags of video with a curve of `rtvideo.transfer.named`; most log curves have none."""
        if name == SDR:
            return replace(self, transfer=self.transfer if not of_tag(self.transfer) else 1)
        tag = CURVES[name].tag
        return self if tag == 2 else replace(self, transfer=tag)

    def coded(self, coding: Coding) -> Tags:
        """Return the tags of samples in that coding; transfer and primaries stay."""
        return Tags(int(coding.matrix), 2 if coding.full_range else 1, self.transfer, self.primaries)

    def coding(self, pix_fmt: str, height: int) -> Coding:
        """Return how samples with these tags become RGB.

        Raises:
            InputError: a matrix that is not supported, see `rtvideo.colour.coding_of`.
        """
        tags = self
        if is_rgb(pix_fmt):
            tags = replace(self, matrix=Matrix.RGB, range=2)
        elif self.matrix == Matrix.RGB:
            # FFmpeg reads such files by the usual rule too: YUV samples cannot be coded as RGB.
            tags = replace(self, matrix=Matrix.UNSPECIFIED)
        # FFmpeg takes grey for full range, unless it is told otherwise.
        grey = pix_fmt.startswith(("gray", "ya"))
        full = pix_fmt.startswith("yuvj") or (grey and self.range == 0)
        return coding_of(tags.matrix, tags.range, tags.transfer, height, full_by_format=full)


def is_rgb(pix_fmt: str) -> bool:
    """Whether samples of this format are red, green and blue; a palette counts."""
    return av.VideoFormat(pix_fmt).is_rgb or pix_fmt == "pal8"


def sws_colorspace(coding: Coding) -> sws.Colorspace:
    """Return swscale's constant for a coding's matrix (for RGB any: swscale ignores it)."""
    return _SWS[coding.matrix] if coding.matrix in LUMA_WEIGHTS else sws.Colorspace.ITU709


def sws_range(coding: Coding) -> sws.ColorRange:
    """Return swscale's constant for a coding's range."""
    return sws.ColorRange.JPEG if coding.full_range else sws.ColorRange.MPEG
