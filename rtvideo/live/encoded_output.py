"""Live pictures encoded: into a recording, HLS segments, or to a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rtvideo.live.fanout import LiveOutput, LiveVideo
from rtvideo.live.recording import Recording
from rtvideo.media.codecs import Encoding, choose
from rtvideo.media.compositor import Compositor
from rtvideo.media.destination import KEY_FRAME_INTERVAL, Destination, HlsDestination
from rtvideo.media.location import Kind, kind_of
from rtvideo.media.network.push import PushServer
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.planes import FrameFormat
from rtvideo.media.streams import Plan, plan
from rtvideo.media.timing import Packet
from rtvideo.options import Options
from rtvideo.processor import FramePair


def is_hls(address: str) -> bool:
    """Whether a file name is that of a list of HLS segments."""
    return address.lower().endswith(".m3u8")


def destination_of(
    address: str, *, live: bool, warn: Callable[[str], None] = lambda line: None
) -> Destination:
    """Return where ``--out`` leads: a recording, HLS segments or a server. Nothing is opened yet.

    Args:
        live: the input cannot be read again; HLS segments that are no longer in the list are deleted.
        warn: told where an incomplete recording is kept.

    Raises:
        UsageError: no format or protocol that can be written.
        UnavailableError: neither this FFmpeg nor an installed one speaks SRT.
    """
    if kind_of(address) is Kind.STREAM:
        return PushServer(address)
    if is_hls(address):
        return HlsDestination(Path(address), live=live)
    return Recording(Path(address), warn, live=live)


class EncodedLiveOutput(LiveOutput):
    """Pairs encoded, and written with the sound of the source."""

    def __init__(self, output: EncodedOutput, destination: Destination, compositor: Compositor) -> None:
        """Feed an open output."""
        self.name, self.latency = destination.name, output.latency
        self._output, self._destination, self._compose = output, destination, compositor

    @property
    def connecting(self) -> bool:
        """Whether its server has not answered yet."""
        return self._output.connecting

    def take(self, pair: FramePair) -> None:
        """Encode a pair and write what the encoder gives."""
        marked = self._output.encoder.wants_key_frame(pair.lit.time)
        self._output.write(self._compose(pair.original, pair.lit, writable=marked), pair.captured)

    def copy(self, packet: Packet) -> None:
        """Pass on a packet of sound, or convert it."""
        self._output.copy(packet)

    def finish(self) -> None:
        """Flush the encoder, end the output, and give a file its name."""
        self._output.finish()

    def abort(self) -> None:
        """Close the output as it is."""
        self._output.abort()

    def discard(self) -> None:
        """Let `abort` leave no file behind."""
        if isinstance(self._destination, Recording):
            self._destination.worthless = True


def open_encoded_output(
    address: str, video: LiveVideo, options: Options, warn: Callable[[str], None]
) -> EncodedLiveOutput:
    """Open a recording, HLS segments or a server.

    Args:
        address: see `destination_of`.
        video: what will come.
        warn: called with each thing that the output cannot hold.

    Raises:
        RtvideoError: see `destination_of`, `rtvideo.media.codecs.choose` and `EncodedOutput`.
    """
    destination = destination_of(address, live=video.live, warn=warn)
    encoding, notes = choose(video.picture, destination.holds, options.codec, options.crf, options.preset)
    fast = video.live or destination.waits
    if fast:
        encoding = _fast(encoding, options, may_delay=not destination.waits)
    streams = plan(video.source, destination.holds)
    others = sorted({track.source.type for track in streams.tracks} - {"audio"})
    if streams.warning:
        notes.append(streams.warning)
    if others:
        notes.append(f"of the other streams only sound is kept here, not {' and '.join(others)}")
    for note in notes:
        warn(f"{destination.name}: {note}")
    output = EncodedOutput(
        destination,
        VideoEncoder(encoding, threads=options.threads, key_interval=KEY_FRAME_INTERVAL if fast else None),
        video.source,
        Plan([track for track in streams.tracks if track.source.type == "audio"]),
        metadata={"creation_time": datetime.now(UTC).isoformat(timespec="microseconds")},
    )
    compositor = Compositor(
        video.frames,
        FrameFormat(encoding.pix_fmt, encoding.width, encoding.height, encoding.coding),
        options.compare,
        encoding.tags,
        # Where the encoder changes the frames' times they must not be those of the pair, which others read.
        writable=encoding.time_base != video.picture.time_base,
    )
    return EncodedLiveOutput(output, destination, compositor)


def _fast(encoding: Encoding, options: Options, *, may_delay: bool) -> Encoding:
    """Return the encoding for live pictures: made faster unless there is a preset.

    Args:
        may_delay: the encoder may hold pictures back.
    """
    # Key frames come by time, see `VideoEncoder`; this is for encoders that do not take them.
    extra = {"g": str(max(1, round(2 * KEY_FRAME_INTERVAL * encoding.rate)))}
    if options.preset is None:
        extra |= encoding.encoder.live
    if not may_delay:
        extra |= encoding.encoder.streaming
    return replace(encoding, options=encoding.options | extra)
