"""Opening encoded live outputs: where they go, how they are encoded, and again after a loss or a segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from rtvideo.live.encoded_output import EncodedLiveOutput, PipedOutput, PushOutput
from rtvideo.live.fanout import LiveOutput, LiveVideo
from rtvideo.live.recording import Recording
from rtvideo.live.recording_name import RecordingName
from rtvideo.live.retention import Ledger
from rtvideo.live.segments import SegmentedRecording
from rtvideo.media.codecs import Encoding, choose
from rtvideo.media.compositor import Compositor
from rtvideo.media.describe import codec_of
from rtvideo.media.destination import KEY_FRAME_INTERVAL, Destination, HlsDestination
from rtvideo.media.location import LocationKind, kind_of
from rtvideo.media.network.piped import PipeDestination
from rtvideo.media.network.push import PushServer
from rtvideo.media.orientation import UPRIGHT
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.planes import FrameFormat, has_alpha
from rtvideo.media.streams import plan
from rtvideo.media.template import InputTemplate
from rtvideo.media.video_copy import VideoCopy, copies
from rtvideo.options import LiveOptions, Options


def is_hls(address: str) -> bool:
    """Whether a file name is that of a list of HLS segments."""
    return address.lower().endswith(".m3u8")


def is_timed(address: str) -> bool:
    """Whether a file is a recording with a name by time."""
    return not is_hls(address) and RecordingName(address).timed


def destination_of(
    address: str,
    how: LiveOptions,
    *,
    live: bool,
    warn: Callable[[str], None] = lambda line: None,
    recorded: Callable[[str], None] = lambda name: None,
    ledger: Ledger | None = None,
) -> Destination:
    """Return where ``--out`` leads: a recording, HLS segments or a server. Nothing is opened yet.

    Args:
        how: ``timeout`` and ``insecure``, for servers.
        live: the input cannot be read again; HLS segments that are no longer in the list are deleted.
        warn: told where an incomplete recording is kept.
        recorded: told the name of each complete recording.
        ledger: lists recordings that are not kept for ever.

    Raises:
        UsageError: no format or protocol that can be written.
        UnavailableError: neither this FFmpeg nor an installed one speaks SRT.
    """
    if kind_of(address) is LocationKind.STREAM:
        return PushServer(address, how)
    if kind_of(address) is LocationKind.PIPE:
        return PipeDestination(address, how.output_format)
    if is_hls(address):
        return HlsDestination(Path(address), live=live)
    return Recording(RecordingName(address), warn, live=live, recorded=recorded, ledger=ledger)


class EncodedOpener:
    """Opens the outputs that one ``--out`` asks for."""

    def __init__(
        self,
        address: str,
        video: LiveVideo,
        options: Options,
        warn: Callable[[str], None],
        recorded: Callable[[str], None],
    ) -> None:
        """Decide how to encode, and say what the output cannot hold.

        Args:
            address: a file, a list of HLS segments or a server.
            video: what will come.
            warn, recorded: see `destination_of`.

        Raises:
            UsageError, UnavailableError: see `destination_of` and `rtvideo.media.codecs.choose`.
        """
        self._address, self._video, self._options = address, video, options
        self._warn, self._recorded = warn, recorded
        keep, kind = video.how.keep, kind_of(address)
        is_kept = keep is not None and kind is not LocationKind.STREAM and is_timed(address)
        self._ledger = Ledger(RecordingName(address), keep, warn) if keep and is_kept else None
        destination = self._destination()
        parameters = video.parameters.composed(options.compare, destination.holds)
        encoding, notes = choose(parameters, destination.holds, options.codec, options.crf, options.preset)
        self._fast = video.live or destination.waits
        if self._fast:
            encoding = _fast(encoding, options, may_delay=not destination.waits)
        self._encoding = encoding
        streams = plan(video.source, destination.holds)
        others = sorted({track.source.type for track in streams.tracks} - {"audio"})
        if has_alpha(video.source.first.format.name):
            notes.append("transparency is dropped here")
        if streams.warning:
            notes.append(streams.warning)
        if others:
            notes.append(f"of the other streams only sound is kept here, not {' and '.join(others)}")
        for note in notes:
            warn(f"{destination.name}: {note}")
        reason = self._why_not_copied(destination) if video.how.when == "dark" else ""
        if reason:
            warn(f"{destination.name}: lit pictures are encoded again: {reason}")
        self._copies = video.how.when == "dark" and not reason
        self._compositor = Compositor(
            video.frames,
            FrameFormat(encoding.pix_fmt, encoding.width, encoding.height, encoding.coding),
            options.compare,
            encoding.tags,
            orientation=encoding.orientation,
            # Where the encoder changes the frames' times they must not be those of the pair, which others
            # read.
            writable=encoding.time_base != video.parameters.time_base,
        )

    def _why_not_copied(self, destination: Destination) -> str:
        """Return why lit pictures are encoded like dark ones; nothing if packets can be copied."""
        video, options = self._video, self._options
        if not video.live:
            return "the input does not come live"
        if kind_of(self._address) is not LocationKind.FILE or not is_timed(self._address):
            return "only a recording with a name by time, which begins anew at each switch, copies them"
        if not copies(video.source.video, destination.holds):
            return f"{codec_of(video.source.video)} is not copied into {destination.holds}"
        if options.compare is not None or self._encoding.orientation != UPRIGHT:
            return "pictures are composed or turned"
        if options.max_fps is not None or options.duration is not None or options.frames is not None:
            return "pictures are chosen (--max-fps, --duration, --frames)"
        return ""

    def open(self) -> LiveOutput:
        """Open the output.

        Raises:
            OutputError, UnavailableError, UsageError: see `EncodedOutput`.
        """
        video = self._video
        if kind_of(self._address) is LocationKind.STREAM:
            return PushOutput(lambda: self._open(video.source), self._compositor, video, self._warn)
        if kind_of(self._address) is LocationKind.PIPE:
            return PipedOutput(self._open(video.source), self._compositor, video.source, self._warn)
        if is_timed(self._address) and (video.how.segment is not None or self._copies):
            length, copies = video.how.segment, self._copies
            return SegmentedRecording(self._address, self._one, video.source, length, copies=copies)
        return self._one(video.source)

    def _one(
        self, source: InputTemplate, begin: Fraction | None = None, copied: bool = False
    ) -> EncodedLiveOutput:
        output = self._open(source, begin, copied)
        return EncodedLiveOutput(output, self._compositor, source, self._warn)

    def _open(
        self, source: InputTemplate, begin: Fraction | None = None, copied: bool = False
    ) -> EncodedOutput:
        destination, own = self._destination(), source.copy()
        interval = KEY_FRAME_INTERVAL if self._fast else None
        encoder = VideoEncoder(self._encoding, threads=self._options.threads, key_interval=interval)
        if copied:
            encoder = VideoCopy(self._encoding, own.video, self._video.parameters.time_base)
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        sound = plan(own, destination.holds).only("audio")
        added = {"creation_time": created}
        return EncodedOutput(destination, encoder, own, sound, metadata=added, begin=begin)

    def _destination(self) -> Destination:
        return destination_of(
            self._address,
            self._video.how,
            live=self._video.live,
            warn=self._warn,
            recorded=self._recorded,
            ledger=self._ledger,
        )


def _fast(encoding: Encoding, options: Options, *, may_delay: bool) -> Encoding:
    """Return the encoding for live pictures: made faster unless there is a preset.

    Args:
        may_delay: the encoder may hold pictures back.
    """
    # Key frames come by time, see `VideoEncoder`; this is for encoders that do not take them.
    extra = {"g": str(max(1, round(2 * KEY_FRAME_INTERVAL * encoding.rate)))} | encoding.encoder.key_frames
    if options.preset is None:
        extra |= encoding.encoder.live
    if not may_delay:
        extra |= encoding.encoder.streaming
    return replace(encoding, options=encoding.options | extra)
