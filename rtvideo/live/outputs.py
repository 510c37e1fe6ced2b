"""The outputs of a live run: checked before anything is opened, then opened one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rtvideo.errors import RtvideoError, UsageError
from rtvideo.live.encoded_opener import EncodedOpener, destination_of, is_hls, is_timed
from rtvideo.live.fanout import LiveOutput, LiveVideo
from rtvideo.live.input import TICK, LiveInput
from rtvideo.live.raw_output import ViewerOutput, virtual_camera, y4m_output
from rtvideo.live.recording_name import EXAMPLE, RecordingName
from rtvideo.media.camera import path_of
from rtvideo.media.destination import HlsDestination
from rtvideo.media.location import LocationKind, kind_of, redact
from rtvideo.media.network.pipes import open_pipe
from rtvideo.media.output_path import check_output
from rtvideo.media.planes import FrameFormat
from rtvideo.media.tags import Tags
from rtvideo.options import RAW, LiveOptions, Options
from rtvideo.viewers.base import Viewer


def check_outputs(input: str, outputs: Sequence[str], options: Options, how: LiveOptions) -> None:
    """Refuse what cannot or must not be written, before the source is opened.

    Args:
        how: ``segment`` and ``keep``.

    Raises:
        UsageError: an existing file, segments without a name by time, the input itself, stdout on a
            terminal, the same output twice.
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
            destination_of(text, LiveOptions(), live=True)
        if kind is LocationKind.FILE:
            _check_file(input, text, options)
    flags = {"segment": how.segment, "keep": how.keep and how.keep.text}
    if not any(kind_of(text) is LocationKind.FILE and is_timed(text) for text in outputs):
        for flag, value in flags.items():
            if value is not None:
                shown = f"{value:g}" if isinstance(value, float) else value
                raise UsageError(
                    f"--{flag} {shown}: needs a recording with a name by time, as --out {EXAMPLE}"
                )


def _check_file(input: str, text: str, options: Options) -> None:
    if is_hls(text):
        check_output(Path(input), Path(text), options)
        if not options.overwrite and (segments := HlsDestination.segments(Path(text))):
            raise UsageError(f"{segments[0]}: a segment that exists already; --overwrite replaces it")
        return
    name = RecordingName(text)
    if name.timed:
        name.check()
        return
    try:
        check_output(Path(input), name.path, options)
    except UsageError as error:
        if kind_of(input) is LocationKind.FILE or not name.path.exists():
            raise
        raise UsageError(f"{error}; a name by time, such as {EXAMPLE}, never does") from None


def shown_names(outputs: Sequence[str]) -> str:
    """Return the names of outputs without secrets."""
    return ", ".join("stdout" if text == "-" else redact(text) for text in outputs)


def live_video(source: LiveInput, frames: FrameFormat, tags: Tags, how: LiveOptions) -> LiveVideo:
    """Return what the outputs of a run are opened for.

    Args:
        frames, tags: of the pairs.
        how: see `LiveVideo`.
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
    return LiveVideo(source.connection.template, frames, parameters.enhanced(), live, how)


def open_outputs(
    outputs: Sequence[str],
    viewers: Sequence[Callable[[], Viewer]],
    video: LiveVideo,
    options: Options,
    warn: Callable[[str], None],
    recorded: Callable[[str], None] = lambda name: None,
) -> list[LiveOutput]:
    """Open everything. A viewer that cannot be opened is left out if there is anything else.

    Args:
        outputs: as the user gave them.
        viewers: each opens one.
        video: what will come.
        warn: called with what an output cannot hold, and why a viewer is left out.
        recorded: called with the name of each complete recording.

    Raises:
        RtvideoError: the first failure; what was open by then is closed.
    """
    opened: list[LiveOutput] = []
    try:
        for text in outputs:
            kind = kind_of(text)
            if kind is LocationKind.CAMERA or (kind is LocationKind.PIPE and video.how.output_format == RAW):
                opened.append(_open_raw(text, video, options))
            else:
                opened.append(EncodedOpener(text, video, options, warn, recorded).open())
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


def _open_raw(text: str, video: LiveVideo, options: Options) -> LiveOutput:
    if kind_of(text) is LocationKind.CAMERA:
        return virtual_camera(path_of(text), video, options.compare)
    return y4m_output(open_pipe(text), shown_names([text]), video, options.compare)
