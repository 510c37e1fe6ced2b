"""Opening live inputs: cameras, network addresses and pipes, always with time-outs."""

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
from rtvideo.media.location import LocationKind, kind_of, redact, scheme_of
from rtvideo.media.network import srt
from rtvideo.media.network.pipes import SILENCE, PipeReader
from rtvideo.options import CaptureOptions

#: Seconds until an address that does not answer, or sends nothing more, is given up.
TIMEOUT = 10.0

#: Bytes of each read from a pipe: with FFmpeg's own 32 kB there would be more calls into Python.
_BUFFER = 1 << 18

#: Protocols that a network address may use: a playlist must not read files of this machine.
_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,udplite,rtp,srtp,rtsp,rtmp,rtmpt,rtmps,rtmpe,srt,crypto,data"

#: Formats that deliver several seconds at once.
_SEGMENTED = ("hls", "dash")

#: Pictures a second of an image that is shown as if it were a video.
_STILL_RATE = 5

#: Schemes under which an input with a known duration is a finished file.
_DOWNLOADS = ("http", "https", "ftp")


@dataclass(frozen=True)
class SourceTraits:
    """How an input behaves.

    Attributes:
        live: frames come as they are captured. Other inputs wait for their reader.
        paced: frames come faster than they are to be shown, so that their times decide when.
        lasts: the input should not end: an end is a loss, after which it may come back.
    """

    live: bool
    paced: bool = False
    lasts: bool = False

    @property
    def recorded(self) -> bool:
        """Whether it is a file that plays at its own speed: its pictures were not taken just now."""
        return self.paced and not self.lasts


def connect(
    text: str, capture: CaptureOptions, *stops: threading.Event, repeat_images: bool = False
) -> tuple[InputContainer, SourceTraits]:
    """Open a camera, URL, pipe or FFmpeg device.

    Args:
        text: as the user typed it.
        capture: format, size, rate and pixel format, for cameras and raw video.
        stops: setting any of them ends the wait for data from a pipe or another program.
        repeat_images: an image becomes a video that shows it for ever.

    Raises:
        SourceLostError: it is absent or cannot be reached.
        InputError: FFmpeg cannot read it.
        UnavailableError: neither this FFmpeg nor an installed one speaks the protocol.
        UsageError: an unknown format, or one that the camera does not have.
    """
    kind = kind_of(text)
    if kind is LocationKind.CAMERA and capture.format is None:
        return open_camera(path_of(text), capture), SourceTraits(live=True, lasts=True)
    if kind is LocationKind.PIPE:
        return _pipe(text, capture, *stops), SourceTraits(live=False)
    options = _raw_options(capture)
    if kind is LocationKind.STREAM:
        options |= _stream_options(scheme_of(text))
        if program := srt.program_for(text):
            receiver = srt.Receiver(program, text, TIMEOUT, *stops)
            try:
                container = _open(receiver, text, capture.format, options)
            except BaseException:
                receiver.close()
                raise
            return container, SourceTraits(live=True, lasts=True)
    container = _open(text, text, capture.format, options)
    if kind is not LocationKind.STREAM:
        if repeat_images and (container.format.name == "image2" or container.format.name.endswith("_pipe")):
            container.close()
            options = {"loop": "1", "framerate": str(_STILL_RATE), "pattern_type": "none"}
            container = _open(text, text, "image2", options)
        return container, SourceTraits(live=container.format.name == "lavfi")
    if container.duration and scheme_of(text) in _DOWNLOADS:
        return container, SourceTraits(live=False)
    return container, SourceTraits(live=True, paced=container.format.name in _SEGMENTED, lasts=True)


def _pipe(text: str, capture: CaptureOptions, *stops: threading.Event) -> InputContainer:
    if text == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("-: stdin is a terminal; pipe video into it, y4m for example")
        pipe = FileIO(sys.stdin.fileno(), closefd=False)
    else:
        try:
            # Without O_NONBLOCK it would wait here for a writer. The reader waits too, but can be stopped.
            pipe = FileIO(text, opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK))
        except OSError as error:
            raise InputError(f"{text}: cannot be read: {error.strerror}") from None
    return _open(PipeReader(pipe, *stops), text, capture.format, _raw_options(capture))


def disconnect(container: InputContainer) -> None:
    """Close what `connect` opened."""
    container.close()
    if container.file is not None and isinstance(container.file.file, srt.Receiver):
        container.file.file.close()


def _raw_options(capture: CaptureOptions) -> dict[str, str]:
    if capture.format == "rawvideo" and (capture.size is None or capture.pix_fmt is None):
        raise UsageError("--input-format rawvideo does not describe itself: give --size and --pix-fmt too")
    if capture.format is None and capture != CaptureOptions():
        raise UsageError("--size, --rate and --pix-fmt are for cameras and for raw video (--input-format)")
    options = {}
    if capture.size is not None:
        options["video_size"] = "{}x{}".format(*capture.size)
    if capture.rate is not None:
        options["framerate"] = f"{capture.rate:g}"
    if capture.pix_fmt is not None:
        options["pixel_format"] = capture.pix_fmt
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
        if kind_of(name) is LocationKind.STREAM and time.monotonic() - began >= TIMEOUT:
            # Some protocols report an interrupted read as invalid data.
            raise SourceLostError(f"{redact(name)}: {SILENCE.format(TIMEOUT)}") from None
        raise explained(name, format, error) from None


def explained(name: str, format: str | None, error: Exception) -> RtvideoError:
    """Return the error to raise where an input cannot be opened, without the secrets of its address."""
    shown = redact(name)
    if isinstance(error, av.error.ProtocolNotFoundError):
        return UnavailableError(f"{shown}: this FFmpeg does not speak {scheme_of(name)!r}")
    if isinstance(error, ValueError) and not isinstance(error, av.FFmpegError):
        return UsageError(f"--input-format {format!r}: FFmpeg knows no such format; see: ffmpeg -formats")
    if kind_of(name) is not LocationKind.STREAM or isinstance(error, av.InvalidDataError):
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
