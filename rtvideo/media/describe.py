"""What FFmpeg says of streams, for the facts that PyAV has no attribute for."""

from __future__ import annotations

import re

import av
import av.logging
from av.codec.context import CodecContext
from av.container import Container
from av.stream import Stream


def codec_of(stream: Stream) -> str:
    """Return FFmpeg's name of a stream's codec, whatever decodes it; empty if it has none."""
    context: CodecContext | None = stream.codec_context
    return context.codec.canonical_name if context else getattr(stream, "name", "") or ""


class Summary:
    """What FFmpeg writes about an opened container."""

    def __init__(self, container: Container) -> None:
        """Ask FFmpeg, once."""
        level = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)  # below it FFmpeg writes no summary
        try:
            self._lines = str(container.dumps_format()).splitlines()  # type: ignore[attr-defined]
        finally:
            av.logging.set_level(level)

    def line(self, stream: Stream) -> str:
        """Return the line that describes a stream."""
        return next(iter(self._block(stream)), "")

    def side_data(self, stream: Stream) -> list[str]:
        """Return what a stream as a whole carries beside its packets, in FFmpeg's words."""
        block = self._block(stream)
        after = block[block.index("    Side data:") + 1 :] if "    Side data:" in block else []
        return [line.strip() for line in after if line.startswith("      ") and line.strip()]

    def kind_of_data(self, stream: Stream) -> str:
        """Return what a data stream is called: ``none (camm``, ``bin_data (gpmd``."""
        found = re.search(r"Data: (\w+ \(\w+|\w+)", self.line(stream))
        return found[1] if found else ""

    def _block(self, stream: Stream) -> list[str]:
        starts = [k for k, line in enumerate(self._lines) if re.match(r"  (Stream|Chapter)s? ", line)]
        mark = re.compile(rf"  Stream #0:{stream.index}\b")
        begin = next((k for k in starts if mark.match(self._lines[k])), len(self._lines))
        end = next((k for k in starts if k > begin), len(self._lines))
        return self._lines[begin:end]
