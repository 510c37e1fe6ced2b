"""What the service knows of a camera's pictures: how many, how old, how bright; and thumbnails."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from collections.abc import Callable

import av
from PIL import Image

from rtvideo.live.fanout import LiveOutput, LivePair, LiveVideo
from rtvideo.media.light import Light, measure
from rtvideo.service.messages import Vitals
from rtvideo.viewers.preview import Preview

#: Width and height of a thumbnail at most.
THUMBNAIL = (384, 216)

#: Seconds between two measurements, or thumbnails, and for which one who looks at them counts.
_EVERY, _WATCHED = 1.0, 5.0

#: Pictures whose latency is remembered.
_RECENT = 150


class CameraProbe(LiveOutput):
    """Measures what passes. Any thread may call `vitals` and `watch`."""

    required = counted = False
    name = "statistics"

    def __init__(self, video: LiveVideo, send: Callable[[bytes], None], *, always: bool) -> None:
        """Take the pairs of a run.

        Args:
            send: called with each thumbnail.
            always: pictures are enhanced whether or not somebody looks at thumbnails.
        """
        self.latency = {}
        self._format, self._send, self._always = video.frames, send, always
        self._lock = threading.Lock()
        self._vitals = Vitals(size=(video.frames.width, video.frames.height))
        self._ages: deque[float] = deque(maxlen=_RECENT)
        self._seen: float | None = None
        self._measured = self._sent = 0.0
        self._watched_until = 0.0
        self._light: tuple[Light, float | None] | None = None
        self._preview = Preview("rgb24", THUMBNAIL)

    @property
    def watched(self) -> bool:
        """See `LiveOutput.watched`."""
        return self._always or self._shows

    @property
    def _shows(self) -> bool:
        return time.monotonic() < self._watched_until

    def watch(self) -> None:
        """Send thumbnails for some seconds."""
        self._watched_until = time.monotonic() + _WATCHED

    def vitals(self, frames: int) -> Vitals:
        """Return how the camera is; ``frames`` were enhanced so far."""
        now = time.monotonic()
        with self._lock:
            ages, seen, light, last = sorted(self._ages), self._seen, self._light, self._vitals
        silent = None if seen is None else now - seen
        flows = silent is not None and silent < _WATCHED
        return Vitals(
            frames,
            last.fps if flows else 0.0,
            (ages[len(ages) // 2], ages[(99 * len(ages)) // 100]) if ages and flows else None,
            last.dropped,
            silent,
            light and round(light[0].brightness, 4),
            light and round(light[0].noise, 3),
            light and light[1],
            last.engine,
            last.note,
            last.size,
        )

    def take(self, pair: LivePair) -> None:
        """Look at a pair."""
        now, info = time.monotonic(), pair.info
        with self._lock:
            self._seen = now
            if info.latency is not None:
                self._ages.append(info.latency)
            self._vitals = Vitals(
                fps=info.fps,
                dropped=info.dropped,
                engine=info.engine,
                note=info.note,
                size=(pair.lit.width, pair.lit.height),
            )
        if now - self._measured >= _EVERY:
            self._measured = now
            before, after = measure(pair.original, self._format), measure(pair.lit, self._format)
            dark = before.brightness < 1 / 255
            gain = None if dark else round(after.brightness / before.brightness, 3)
            with self._lock:
                self._light = before, gain
        if self._shows and now - self._sent >= _EVERY:
            self._sent = now
            self._send(self._thumbnail(pair.lit, info.aspect, info.turn))

    def finish(self) -> None:
        """Nothing is left to do."""

    abort = finish

    def _thumbnail(self, frame: av.VideoFrame, aspect: float, turn: int) -> bytes:
        picture = Image.fromarray(self._preview(frame, aspect).to_ndarray())
        file = io.BytesIO()
        (picture.rotate(-turn, expand=True) if turn else picture).save(file, "JPEG", quality=75)
        return file.getvalue()
