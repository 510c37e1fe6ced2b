"""Transparency of frames: taken from decoded ones, and put unchanged beside enhanced colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from rtvideo.media.describe import codec_of
from rtvideo.media.planes import has_alpha

#: Formats with one plane: the place of the transparency among the samples of a pixel, and their number.
_PACKED = {
    **dict.fromkeys(("rgba", "bgra", "rgba64le", "rgba64be", "bgra64le", "bgra64be", "vuya", "uyva"), (3, 4)),
    **dict.fromkeys(("argb", "abgr", "ayuv", "ayuv64le", "ayuv64be"), (0, 4)),
    **dict.fromkeys(("ya8", "ya16le", "ya16be"), (1, 2)),
}

#: Decoders that see the transparency which Matroska and WebM hold beside the packets; FFmpeg's own do not.
_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class Alpha:
    """The transparency of a frame.

    Attributes:
        samples: (h, w), 0 to 2 ** depth - 1, which is opaque.
        depth: bits of a sample.
    """

    samples: npt.NDArray[Any]
    depth: int

    def put(self, frame: av.VideoFrame) -> None:
        """Write it into a frame of the same size, in a format with a place for it that has no floats."""
        target, depth = _samples(frame)
        samples = self.samples
        if depth != self.depth:
            largest, wanted = (1 << self.depth) - 1, (1 << depth) - 1
            samples = (samples.astype(np.uint32) * wanted + largest // 2) // largest
        np.copyto(target, samples, casting="unsafe")


def alpha_of(frame: av.VideoFrame, width: int, height: int) -> Alpha | None:
    """Return the transparency of a frame, scaled to a size; None where its format has none."""
    if not has_alpha(frame.format.name):
        return None
    if (frame.width, frame.height) != (width, height):
        frame = frame.reformat(width, height)
    if len(frame.planes) < 4 and frame.format.name not in _PACKED:  # palettes and floats
        frame = frame.reformat(format="rgba64le" if frame.format.components[0].bits > 8 else "rgba")
    return Alpha(*_samples(frame))


def is_opaque(frame: av.VideoFrame) -> bool:
    """Whether a frame has no pixel that lets anything through."""
    alpha = alpha_of(frame, frame.width, frame.height)
    return alpha is None or bool(alpha.samples.min() == (1 << alpha.depth) - 1)


def alpha_decoder(stream: av.VideoStream) -> av.VideoCodecContext | None:
    """Return a decoder that sees the transparency of a stream; None where the usual one sees all there is."""
    name = _DECODERS.get(codec_of(stream))
    if name is None or not is_tagged(stream):
        return None
    try:
        decoder = av.CodecContext.create(name, "r")
    except (ValueError, av.FFmpegError):
        return None
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    return decoder


def is_tagged(stream: av.VideoStream) -> bool:
    """Whether a Matroska or WebM file says that there is transparency beside the packets of a stream."""
    return {"alpha_mode": "1"}.items() <= {k.lower(): v for k, v in stream.metadata.items()}.items()


def _samples(frame: av.VideoFrame) -> tuple[npt.NDArray[Any], int]:
    """Return where the transparency lies in a frame's memory, (h, w), and its depth in bits."""
    name = frame.format.name
    depth = frame.format.components[-1].bits
    place, step = _PACKED.get(name, (0, 1))
    plane = frame.planes[0 if name in _PACKED else 3]
    dtype = np.dtype("u1" if depth <= 8 else ">u2" if name.endswith("be") else "<u2")
    rows = np.frombuffer(plane, dtype).reshape(-1, abs(plane.line_size) // dtype.itemsize)  # type: ignore[call-overload]
    rows = rows[::-1] if plane.line_size < 0 else rows
    return rows[: frame.height, place : frame.width * step : step], depth
