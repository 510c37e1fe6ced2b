"""A GStreamer element that makes night video visible.

    GST_PLUGIN_PATH=$PWD/recipes/gstreamer gst-launch-1.0 \
        filesrc location=night.mp4 ! decodebin ! videoconvert ! rtvideo ! videoconvert ! autovideosink

It needs GStreamer's Python (Debian: ``python3-gst-1.0 gstreamer1.0-python3-plugin-loader``), and rtvideo
where the system's Python finds it (``PYTHONPATH``). Frames are changed in place, in their own format.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import gi
import numpy as np
import numpy.typing as npt

import rtvideo
from rtvideo.errors import RtvideoError

for _name in ("Gst", "GstBase", "GstVideo"):
    gi.require_version(_name, "1.0")
from gi.repository import GLib, GObject, Gst, GstBase, GstVideo  # noqa: E402 - of these versions

#: FFmpeg's names of GStreamer's formats.
FORMATS = {
    "I420": "yuv420p",
    "Y42B": "yuv422p",
    "NV12": "nv12",
    "I420_10LE": "yuv420p10le",
    "P010_10LE": "p010le",
}

CAPS = Gst.Caps.from_string("video/x-raw,format={" + ",".join(FORMATS) + "}")


_NANOSECOND = Fraction(1, 10**9)

#: GST_VIDEO_COLOR_RANGE_0_255, which has no name that Python can say.
_FULL = 1

_Bytes = npt.NDArray[np.uint8]


def _share(about: str) -> GObject.Property:
    return GObject.Property(type=float, default=1.0, minimum=0.0, maximum=1.0, nick=about, blurb=about)


class Enhance(GstBase.BaseTransform):
    """The element ``rtvideo``."""

    __gstmetadata__ = (
        "Night video enhancement",
        "Filter/Effect/Video",
        "Makes night video visible",
        "rtvideo",
    )
    __gsttemplates__ = tuple(
        Gst.PadTemplate.new(name, direction, Gst.PadPresence.ALWAYS, CAPS)
        for name, direction in (("src", Gst.PadDirection.SRC), ("sink", Gst.PadDirection.SINK))
    )

    model = GObject.Property(type=str, default="night", nick="model", blurb="the network, by name or path")
    strength = _share("0 (as it was) to 1")
    denoise = _share("noise removal, 0 to 1")
    temporal = _share("smoothing over time, 0 to 1")

    def __init__(self) -> None:
        super().__init__()
        self.set_in_place(True)
        self._enhance: rtvideo.Enhancer | None = None
        self._info: Any = None

    def do_start(self) -> bool:
        """Open the network."""
        try:
            self._enhance = rtvideo.Enhancer(self.model, denoise=self.denoise, temporal=self.temporal)
        except RtvideoError as error:
            return self._failed(error)
        return True

    def do_stop(self) -> bool:
        """Close it."""
        if self._enhance is not None:
            self._enhance.close()
        return True

    def do_set_caps(self, incoming: Any, outgoing: Any) -> bool:
        """Note size, format and colours of what comes."""
        self._info = GstVideo.VideoInfo.new_from_caps(incoming)
        return True

    def do_transform_ip(self, buffer: Any) -> Any:
        """Enhance a frame where it lies."""
        if buffer.has_flags(Gst.BufferFlags.DISCONT) and buffer.pts != 0:
            self._enhance.reset()  # a seek
        self._enhance.strength = self.strength
        with buffer.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE) as memory:
            frame = av.VideoFrame(self._info.width, self._info.height, FORMATS[self._info.finfo.name])
            self._tag(frame, buffer)
            for ours, theirs in self._planes(frame, memory.data):
                ours[:] = theirs
            try:
                lit = self._enhance(frame)
            except RtvideoError as error:
                self._failed(error)
                return Gst.FlowReturn.ERROR
            for ours, theirs in self._planes(lit, memory.data):
                theirs[:] = ours
        return Gst.FlowReturn.OK

    def _tag(self, frame: av.VideoFrame, buffer: Any) -> None:
        colours = self._info.colorimetry
        frame.colorspace = GstVideo.video_color_matrix_to_iso(colours.matrix)
        frame.color_trc = GstVideo.video_transfer_function_to_iso(colours.transfer)
        frame.color_range = 2 if int(colours.range) == _FULL else 1
        if buffer.pts != Gst.CLOCK_TIME_NONE:
            frame.pts, frame.time_base = buffer.pts, _NANOSECOND

    def _planes(self, frame: av.VideoFrame, memory: memoryview) -> Iterator[tuple[_Bytes, _Bytes]]:
        """Yield the rows of each plane, without padding: of the frame, and of GStreamer's memory."""
        for k, plane in enumerate(frame.planes):
            stride, start, height = self._info.stride[k], self._info.offset[k], plane.height
            ours = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)
            theirs = np.frombuffer(memory, np.uint8)[start : start + stride * height].reshape(height, stride)
            width = min(stride, plane.line_size)
            yield ours[:, :width], theirs[:, :width]

    def _failed(self, error: RtvideoError) -> bool:
        what = GLib.Error.new_literal(Gst.ResourceError.quark(), str(error), Gst.ResourceError.FAILED)
        self.post_message(Gst.Message.new_error(self, what, None))
        return False


GObject.type_register(Enhance)
__gstelementfactory__ = ("rtvideo", Gst.Rank.NONE, Enhance)
