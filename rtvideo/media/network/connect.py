"""Opening what is no file: cameras, network addresses, pipes. Time-outs are always set."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from io import FileIO

import av
from av.container import InputContainer

from rtvideo.errors import InputError, RtvideoError, SourceLostError, UnavailableError, UsageError
from rtvideo.media.camera import open_camera, path_of
from rtvideo.media.network import srt as bridge
from rtvideo.media.network.address import Kind, kind_of, redact, scheme_of
from rtvideo.media.network.pipes import SILENCE, PipeReader
from rtvideo.options import CaptureOptions

#: Seconds until an address that does not answer, or falls silent, is given up.
TIMEOUT = 10.0

#: Bytes that a pipe is read in; FFmpeg's own 32 kB would cost a call into Python for each.
_BUFFER = 1 << 18

#: What a network address may lead to: never to a file of this machine, whatever a playlist says.
_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,udplite,rtp,srtp,rtsp,rtmp,rtmpt,rtmps,rtmpe,srt,crypto,data"

#: Formats that deliver some seconds at a time, as fast as the line allows.
_SEGMENTED = ("hls", "dash")

#: Schemes that, where they tell a duration, hand out a finished file.
_DOWNLOADS = ("http", "https", "ftp")


@dataclass(frozen=True)
class SourceTraits:
    """How an input behaves.

    Attributes:
        live: pictures come when they come. Where not, the source waits for whoever reads.
        paced: comes faster than it is to be shown, so times decide when.
        lasts: its end is a loss, after which it may come back.
    """

    live: bool
    paced: bool = False
    lasts: bool = False


def connect(
    text: str, wishes: CaptureOptions, *stops: threading.Event
) -> tuple[InputContainer, SourceTraits]:
    """Open a camera, URL, pipe or FFmpeg device.

    Args:
        text: as the user typed it.
        wishes: format, size, rate and pixel format, for cameras and raw video.
        stops: any of them ends waiting for a pipe, or for what comes through another program.

    Raises:
        SourceLostError: absent or not reachable.
        InputError: nothing that FFmpeg can read.
        UnavailableError: this FFmpeg does not know the protocol, nor does a program that can stand in.
        UsageError: an unknown format, or not what the camera has.
    """
    kind = kind_of(text)
    if kind is Kind.CAMERA and wishes.format is None:
        return open_camera(path_of(text), wishes), SourceTraits(live=True, lasts=True)
    if kind is Kind.PIPE:
        return _pipe(text, wishes, *stops), SourceTraits(live=False)
    options = _raw_options(wishes)
    if kind is Kind.STREAM:
        options |= _stream_options(scheme_of(text))
        if program := bridge.program_for(text):
            receiver = bridge.Receiver(program, text, TIMEOUT, *stops)
            return _bridged(receiver, text, wishes.format, options), SourceTraits(live=True, lasts=True)
    container = _open(text, text, wishes.format, options)
    if kind is not Kind.STREAM:
        return container, SourceTraits(live=container.format.name == "lavfi")
    if container.duration and scheme_of(text) in _DOWNLOADS:
        return container, SourceTraits(live=False)
    return container, SourceTraits(live=True, paced=container.format.name in _SEGMENTED, lasts=True)


def _pipe(text: str, wishes: CaptureOptions, *stops: threading.Event) -> InputContainer:
    if text == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("-: stdin is a terminal; pipe video into it, y4m for example")
        pipe = FileIO(sys.stdin.fileno(), closefd=False)
    else:
        try:
            # Without this flag it would wait here for a writer; the reader waits, and can be stopped.
            pipe = FileIO(text, opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK))
        except OSError as error:
            raise InputError(f"{text}: cannot be read: {error.strerror}") from None
    return _open(PipeReader(pipe, *stops), text, wishes.format, _raw_options(wishes))


def _bridged(
    receiver: bridge.Receiver, text: str, format: str | None, options: dict[str, str]
) -> InputContainer:
    try:
        return _open(receiver, text, format, options)
    except BaseException:
        receiver.close()
        raise


def disconnect(container: InputContainer) -> None:
    """Close what `connect` opened."""
    container.close()
    if container.file is not None and isinstance(container.file.file, bridge.Receiver):
        container.file.file.close()


def _raw_options(wishes: CaptureOptions) -> dict[str, str]:
    if wishes.format == "rawvideo" and (wishes.size is None or wishes.pix_fmt is None):
        raise UsageError("--input-format rawvideo says nothing of itself: give --size and --pix-fmt too")
    if wishes.format is None and wishes != CaptureOptions():
        raise UsageError("--size, --rate and --pix-fmt are for cameras and for raw video (--input-format)")
    options = {}
    if wishes.size is not None:
        options["video_size"] = "{}x{}".format(*wishes.size)
    if wishes.rate is not None:
        options["framerate"] = f"{wishes.rate:g}"
    if wishes.pix_fmt is not None:
        options["pixel_format"] = wishes.pix_fmt
    return options


def _stream_options(scheme: str) -> dict[str, str]:
    options = {"protocol_whitelist": _PROTOCOLS}
    if scheme in ("rtsp", "rtsps"):
        return options | {"rtsp_flags": "prefer_tcp", "analyzeduration": "1000000"}
    if scheme == "udp":
        # A port may still be held by the connection that was lost.
        return options | {"reuse": "1", "overrun_nonfatal": "1"}
    return options


def _open(file: object, name: str, format: str | None, options: dict[str, str]) -> InputContainer:
    began = time.monotonic()
    try:
        return av.open(
            file,
            "r",
            format=format,
            options=options,
            buffer_size=_BUFFER,
            metadata_errors="replace",
            timeout=(TIMEOUT, TIMEOUT),
        )
    except (av.FFmpegError, ValueError) as error:
        if kind_of(name) is Kind.STREAM and time.monotonic() - began >= TIMEOUT:
            # Where FFmpeg was interrupted some protocols call it an error in the data.
            raise SourceLostError(f"{redact(name)}: {SILENCE.format(TIMEOUT)}") from None
        raise explained(name, format, error) from None


def explained(name: str, format: str | None, error: Exception) -> RtvideoError:
    """Return what to tell the user of a failed opening; no secret of the address is in it."""
    shown = redact(name)
    if isinstance(error, av.error.ProtocolNotFoundError):
        return UnavailableError(f"{shown}: this FFmpeg does not speak {scheme_of(name)!r}")
    if isinstance(error, ValueError) and not isinstance(error, av.FFmpegError):
        return UsageError(f"--input-format {format!r}: FFmpeg knows no such format; see: ffmpeg -formats")
    if kind_of(name) is not Kind.STREAM or isinstance(error, av.InvalidDataError):
        reason = getattr(error, "strerror", None) or error
        return InputError(f"{shown}: not a video that FFmpeg can read: {reason}")
    return SourceLostError(f"{shown}: {reason_of(error)}")


def reason_of(error: BaseException) -> str:
    """Return in a few words why a live source failed."""
    if isinstance(error, av.error.ExitError):
        return SILENCE.format(TIMEOUT)
    if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
        return "user or password refused"
    return str(getattr(error, "strerror", None) or error)
