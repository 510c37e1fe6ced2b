"""Frames of PyAV as numpy arrays without copies, conversion between formats, and a pool of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from queue import Empty, SimpleQueue

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from rtvideo.colour import Coding
from rtvideo.errors import InputError
from rtvideo.frame import Geometry, Plane
from rtvideo.media.tags import is_rgb, sws_colorspace, sws_range
from rtvideo.media.tone import ToneMapper

#: swscale takes these for little-endian on its way to RGB of 8 bits; they are the raw video of QuickTime.
_MISREAD = ("rgb555be", "rgb565be", "bgr555be", "bgr565be")


@dataclass(frozen=True)
class Layout:
    """The samples of a pixel format in memory; the fields are those of `Geometry`."""

    layout: str
    depth: int
    chroma: tuple[int, int] = (0, 0)
    msb: bool = False


def _layouts() -> dict[str, Layout]:
    subsampling = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}
    layouts = {f"yuv{name}p": Layout("yuv", 8, chroma) for name, chroma in subsampling.items()}
    layouts |= {f"yuvj{name}p": Layout("yuv", 8, chroma) for name, chroma in subsampling.items()}
    for depth in (9, 10, 12):
        layouts |= {f"yuv{name}p{depth}le": Layout("yuv", depth, c) for name, c in subsampling.items()}
        layouts[f"gray{depth}le"] = Layout("gray", depth)
    return layouts | {
        "nv12": Layout("nv", 8, (1, 1)),
        "p010le": Layout("nv", 10, (1, 1), msb=True),
        "gray": Layout("gray", 8),
        "rgb24": Layout("rgb", 8),
        "rgb48le": Layout("rgb", 16),
    }


#: The pixel formats whose planes engines take, 8 to 12 bit (16 bit RGB).
LAYOUTS = _layouts()


def nearest_format(pix_fmt: str) -> str:
    """Return the format of `LAYOUTS` that loses the least of ``pix_fmt``; alpha is dropped.

    ``yuv411p`` becomes ``yuv422p``, ``pal8`` and ``gbrp`` become ``rgb24``, ``yuva420p`` becomes ``yuv420p``.
    """
    if pix_fmt in LAYOUTS:
        return pix_fmt
    form = av.VideoFormat(pix_fmt, 64, 64)
    bits = depth_of(pix_fmt)
    if is_rgb(pix_fmt):
        return "rgb24" if bits <= 8 else "rgb48le"
    if len(form.components) < 3:
        return "gray" if bits <= 8 else "gray10le" if bits <= 10 else "gray12le"
    vertical = form.chroma_height(64) < 64
    horizontal = form.chroma_width(64) < 64
    chroma = "420" if vertical and horizontal else "422" if horizontal else "444"
    return f"yuv{chroma}p" + ("" if bits <= 8 else "10le" if bits <= 10 else "12le")


def in_8_bits(pix_fmt: str) -> str:
    """Return the format of `LAYOUTS` nearest to a format, with 8 bits a sample."""
    layout = LAYOUTS[nearest_format(pix_fmt)]
    return next(name for name, one in LAYOUTS.items() if one == Layout(layout.layout, 8, layout.chroma))


def unsubsampled(pix_fmt: str) -> str:
    """Return the format of `LAYOUTS` with the depth of ``pix_fmt`` and chroma for each pixel."""
    return {"nv12": "yuv444p", "p010le": "yuv444p10le"}.get(
        pix_fmt, pix_fmt.replace("420", "444").replace("422", "444")
    )


def depth_of(pix_fmt: str) -> int:
    """Return the bits of a sample of a pixel format; of red, green and blue where they differ, the most."""
    return max(component.bits for component in av.VideoFormat(pix_fmt, 64, 64).components)


def has_alpha(pix_fmt: str) -> bool:
    """Whether the format carries transparency that `nearest_format` drops."""
    return any(component.is_alpha for component in av.VideoFormat(pix_fmt, 64, 64).components)


def geometry_of(pix_fmt: str, width: int, height: int, coding: Coding) -> Geometry:
    """Return the geometry of frames in one of the formats of `LAYOUTS`."""
    form = LAYOUTS[pix_fmt]
    return Geometry(width, height, form.layout, form.depth, coding, form.chroma, form.msb)


@dataclass(frozen=True)
class FrameFormat:
    """What all frames of a stream share: FFmpeg's pixel format, the size, and how samples become RGB."""

    pix_fmt: str
    width: int
    height: int
    coding: Coding

    @cached_property
    def geometry(self) -> Geometry:
        """The same for engines; for formats of `LAYOUTS` alone."""
        return geometry_of(self.pix_fmt, self.width, self.height, self.coding)

    def new_frame(self) -> av.VideoFrame:
        """Return a frame whose content is undefined."""
        return av.VideoFrame(self.width, self.height, self.pix_fmt)


