"""What a video encoder makes of pictures: through H.264 or HEVC (8 bit, 4:2:0, BT.709) and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

Image = npt.NDArray[np.uint8]

DECODERS = {"libx264": "h264", "libx265": "hevc"}


def through(
    frames: Sequence[Image], options: Mapping[str, str], codec: str = "libx264", fps: int = 30
) -> list[av.VideoFrame]:
    """Encode frames and decode them again.

    Args:
        frames: (H, W, 3) RGB, all of one size, any size from 1x1: odd edges are replicated, and stay.
        options: of the encoder, as FFmpeg names them.
        codec: one of `DECODERS`.
        fps: frames a second, which time stamps and bit rates follow.

    Returns:
        As many frames, yuv420p of an even size, with time stamps and colour tags.
    """
    if not frames:
        return []
    height, width, _ = frames[0].shape
    pad = ((0, height % 2), (0, width % 2), (0, 0))
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.colorspace, encoder.color_range = Colorspace.ITU709, ColorRange.MPEG
    encoder.color_primaries, encoder.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    encoder.options = dict(options)
    encoder.thread_count = 1
    packets = []
    for number, image in enumerate(frames):
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.pad(image, pad, "edge")), "rgb24")
        # Spelt out, since FFmpeg takes RGB to BT.601 unless told.
        yuv = rgb.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        yuv.pts, yuv.time_base = number, encoder.time_base
        packets += encoder.encode(yuv)
    packets += encoder.encode(None)

    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    for number, frame in enumerate(decoded):
        frame.pts, frame.time_base = number, Fraction(1, fps)
    return decoded


def rgb(frame: av.VideoFrame) -> Image:
    """Return a frame as (H, W, 3) RGB by the matrix that it is tagged with, BT.601 where it has no tag."""
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
