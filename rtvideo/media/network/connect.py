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

from rtvideo.errors import InputError, RtvideoError, SourceLostError, UsageError
from rtvideo.media.camera import open_camera, path_of
from rtvideo.media.location import LocationKind, kind_of, redact, scheme_of
from rtvideo.media.network import pictures, srt, tls
from rtvideo.media.network.diagnosis import explained
from rtvideo.media.network.pictures import PictureReader
from rtvideo.media.network.pipes import SILENCE, PipeReader
from rtvideo.options import CaptureOptions, LiveOptions

#: Seconds until an address that does not answer, or sends nothing more, is given up.
TIMEOUT = 10.0

#: Bytes of each read from a pipe: with FFmpeg's own 32 kB there would be more calls into Python.
_BUFFER = 1 << 18

#: Protocols that a network address may use: a playlist must not read files of this machine.
_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,udplite,rtp,srtp,rtsp,rtmp,rtmpt,rtmps,rtmpe,srt,crypto,data"

#: What a description of a stream (SDP) may lead to.
_SDP_PROTOCOLS = "file,rtp,srtp,udp"

#: Formats that deliver several seconds at once.
_SEGMENTED = ("hls", "dash")

#: Formats of MJPEG streams, and of single pictures.
_MOTION_JPEG, _PICTURE = ("mpjpeg", "mjpeg"), ("image2", "_pipe")

#: Pictures a second of an image that is shown as if it were a video.
_STILL_RATE = 5

#: Schemes under which an input with a known duration is a finished file.
_DOWNLOADS = ("http", "https", "ftp")

#: Schemes of pictures that come one by one.
_HTTP = ("http", "https")


@dataclass(frozen=True)
class SourceTraits:
    """How an input behaves.

    Attributes:
        live: frames come as they are captured. Other inputs wait for their reader.
        paced: frames come faster than they are to be shown, so that their times decide when.
        lasts: the input should not end: an end is a loss, after which it may come back.
        timeless: its packets have no times, so that those of their arrival count.
        silence: seconds for which nothing may come.
    """

    live: bool
    paced: bool = False
    lasts: bool = False
    timeless: bool = False
    silence: float = TIMEOUT

    @property
    def recorded(self) -> bool:
        """Whether it is a file that plays at its own speed: its pictures were not taken just now."""
        return self.paced and not self.lasts


def connect(
    text: str,
    capture: CaptureOptions,
    *stops: threading.Event,
    repeat_images: bool = False,
    how: LiveOptions | None = None,
) -> tuple[InputContainer, SourceTraits]:
    """Open a camera, URL, pipe or FFmpeg device.

    Args:
        text: as the user typed it.
        capture: format, size, rate and pixel format, for cameras and raw video.
        stops: setting any of them ends the wait for data from a pipe or another program.
        repeat_images: an image becomes a video that shows it for ever.
        how: ``timeout``, ``insecure`` and ``poll``, for addresses.

    Raises:
        SourceLostError: it is absent or cannot be reached.
        InputError: FFmpeg cannot read it.
        UnavailableError: neither this FFmpeg nor an installed one speaks the protocol.
        UsageError: an unknown format, or one that the camera does not have.
    """
    kind, how = kind_of(text), how or LiveOptions()
    if how.poll is not None and scheme_of(text) not in _HTTP:
        raise UsageError(
            f"--poll {how.poll:g}: {redact(text)} is no http:// or https:// address of a picture"
        )
    if kind is LocationKind.CAMERA and capture.format is None:
        return open_camera(path_of(text), capture), SourceTraits(live=True, lasts=True)
    if kind is LocationKind.PIPE:
        return _pipe(text, capture, *stops), SourceTraits(live=False)
    if kind is LocationKind.STREAM:
        return _stream(text, capture, how, *stops)
    container = _open(text, text, capture.format, _raw_options(capture))
    if repeat_images and _is_picture(container):
        container.close()
        options = {"loop": "1", "framerate": str(_STILL_RATE), "pattern_type": "none"}
        container = _open(text, text, "image2", options)
    return container, SourceTraits(live=container.format.name == "lavfi")