def views(frame: av.VideoFrame, geometry: Geometry) -> list[Plane]:
    """Return a frame's planes as arrays that share its memory; writing to them writes to the frame.

    If anything else may refer to the frame, call its ``make_writable`` before: that may move its memory.
    """
    arrays: list[Plane] = []
    for plane, (rows, columns) in zip(frame.planes, geometry.shapes(), strict=True):
        dtype = np.dtype(np.uint8 if geometry.depth == 8 else np.uint16)
        stride = abs(plane.line_size) // dtype.itemsize
        array = np.frombuffer(plane, dtype).reshape(-1, stride)  # type: ignore[call-overload]
        # A negative line size means that the picture is stored bottom up.
        array = array[::-1] if plane.line_size < 0 else array
        arrays.append(array[:rows, :columns])
    return arrays


def copy_times(source: av.VideoFrame, target: av.VideoFrame) -> None:
    """Give a frame the time and duration of another one."""
    target.pts, target.duration = source.pts, source.duration
    if source.time_base is not None:
        target.time_base = source.time_base


class FrameConverter:
    """Converts frames to one format, to SDR too. swscale is told matrix and range of each frame.

    (PyAV's implicit conversion takes BT.601 limited whatever the tags say.)

    Attributes:
        target: what frames become.
    """

    def __init__(self, target: FrameFormat) -> None:
        self.target = target
        self._layout = LAYOUTS.get(target.pix_fmt)
        self._reformatter = VideoReformatter()
        self._tone_mapper = ToneMapper(target.pix_fmt, target.width, target.height, target.coding)

    def fits(self, frame: av.VideoFrame, coding: Coding) -> bool:
        """Whether the frame needs no conversion; the name of its format may differ (yuv420p, yuvj420p)."""
        name, target = frame.format.name, self.target
        if (frame.width, frame.height, coding) != (target.width, target.height, target.coding):
            return False
        return name == target.pix_fmt or (self._layout is not None and LAYOUTS.get(name) == self._layout)

    def __call__(self, frame: av.VideoFrame, coding: Coding) -> av.VideoFrame:
        """Return ``frame``, whose samples are coded as ``coding``, converted; itself if it fits.

        Raises:
            InputError: FFmpeg cannot convert its format.
        """
        if self.fits(frame, coding):
            return frame
        target = self.target
        if coding.curve and not target.coding.curve:
            made = self._tone_mapper(frame, coding)
            copy_times(frame, made)
            return made
        try:
            if frame.format.name in _MISREAD:
                frame = frame.reformat(format="gbrp")
            return self._converted(frame, coding)
        except (ValueError, OSError):
            name = frame.format.name
            raise InputError(f"pixel format {name} cannot be converted to {target.pix_fmt}") from None

    def _converted(self, frame: av.VideoFrame, coding: Coding) -> av.VideoFrame:
        target = self.target
        return self._reformatter.reformat(
            frame,
            target.width,
            target.height,
            target.pix_fmt,
            src_colorspace=sws_colorspace(target.coding if is_rgb(frame.format.name) else coding),
            dst_colorspace=sws_colorspace(coding if is_rgb(target.pix_fmt) else target.coding),
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
            src_color_range=sws_range(coding),
            dst_color_range=sws_range(target.coding),
        )


class FramePool:
    """Frames that are used again: fresh memory for each would cost more than a small engine's work."""

    def __init__(self, pix_fmt: str, width: int, height: int) -> None:
        self._shape = (width, height, pix_fmt)
        self._free: SimpleQueue[av.VideoFrame] = SimpleQueue()
        # PyAV keeps what marks a frame as long as the frame. The pool itself would never be freed then.
        self._mark = object()

    def take(self) -> av.VideoFrame:
        """Return a frame with undefined content, which nothing else refers to."""
        try:
            frame = self._free.get_nowait()
        except Empty:
            frame = av.VideoFrame(*self._shape)
            frame.opaque = self._mark
            return frame
        # An encoder may still hold the old picture; then, and only then, this moves to fresh memory.
        frame.make_writable()
        return frame

    def give(self, frame: av.VideoFrame) -> None:
        """Take back a frame that has been encoded; a frame from elsewhere is ignored."""
        # Converting a frame copies its mark, too.
        if frame.opaque is self._mark and (frame.width, frame.height, frame.format.name) == self._shape:
            self._free.put(frame)


def copy_columns(source: Sequence[Plane], target: Sequence[Plane], geometry: Geometry, part: str) -> None:
    """Copy a picture, or its left half, into another one, for comparison.

    Args:
        source: planes of ``geometry``.
        part: ``split`` overwrites the left half of ``target``, which has the same geometry; ``left`` and
            ``right`` write that half of a target that is twice as wide.
    """
    steps = {"rgb": (3,), "nv": (1, 2)}.get(geometry.layout, (1, 1, 1))
    for taken, given, step in zip(source, target, steps, strict=False):
        columns = taken.shape[1]
        if part == "split":
            half = columns // step // 2 * step
            given[:, :half] = taken[:, :half]
        elif part == "left":
            given[:, :columns] = taken
        else:
            # At odd widths both chroma halves together are a column wider than the picture.
            start = (given.shape[1] // step + 1) // 2 * step
            given[:, start:] = taken[:, : given.shape[1] - start]
