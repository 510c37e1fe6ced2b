"""Salvage of an unfinished output: the video packets that a later run need not encode again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from rtvideo.media.timing import Packet, tick

#: Seconds before the end that are decoded to check them: the last sync may be so long ago.
_DOUBTFUL = 3


@dataclass(frozen=True)
class ReusablePackets:
    """The video of a file up to its last complete group of pictures.

    Attributes:
        path: the file.
        position: number of the video stream, cover pictures not counted.
        count: packets, one for each frame; 0 if none can be used.
        delay: frames by which decoding runs ahead of presentation, because of B-frames.
    """

    path: Path
    position: int
    count: int
    delay: int

    def packets(self) -> Iterator[Packet]:
        """Yield the packets as an encoder does: with pts and dts, H.264 and HEVC with start codes."""
        with _open(self.path) as container:
            stream = _video(container, self.position)
            codec = stream.codec_context
            prefixed = codec.name in ("h264", "hevc") and (codec.extradata or b"\0")[0] == 1
            shown = sorted(packet.pts for packet in islice(_packets(container, stream), self.count))
        with _open(self.path) as container:
            stream = _video(container, self.position)
            for index, packet in enumerate(islice(_packets(container, stream), self.count)):
                copy = Packet(_with_start_codes(bytes(packet)) if prefixed else bytes(packet))
                copy.time_base, copy.pts, copy.duration = tick(packet), packet.pts, packet.duration
                # Matroska stores no dts. It follows from the order, as an encoder computes it.
                early = shown[index - self.delay] if index >= self.delay else shown[0] - (self.delay - index)
                copy.dts = early if packet.dts is None else packet.dts
                copy.is_keyframe = packet.is_keyframe
                for beside in packet.iter_sidedata():  # the transparency of VP8 and VP9
                    copy.set_sidedata(beside)
                yield copy


def reusable_packets(path: Path, position: int) -> ReusablePackets:
    """Find the last place to cut a video: everything before it is there, and shown before it.

    Args:
        path: of a file that may end anywhere.
        position: of the video stream, cover pictures not counted.
    """
    times: list[int] = []
    keys: list[int] = []
    try:
        with _open(path) as container:
            stream = _video(container, position)
            base = tick(stream)
            for packet in _packets(container, stream):
                if packet.is_keyframe:
                    keys.append(len(times))
                times.append(packet.pts)
    except (av.FFmpegError, IndexError):
        pass  # it ends there
    cuts = _clean_cuts(times, keys)
    while cuts:
        count = cuts.pop()
        doubtful = next((cut for cut in cuts if times[count] - times[cut] < _DOUBTFUL / base), count)
        start = max((cut for cut in cuts if cut < doubtful), default=0)
        if _decodes(path, position, start, count):
            return ReusablePackets(path, position, count, _delay(times[:count]))
    return ReusablePackets(path, position, 0, 0)


def _clean_cuts(times: Sequence[int], keys: Sequence[int]) -> list[int]:
    """Return the key frames that divide the packets in order of presentation, too."""
    latest = [None, *accumulate(times, max)]
    earliest = list(accumulate(reversed(times), min))[::-1]
    return [
        key
        for key in keys
        if key and (before := latest[key]) is not None and before < times[key] == earliest[key]
    ]


def _delay(times: Sequence[int]) -> int:
    rank = {time: place for place, time in enumerate(sorted(times))}
    return max((place - rank[time] for place, time in enumerate(times)), default=0)


def _decodes(path: Path, position: int, start: int, stop: int) -> bool:
    """Whether packets ``start`` to ``stop`` decode to as many frames without an error."""
    frames = 0
    try:
        with _open(path) as container:
            stream = _video(container, position)
            stream.codec_context.options = {"err_detect": "explode"}
            for packet in islice(_packets(container, stream), start, stop):
                frames += len(stream.decode(packet))
            frames += len(stream.decode(None))
    except (av.FFmpegError, IndexError):
        return False
    return frames == stop - start


def _open(path: Path) -> av.container.InputContainer:
    return av.open(str(path.absolute()), metadata_errors="replace")


def _video(container: av.container.InputContainer, position: int) -> av.VideoStream:
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic][position]


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Any]:
    for packet in container.demux(stream):
        if packet.size == 0 or packet.pts is None or packet.is_corrupt:
            return
        yield packet


def _with_start_codes(data: bytes) -> bytes:
    """Replace the lengths before NAL units (ISO/IEC 14496-15, four bytes here) by start codes."""
    units, place = bytearray(), 0
    while place + 4 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        units += b"\0\0\0\1" + data[place + 4 : place + 4 + size]
        place += 4 + size
    return bytes(units)
