"""A recording in files, one after the other, none of which lacks a frame: of some minutes each, or where
pictures that are encoded take turns with packets that are copied.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from rtvideo.live.copying import CopiedPacket, CopyEnd
from rtvideo.live.encoded_output import HOLD, WAITING, EncodedLiveOutput
from rtvideo.live.fanout import LiveOutput, LivePair
from rtvideo.live.sound import SoundPacket
from rtvideo.media.template import InputTemplate
from rtvideo.media.timing import seconds

#: Seconds for which the end of a segment waits for sound that lags behind the picture.
_LAG = 2.0

#: Opens a segment for a source and the moment at which it begins; the last argument: its video is copied.
SegmentOpener = Callable[[InputTemplate, Fraction, bool], EncodedLiveOutput]


@dataclass
class _Segment:
    """One file.

    Attributes:
        output: writes it.
        begin, end: in seconds on the clock of the run; a file without an end is the one that grows.
        copied: it gets packets, not pictures.
        ended: the places of sounds that have come to the end.
    """

    output: EncodedLiveOutput
    begin: Fraction
    end: Fraction | None = None
    copied: bool = False
    ended: set[int] = field(default_factory=set)


class SegmentedRecording(LiveOutput):
    """Pairs and sound, written to one file after the other. Each begins with a key frame, at time zero.

    The next segment begins with the first picture after the time for one is over, and with the sound from
    that moment on. The end of a segment is written in a thread, while the next one grows.
    """

    waiting, hold = WAITING, HOLD

    def __init__(
        self,
        name: str,
        open: SegmentOpener,
        source: InputTemplate,
        length: float | None,
        *,
        copies: bool = False,
    ) -> None:
        """Open the first segment.

        Args:
            name: for messages.
            open: opens one.
            source: what the first one is opened for.
            length: of a segment, in seconds; None has no end.
            copies: packets may come in place of pictures.

        Raises:
            OutputError, UsageError: see `EncodedOutput`.
        """
        self.name, self.copies = name, copies
        self._open, self._source = open, source
        self._length = math.inf if length is None else Fraction(length)
        self._segments = [_Segment(open(source, Fraction(0), False), Fraction(0))]
        self.latency = self._segments[0].output.latency
        self._held: list[SoundPacket] = []
        self._reached = Fraction(0)
        self._enders: list[threading.Thread] = []
        self._errors: list[Exception] = []

    def take(self, pair: LivePair) -> None:
        """Encode a pair, in a new segment if it is time for one; one that was copied is left out."""
        self._raise()
        time = seconds(pair.lit) or self._current.begin
        segment = next((each for each in reversed(self._segments) if each.begin <= time), self._current)
        if segment is self._current:
            end = segment.end if segment.copied else segment.begin + self._length
            if end is not None and time >= end:
                self._cut(time)
                segment = self._current
        if not segment.copied:
            segment.output.take(pair)
        for each in self._segments[:-1]:
            assert each.end is not None
            if time - each.end > _LAG or (time >= each.end and each.ended >= set(range(self._sounds))):
                self._end(each)
        self._reach(time)

    def copy_video(self, packet: CopiedPacket | CopyEnd) -> None:
        """Write a packet of video to a segment of copied ones, which it may begin."""
        self._raise()
        current, time = self._current, packet.time
        if isinstance(packet, CopyEnd):
            current.end = time
            return
        self._source = packet.source
        late = packet.packet.is_keyframe and time - current.begin >= self._length
        if not current.copied or current.end is not None or late:
            self._cut(time, copied=True)
        self._current.output.write(packet.packet)
        self._reach(time)

    def copy(self, sound: SoundPacket) -> None:
        """Pass a packet of sound to the segment of its time; it waits if that is not known yet."""
        self._source = sound.source
        time = sound.time
        # Where copying may begin any moment that is known once the picture is there.
        ahead = self.copies and time is not None and time > self._reached
        if ahead or (time is not None and time - self._current.begin >= self._length):
            self._held.append(sound)
        else:
            self._route(sound)

    def _reach(self, time: Fraction) -> None:
        self._reached = max(self._reached, time)
        if self.copies and self._held:
            held, self._held = self._held, []
            for sound in held:
                self.copy(sound)

    def _route(self, sound: SoundPacket) -> None:
        time = sound.time
        for segment in self._segments:
            if time is None or segment.end is None or time < segment.end:
                segment.output.copy(sound)
                return
            segment.ended.add(sound.place)

    def finish(self) -> None:
        """Complete all segments."""
        self._release()
        for segment in list(self._segments):
            self._end(segment)
            self._enders[-1].join()
        for thread in self._enders:
            thread.join()
        self._raise()

    def abort(self) -> None:
        """Close the segments as they are."""
        for thread in self._enders:
            thread.join()
        for segment in self._segments:
            segment.output.abort()

    def discard(self) -> None:
        """Let `abort` leave no segment behind."""
        for segment in self._segments:
            segment.output.discard()

    @property
    def _current(self) -> _Segment:
        return self._segments[-1]

    @property
    def _sounds(self) -> int:
        return len(self._source.container.streams.audio)

    def _cut(self, time: Fraction, *, copied: bool = False) -> None:
        if self._current.end is None:
            self._current.end = time
        output = self._open(self._source, time, copied)
        output.latency = self.latency
        self._segments.append(_Segment(output, time, copied=copied))
        if not self.copies:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for sound in held:
            self._route(sound)

    def _end(self, segment: _Segment) -> None:
        """Complete a segment in a thread of its own: the next one must not wait for the disk."""
        self._segments.remove(segment)
        thread = threading.Thread(target=self._finish, args=[segment], daemon=True)
        self._enders = [*(each for each in self._enders if each.is_alive()), thread]
        thread.start()

    def _finish(self, segment: _Segment) -> None:
        try:
            segment.output.finish()
        except Exception as error:
            self._errors.append(error)
            segment.output.abort()

    def _raise(self) -> None:
        if self._errors:
            raise self._errors.pop()
