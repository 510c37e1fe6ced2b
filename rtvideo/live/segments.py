"""A recording in segments: files of some minutes each, one after the other, none of which lacks a frame."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from rtvideo.live.encoded_output import HOLD, WAITING, EncodedLiveOutput
from rtvideo.live.fanout import LiveOutput, LivePair
from rtvideo.live.sound import SoundPacket
from rtvideo.media.template import InputTemplate
from rtvideo.media.timing import seconds

#: Seconds for which the end of a segment waits for sound that lags behind the picture.
_LAG = 2.0


@dataclass
class _Segment:
    """One file.

    Attributes:
        output: writes it.
        begin, end: in seconds on the clock of the run; a file without an end is the one that grows.
        ended: the places of sounds that have come to the end.
    """

    output: EncodedLiveOutput
    begin: Fraction
    end: Fraction | None = None
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
        open: Callable[[InputTemplate, Fraction], EncodedLiveOutput],
        source: InputTemplate,
        length: float,
    ) -> None:
        """Open the first segment.

        Args:
            name: for messages.
            open: opens one for a source and the moment at which it begins.
            source: what the first one is opened for.
            length: of a segment, in seconds.

        Raises:
            OutputError, UsageError: see `EncodedOutput`.
        """
        self.name = name
        self._open, self._source, self._length = open, source, Fraction(length)
        self._segments = [_Segment(open(source, Fraction(0)), Fraction(0))]
        self.latency = self._segments[0].output.latency
        self._held: list[SoundPacket] = []
        self._enders: list[threading.Thread] = []
        self._errors: list[Exception] = []

    def take(self, pair: LivePair) -> None:
        """Encode a pair, in a new segment if it is time for one."""
        self._raise()
        time = seconds(pair.lit) or self._current.begin
        if time - self._current.begin >= self._length:
            self._cut(time)
        self._current.output.take(pair)
        for segment in self._segments[:-1]:
            assert segment.end is not None
            if time - segment.end > _LAG or segment.ended >= set(range(self._sounds)):
                self._end(segment)

    def copy(self, sound: SoundPacket) -> None:
        """Pass a packet of sound to the segment of its time; it waits if that is not known yet."""
        self._source = sound.source
        time = sound.time
        if time is not None and time - self._current.begin >= self._length:
            self._held.append(sound)
        else:
            self._route(sound)

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

    def _cut(self, time: Fraction) -> None:
        self._current.end = time
        output = self._open(self._source, time)
        output.latency = self.latency
        self._segments.append(_Segment(output, time))
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
