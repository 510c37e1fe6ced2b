"""A film cut at key frames, without decoding it: each piece takes along the frames that it learns from."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

import av

from rtvideo.cluster.piece import Piece
from rtvideo.media.timing import Packet, tick

#: Frames that an engine is shown before the first one of a piece, so that what it knows of the frames before
#: is what it would know in one go (docs/scale.md has the measurement).
WARM_UP = 120


class CannotCutError(Exception):
    """The packets of a video do not say which frame is shown when."""


class Cutter:
    """Cuts the packets of a video into pieces."""

    def __init__(self, video: av.VideoStream, seconds: float, *, warm_up: int = WARM_UP) -> None:
        """Prepare.

        Args:
            seconds: how long a piece is at least.
            warm_up: frames that it takes along.
        """
        self._video, self._warm_up = video, warm_up
        self._length = round(seconds / tick(video))
        self._window: list[Packet] = []
        self._begin: int | None = None
        self._first: int | None = None
        self._number = 0

    def pieces(self, packets: Iterable[Packet]) -> Iterator[Piece]:
        """Yield the pieces, each as soon as all its packets have come.

        Args:
            packets: of the file, in its order; those of other streams are left out.

        Raises:
            CannotCutError: see there.
        """
        key: int | None = None  # the place of the packet at which the next piece may begin
        for packet in packets:
            if packet.stream_index != self._video.index:
                continue
            if packet.pts is None:
                raise CannotCutError("frames without times")
            if self._begin is not None and packet.pts < self._begin and key is None:
                self._check_is_known(packet)
            if key is not None and packet.pts > (at := self._shown(key)):
                yield self._piece(key, end=at)
                key = None
            self._window.append(packet)
            if key is None and self._may_end_before(packet):
                key = len(self._window) - 1
        if self._window:
            yield self._piece(None, end=None)

    def _may_end_before(self, packet: Packet) -> bool:
        if self._first is None and not packet.is_discard:
            self._first = packet.pts
        begin = self._first if self._begin is None else self._begin
        long_enough = begin is not None and (packet.pts or 0) - begin >= self._length
        if not (packet.is_keyframe and not packet.is_discard and long_enough):
            return False
        return all((before.pts or 0) < (packet.pts or 0) for before in self._window[:-1])

    def _check_is_known(self, packet: Packet) -> None:
        """Refuse a frame that belongs to a piece which has been given out."""
        if not packet.is_discard:
            raise CannotCutError("frames that come long after their time")

    def _shown(self, place: int) -> int:
        return self._window[place].pts or 0

    def _piece(self, key: int | None, end: int | None) -> Piece:
        packets = self._window
        if key is not None and key == len(packets) - 1:
            packets = packets[:key]  # no frame of this piece follows the key frame of the next
        first = packets[0].pts or 0
        wanted = [packet for packet in packets if (packet.pts or 0) >= first or self._begin is None]
        durations = {
            packet.pts or 0: packet.duration or 0
            for packet in wanted
            if not packet.is_discard and (end is None or (packet.pts or 0) < end)
        }
        if len(durations) < sum(not p.is_discard and (end is None or (p.pts or 0) < end) for p in wanted):
            raise CannotCutError("two frames at one time")
        begin = self._begin
        before = sorted(time for time in durations if begin is not None and time < begin)[-self._warm_up :]
        warm_up = before[0] if before else first if begin is None else begin
        if begin is not None:
            durations = {time: length for time, length in durations.items() if time >= warm_up}
        origin, video = _nut(self._video, wanted)
        piece = Piece(self._number, begin, end, warm_up, origin, durations, video)
        self._number += 1
        if key is not None and end is not None:
            self._begin = end
            self._window = self._window[self._anchor(key) :]
        return piece

    def _anchor(self, key: int) -> int:
        """Return the place of the last key frame that has enough frames before the next piece."""
        begin = self._shown(key)
        for place in range(key, -1, -1):
            packet = self._window[place]
            if packet.is_keyframe and not packet.is_discard:
                shown = [p.pts or 0 for p in self._window[place:] if not p.is_discard]
                if sum(self._shown(place) <= time < begin for time in shown) >= self._warm_up:
                    return place
        return 0


def _nut(video: av.VideoStream, packets: Sequence[Packet]) -> tuple[int, bytes]:
    """Return where the packets begin, and a NUT file of them: it holds every codec, and exact times."""
    times = sorted(packet.pts or 0 for packet in packets)
    delay = max(shown - (packet.pts or 0) for shown, packet in zip(times, packets, strict=True))
    origin, base = times[0] - delay, tick(video)
    file = io.BytesIO()
    with av.open(file, "w", format="nut") as out:
        stream = out.add_stream_from_template(video, opaque=True)
        stream.time_base = base
        for shown, packet in zip(times, packets, strict=True):
            copy = Packet(bytes(packet))
            copy.stream, copy.time_base, copy.is_keyframe = stream, base, packet.is_keyframe
            copy.pts, copy.dts = (packet.pts or 0) - origin, shown - delay - origin
            out.mux_one(copy)
    return origin, file.getvalue()