def _stream(
    text: str, capture: CaptureOptions, how: LiveOptions, *stops: threading.Event
) -> tuple[InputContainer, SourceTraits]:
    limit, by_http = how.timeout or TIMEOUT, scheme_of(text) in _HTTP and capture.format is None
    if by_http and (how.poll is not None or pictures.is_known(text)):
        return _pictures(text, how, *stops)
    options = _raw_options(capture) | _stream_options(text, insecure=how.insecure)
    if program := srt.program_for(text):
        receiver = srt.Receiver(program, text, limit, *stops)
        try:
            container = _open(receiver, text, capture.format, options, how)
        except BaseException:
            receiver.close()
            raise
        return container, SourceTraits(live=True, lasts=True, silence=limit)
    try:
        container = _open(text, text, capture.format, options, how)
    except RtvideoError:
        if by_http and pictures.sends_pictures(text, limit, insecure=how.insecure):
            return _pictures(text, how, *stops)
        raise
    if by_http and container.format.name in _MOTION_JPEG:
        container.close()
        return _pictures(text, how, *stops)
    if by_http and _is_picture(container):
        container.close()
        raise UsageError(f"{redact(text)}: a single picture; --poll 1 asks for a new one every second")
    if container.duration and scheme_of(text) in _DOWNLOADS:
        return container, SourceTraits(live=False)
    paced = container.format.name in _SEGMENTED
    return container, SourceTraits(live=True, paced=paced, lasts=True, silence=limit)


def _pictures(text: str, how: LiveOptions, *stops: threading.Event) -> tuple[InputContainer, SourceTraits]:
    limit = max(how.timeout or TIMEOUT, pictures.SILENCE)
    if how.poll is None:
        found = pictures.stream(text, limit, insecure=how.insecure)
    else:
        found = pictures.snapshots(text, how.poll, limit, insecure=how.insecure)
        limit += how.poll
    reader = PictureReader(found, *stops)
    try:
        container = _open(reader, text, pictures.FORMAT, pictures.OPTIONS, how)
    except BaseException:
        reader.close()
        raise
    return container, SourceTraits(live=True, lasts=True, timeless=True, silence=limit)


def _is_picture(container: InputContainer) -> bool:
    return container.format.name.endswith(_PICTURE)


def _pipe(text: str, capture: CaptureOptions, *stops: threading.Event) -> InputContainer:
    if text == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("-: stdin is a terminal; pipe video into it, y4m for example")
        pipe = FileIO(sys.stdin.fileno(), closefd=False)
    else:
        try:
            # Without O_NONBLOCK it would wait here for a writer. The reader waits too, but can be stopped.
            pipe = FileIO(
                text, opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
            )
        except OSError as error:
            raise InputError(f"{text}: cannot be read: {error.strerror}") from None
    return _open(PipeReader(pipe, *stops), text, capture.format, _raw_options(capture))


def disconnect(container: InputContainer) -> None:
    """Close what `connect` opened."""
    container.close()
    if container.file is not None and isinstance(container.file.file, (srt.Receiver, PictureReader)):
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


def _stream_options(text: str, *, insecure: bool) -> dict[str, str]:
    scheme = scheme_of(text)
    if not scheme:
        return {"protocol_whitelist": _SDP_PROTOCOLS}
    options = {"protocol_whitelist": _PROTOCOLS} | tls.options(scheme, insecure=insecure)
    if scheme in ("rtsp", "rtsps"):
        return options | {"rtsp_flags": "prefer_tcp", "analyzeduration": "1000000"}
    if scheme == "udp":
        # A port may still be held by the connection that was lost.
        return options | {"reuse": "1", "overrun_nonfatal": "1"}
    return options


def _open(
    file: object, name: str, format: str | None, options: dict[str, str], how: LiveOptions | None = None
) -> InputContainer:
    how = how or LiveOptions()
    began, limit = time.monotonic(), how.timeout or TIMEOUT
    try:
        return av.open(
            file,
            "r",
            format=format,
            options=options,
            buffer_size=_BUFFER,
            metadata_errors="replace",
            # Pictures that come one by one have a limit of their own.
            timeout=None if isinstance(file, PictureReader) else (limit, limit),
        )
    except (av.FFmpegError, ValueError) as error:
        if isinstance(file, PictureReader) and file.ended:
            raise SourceLostError(f"{redact(name)}: stopped before the first picture") from None
        if kind_of(name) is LocationKind.STREAM and time.monotonic() - began >= limit:
            # Some protocols report an interrupted read as invalid data.
            raise SourceLostError(f"{redact(name)}: {SILENCE.format(limit)}") from None
        raise explained(name, format, error, limit, insecure=how.insecure) from None
