"""Original and result side by side in one encoded stream, which all browsers share."""

from __future__ import annotations

import io
import json
import time
from fractions import Fraction
from typing import Protocol

import av
from av.video.frame import PictureType
from PIL import Image

from rtvideo.errors import UnavailableError
from rtvideo.media.planes import FramePool, copy_columns, geometry_of, views
from rtvideo.media.tags import Tags
from rtvideo.viewers.preview import Preview, fitted, shown_coding
from rtvideo.viewers.web.fragments import TIMESCALE, codec_name, fragment
from rtvideo.viewers.web.send_queue import Chunk, Stream

#: Width and height of each picture at most. H.264 of both then fits level 4, which phones decode.
LARGEST = (1280, 720)

#: Frames between two keyframes, if no browser needs one earlier.
_KEY_EVERY = 120

#: Seconds of the first frame's time slot, and of the longest one, after a pause without pictures.
_FIRST, _LONGEST = 1 / 30, 1.0

_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "profile": "baseline",
    "crf": "22",
    "maxrate": "8M",
    "bufsize": "4M",
}


class SideBySide:
    """Joins original and result in one picture, the original on the left."""

    def __init__(self) -> None:
        self._preview = Preview("yuv420p", LARGEST)
        self._pool: FramePool | None = None
        self._size = (0, 0)

    def __call__(self, original: av.VideoFrame, lit: av.VideoFrame, aspect: float = 1.0) -> av.VideoFrame:
        """Return a frame of both, each within `LARGEST`. Give it back with `release`."""
        width, height = fitted(lit.width, lit.height, LARGEST, aspect)
        coding = shown_coding(lit)
        if self._pool is None or self._size != (width, height):
            self._size, self._pool = (width, height), FramePool("yuv420p", 2 * width, height)
        single, double = (geometry_of("yuv420p", columns, height, coding) for columns in (width, 2 * width))
        wide = self._pool.take()
        for frame, part in ((original, "left"), (lit, "right")):
            copy_columns(views(self._preview(frame, aspect), single), views(wide, double), single, part)
        Tags(matrix=coding.matrix, range=1).apply(wide)
        return wide

    def release(self, wide: av.VideoFrame) -> None:
        """Take a frame back into the pool."""
        if self._pool is not None:
            self._pool.give(wide)


class Encoder(Protocol):
    """Encodes pictures of one size as chunks of one stream."""

    def encode(self, wide: av.VideoFrame, *, key: bool) -> list[Chunk]:
        """Encode a picture now; with ``key``, as a keyframe."""


class H264:
    """H.264 without B-frames or look-ahead: a frame goes in, a fragment of MP4 comes out."""

    def __init__(self, like: av.VideoFrame) -> None:
        """Open the encoder for frames of the same size and colour tags.

        Raises:
            UnavailableError: this FFmpeg has no libx264.
        """
        width, height = like.width, like.height
        file = io.BytesIO()
        options = {"movflags": "empty_moov+default_base_moof", "video_track_timescale": str(TIMESCALE)}
        with av.open(file, "w", format="mp4", container_options=options) as container:
            base = Fraction(1, TIMESCALE)
            try:
                video = container.add_stream("libx264", rate=30, time_base=base)
            except (ValueError, av.FFmpegError):
                raise UnavailableError("this FFmpeg cannot encode H.264 (libx264)") from None
            assert isinstance(video, av.VideoStream)
            context = video.codec_context
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.gop_size = base, _KEY_EVERY
            context.options = dict(_OPTIONS)
            # The engine needs the other cores; a fraction of one is enough to encode this.
            context.thread_count = 1
            Tags.of(like).apply(context)
            container.start_encoding()
            header = file.getvalue()
        self._context = context
        description = {
            "type": "stream",
            "mime": f'video/mp4; codecs="{codec_name(context.extradata or b"")}"',
            "width": width // 2,
            "height": height,
        }
        self._stream = Stream(json.dumps(description), header)
        self._number, self._time = 0, 0.0
        self._last: float | None = None

    def encode(self, wide: av.VideoFrame, *, key: bool) -> list[Chunk]:
        """Encode a picture. Its time slot ends now."""
        now = time.monotonic()
        slot = _FIRST if self._last is None else min(now - self._last, _LONGEST)
        begin, self._last = round(self._time * TIMESCALE), now
        self._time = max(self._time + slot, (begin + 1) / TIMESCALE)
        duration = round(self._time * TIMESCALE) - begin
        wide.pts, wide.time_base = begin, Fraction(1, TIMESCALE)
        wide.pict_type = PictureType.I if key else PictureType.NONE
        chunks = []
        for packet in self._context.encode(wide):
            self._number += 1
            data = fragment(self._number, begin, duration, bytes(packet), key=bool(packet.is_keyframe))
            chunks.append(Chunk(self._stream, data, bool(packet.is_keyframe)))
        return chunks


class Jpeg:
    """A JPEG file for each picture, for browsers that cannot play H.264."""

    def __init__(self, like: av.VideoFrame) -> None:
        """Prepare for frames of this size."""
        self._preview = Preview("rgb24", (like.width, like.height))
        description = {"mime": "image/jpeg", "width": like.width // 2, "height": like.height}
        self._stream = Stream(json.dumps({"type": "stream"} | description))

    def encode(self, wide: av.VideoFrame, *, key: bool) -> list[Chunk]:
        """Encode a picture. Every JPEG is a keyframe."""
        file = io.BytesIO()
        Image.fromarray(self._preview(wide).to_ndarray()).save(file, "JPEG", quality=80)
        return [Chunk(self._stream, file.getvalue(), True)]
