"""The streams of an input without the input, so that it can be closed while outputs are made after it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import av
from av.container import OutputContainer
from av.stream import Stream

from rtvideo.media.input_info import InputInfo
from rtvideo.media.stream_copy import clone
from rtvideo.media.timing import Packet


class InputTemplate(InputInfo):
    """A copy of what an input says of itself: its streams with decoders of their own, metadata, chapters.

    Each output takes a `copy`, since streams and decoders are for one thread.
    """

    def __init__(self, source: InputInfo, first: Mapping[int, Sequence[Packet]]) -> None:
        """Copy an input, or another template.

        Args:
            first: the first packets of streams, by their index.
        """
        self._first, self.first = first, source.first
        # A muxer that takes every codec, and writes nothing.
        self.container: OutputContainer = av.open(os.devnull, "w", format="null")
        self.container.metadata.update(source.container.metadata)
        self.container.set_chapters(source.container.chapters())
        for stream in source.container.streams:
            _add(self.container, stream)
        video = self.container.streams[source.video.index]
        assert isinstance(video, av.VideoStream)
        self.video = video

    def copy(self) -> InputTemplate:
        """Return another one, for another thread."""
        return InputTemplate(self, self._first)

    def first_packets(self, stream: Stream) -> list[Packet]:
        """Return the first packets of a stream, as far as they were known."""
        return [clone(packet) for packet in self._first.get(stream.index, ())]


def _add(container: OutputContainer, stream: Stream) -> None:
    try:
        copied = container.add_stream_from_template(stream, opaque=True)
    except ValueError:  # a kind of stream that FFmpeg cannot decode: it keeps its place
        copied = container.add_data_stream()
    copied.metadata.update(stream.metadata)
    copied.disposition, copied.discard = stream.disposition, stream.discard
