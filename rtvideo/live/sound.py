"""The sound of a live source on its way to an output, across lost connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from rtvideo.live.connection import SourceConnection
from rtvideo.media.output import EncodedOutput
from rtvideo.media.template import InputTemplate
from rtvideo.media.timing import Packet, seconds, tick


@dataclass(frozen=True)
class SoundPacket:
    """A packet of sound for one output, which may change it.

    Attributes:
        packet: without a stream.
        place: of its stream among the sounds of ``source``, from 0.
        source: tells what kind of sound it is.
    """

    packet: Packet
    place: int
    source: InputTemplate

    @property
    def time(self) -> Fraction | None:
        """When it is heard, in seconds on the clock of the run."""
        return seconds(self.packet)

    @classmethod
    def copies(cls, packet: Packet, connection: SourceConnection) -> list[SoundPacket]:
        """Return one with a copy of a packet, or nothing if that is another kind of packet."""
        indices = [stream.index for stream in connection.template.container.streams.audio]
        if packet.stream_index not in indices:
            return []
        # Copied into memory of FFmpeg. Memory of Python is freed under its lock, and a thread of FFmpeg
        # (`rtvideo.media.network.push.PushServer`) would wait for the lock while that waits for the thread.
        copy = Packet(packet.size)
        copy.update(bytes(packet))
        copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
        copy.time_base, copy.is_keyframe = tick(packet), packet.is_keyframe
        return [cls(copy, indices.index(packet.stream_index), connection.template)]


class SoundWriter:
    """Writes the sound of a source to one output; after a lost connection it may be of another kind."""

    def __init__(self, output: EncodedOutput, first: InputTemplate, warn: Callable[[str], None]) -> None:
        """Begin with the sound that an output was opened for.

        Args:
            first: of the connection that the output was opened for.
            warn: told what becomes of sound of another kind.
        """
        self._output, self._heard, self._warn = output, first, warn

    def write(self, sound: SoundPacket) -> None:
        """Write a packet to the track of the same place, converted if need be; one without a track is not."""
        if sound.source is not self._heard:
            self._heard = sound.source
            for line in self._output.follow(sound.source.copy().container.streams.audio):
                self._warn(f"{self._output.destination.name}: sound is {line}")
        tracks = self._output.source.container.streams.audio
        if sound.place < len(tracks):
            sound.packet.stream = tracks[sound.place]
            self._output.copy(sound.packet)
