"""The outputs of a live run: checked before anything is opened, then opened one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import FileIO
from pathlib import Path

from rtvideo.errors import RtvideoError, UsageError
from rtvideo.live.encoded_output import destination_of, is_hls, open_encoded_output
from rtvideo.live.fanout import LiveOutput, LiveVideo
from rtvideo.live.input import TICK, LiveInput
from rtvideo.live.raw_output import ViewerOutput, virtual_camera, y4m_output
from rtvideo.media.camera import path_of
from rtvideo.media.destination import HlsDestination
from rtvideo.media.location import Kind, kind_of, redact
from rtvideo.media.output_path import check_output
from rtvideo.media.planes import FrameFormat
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
        if kind is Kind.PIPE and text == "-" and sys.stdout.isatty():
            raise UsageError("--out -: stdout is a terminal; pipe it into another program")
        if kind is Kind.CAMERA and kind_of(input) is Kind.CAMERA and path_of(text) == path_of(input):
            raise UsageError(f"--out {text}: is the input; a virtual camera has a number of its own")
        if kind is Kind.STREAM:
            destination_of(text, live=True)
        if kind is Kind.FILE:
            check_output(Path(input), Path(text), options)
            if is_hls(text) and not options.overwrite and (segments := HlsDestination.segments(Path(text))):
                raise UsageError(f"{segments[0]}: a segment that exists already; --overwrite replaces it")


def shown_names(outputs: Sequence[str]) -> str:
    """Return the names of outputs without secrets."""
    return ", ".join("stdout" if text == "-" else redact(text) for text in outputs)


def live_video(source: LiveInput, frames: FrameFormat, tags: Tags, options: Options) -> LiveVideo:
    """Return what the outputs of a run are opened for.

    Args:
        frames, tags: of the pairs.
    """
    picture, live = source.connection.picture(options.compare), source.traits.live
    picture = replace(
        picture,
        # The codec in which a camera sends is no measure for a recording.
        codec="h264" if live else picture.codec,
        codec_tag="" if live else picture.codec_tag,
        pix_fmt=frames.pix_fmt,
        tags=tags,
        coding=frames.coding,
        time_base=TICK if live else picture.time_base,
    )
    return LiveVideo(source.connection, frames, picture, live)


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
    if kind is Kind.CAMERA:
        return virtual_camera(path_of(text), video, options.compare)
    if kind is Kind.PIPE:
        pipe = FileIO(sys.stdout.fileno(), "w", closefd=False) if text == "-" else FileIO(text, "w")
        return y4m_output(pipe, shown_names([text]), video, options.compare)
    return open_encoded_output(text, video, options, warn)
