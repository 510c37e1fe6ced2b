"""The outputs of a live run: checked before anything is opened, then opened one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from rtvideo.errors import RtvideoError, UsageError
from rtvideo.live.encoded_output import EncodedLiveOutput, PushOutput
from rtvideo.live.fanout import LiveOutput, LiveVideo
from rtvideo.live.input import TICK, LiveInput
from rtvideo.live.raw_output import ViewerOutput, virtual_camera, y4m_output
from rtvideo.live.recording import Recording
from rtvideo.media.camera import path_of
from rtvideo.media.codecs import Encoding, choose
from rtvideo.media.compositor import Compositor
from rtvideo.media.destination import KEY_FRAME_INTERVAL, Destination, HlsDestination
from rtvideo.media.location import LocationKind, kind_of, redact
from rtvideo.media.network.push import PushServer
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.output_path import check_output
from rtvideo.media.planes import FrameFormat, has_alpha
from rtvideo.media.streams import plan
from rtvideo.media.tags import Tags
from rtvideo.options import Options
from rtvideo.viewers.base import Viewer


def check_outputs(input: str, outputs: Sequence[str], options: Options) -> None:
    """Refuse what cannot or must not be written, before the source is opened.

    Raises:
        UsageError: an existing file, the input itself, stdout on a terminal, the same output twice.
        OutputError: a folder that does not take it.
    """
    for index, text in enumerate(outputs):
        if text in outputs[:index]:
            raise UsageError(f"--out {redact(text)}: given twice")
        kind = kind_of(text)
        if kind is LocationKind.PIPE and text == "-" and sys.stdout.isatty():
            raise UsageError("--out -: stdout is a terminal; pipe it into another program")
        if (
            kind is LocationKind.CAMERA
            and kind_of(input) is LocationKind.CAMERA
            and path_of(text) == path_of(input)
        ):
            raise UsageError(f"--out {text}: is the input; a virtual camera has a number of its own")
        if kind is LocationKind.STREAM:
            destination_of(text, live=True)
        if kind is LocationKind.FILE:
            check_output(Path(input), Path(text), options)
            if is_hls(text) and not options.overwrite and (segments := HlsDestination.segments(Path(text))):
                raise UsageError(f"{segments[0]}: a segment that exists already; --overwrite replaces it")


def shown_names(outputs: Sequence[str]) -> str:
    """Return the names of outputs without secrets."""
    return ", ".join("stdout" if text == "-" else redact(text) for text in outputs)


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
    if kind_of(address) is LocationKind.STREAM:
        return PushServer(address)
    if is_hls(address):
        return HlsDestination(Path(address), live=live)
    return Recording(Path(address), warn, live=live)


def live_video(source: LiveInput, frames: FrameFormat, tags: Tags) -> LiveVideo:
    """Return what the outputs of a run are opened for.

    Args:
        frames, tags: of the pairs.
    """
    parameters, live = source.connection.parameters(), source.traits.live
    parameters = replace(
        parameters,
        # The codec in which a camera sends is no measure for a recording.
        codec="h264" if live else parameters.codec,
        codec_tag="" if live else parameters.codec_tag,
        pix_fmt=frames.pix_fmt,
        tags=tags,
        coding=frames.coding,
        time_base=TICK if live else parameters.time_base,
    )
    return LiveVideo(source.connection.template, frames, parameters, live, source.reconnect)


def open_outputs(
    outputs: Sequence[str],
    viewers: Sequence[Callable[[], Viewer]],
    video: LiveVideo,
    options: Options,
    warn: Callable[[str], None],
) -> list[LiveOutput]:
    """Open everything. A viewer that cannot be opened is left out if there is anything else.

    Args:
        outputs: as the user gave them.
        viewers: each opens one.
        video: what will come.
        warn: called with what an output cannot hold, and why a viewer is left out.

    Raises:
        RtvideoError: the first failure; what was open by then is closed.
    """
    opened: list[LiveOutput] = []
    try:
        for text in outputs:
            opened.append(_open_output(text, video, options, warn))
        for number, open_viewer in enumerate(viewers, start=1):
            try:
                opened.append(ViewerOutput(open_viewer(), f"viewer {number}"))
            except RtvideoError as error:
                if not opened and number == len(viewers):
                    raise
                warn(str(error))
    except BaseException:
        for output in opened:
            output.abort()
        raise
    return opened


def _open_output(text: str, video: LiveVideo, options: Options, warn: Callable[[str], None]) -> LiveOutput:
    kind = kind_of(text)
    if kind is LocationKind.CAMERA:
        return virtual_camera(path_of(text), video, options.compare)
    if kind is LocationKind.PIPE:
        pipe = FileIO(sys.stdout.fileno(), "w", closefd=False) if text == "-" else FileIO(text, "w")
        return y4m_output(pipe, shown_names([text]), video, options.compare)
    return _open_encoded(text, video, options, warn)


def _open_encoded(
    address: str, video: LiveVideo, options: Options, warn: Callable[[str], None]
) -> EncodedLiveOutput:
    """Open a recording, HLS segments or a server."""
    destination = destination_of(address, live=video.live, warn=warn)
    parameters = video.parameters.composed(options.compare, destination.holds)
    encoding, notes = choose(parameters, destination.holds, options.codec, options.crf, options.preset)
    fast = video.live or destination.waits
    if fast:
        encoding = _fast(encoding, options, may_delay=not destination.waits)
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

    def open_output(destination: Destination) -> EncodedOutput:
        interval = KEY_FRAME_INTERVAL if fast else None
        encoder = VideoEncoder(encoding, threads=options.threads, key_interval=interval)
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        source = video.source.copy()
        sound = plan(source, destination.holds).only("audio")
        return EncodedOutput(destination, encoder, source, sound, metadata={"creation_time": created})

    compositor = Compositor(
        video.frames,
        FrameFormat(encoding.pix_fmt, encoding.width, encoding.height, encoding.coding),
        options.compare,
        encoding.tags,
        orientation=encoding.orientation,
        # Where the encoder changes the frames' times they must not be those of the pair, which others read.
        writable=encoding.time_base != video.parameters.time_base,
    )
    if isinstance(destination, PushServer):
        return PushOutput(lambda: open_output(PushServer(address)), compositor, video, warn)
    return EncodedLiveOutput(open_output(destination), compositor, video, warn)


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
