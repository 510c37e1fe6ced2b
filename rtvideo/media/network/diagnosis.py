"""What is wrong with an input that FFmpeg could not open: it says "Input/output error" to most of it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from urllib.parse import urlsplit

import av

from rtvideo.errors import InputError, RtvideoError, SourceLostError, UnavailableError, UsageError
from rtvideo.media.location import redact, scheme_of
from rtvideo.media.network import http, tls
from rtvideo.media.network.pipes import SILENCE

#: Seconds that each question may take.
_PATIENCE = 5.0

#: Bytes of an answer that are looked at.
_LOOK = 4096

#: The formats of FFmpeg whose index may lie behind the pictures, and what to do then.
_INDEXED = "mov,mp4,m4a,3gp,3g2,mj2"
_INDEX_AT_END = (
    "an MP4 with its index at the end, from a server that sends files only from front to back; "
    "download it first, or make one with: ffmpeg -i IN.mp4 -c copy -movflags +faststart OUT.mp4"
)

#: Errors of FFmpeg that may be anything.
_UNCLEAR = (av.InvalidDataError, av.error.OSError, av.error.EOFError)

#: What FFmpeg's errors mean for the user.
_REASONS = (
    (
        av.error.HTTPUnauthorizedError,
        "user or password refused; they stand in the address: //USER:PASSWORD@HOST",
    ),
    (
        av.error.HTTPForbiddenError,
        "access denied (403); user or password refused, or not allowed to see this",
    ),
    (av.error.HTTPNotFoundError, "nothing of that name there (404); check what follows the host"),
    (av.error.HTTPServerError, "the server has an error of its own (5xx)"),
    (av.error.ConnectionRefusedError, "connection refused: no server listens there; check the port"),
    (av.error.EOFError, "the server closed the connection"),
)


def explained(
    name: str, format: str | None, error: Exception, silence: float, *, insecure: bool
) -> RtvideoError:
    """Return the error to raise where an input cannot be opened, without the secrets of its address.

    Args:
        name: as the user typed it.
        format: that was asked for.
        silence: seconds after which FFmpeg gives up waiting.
        insecure: certificates do not matter.
    """
    shown = redact(name)
    if isinstance(error, av.error.ProtocolNotFoundError):
        return UnavailableError(f"{shown}: this FFmpeg does not speak {scheme_of(name)!r}")
    if isinstance(error, ValueError) and not isinstance(error, av.FFmpegError):
        return UsageError(f"--input-format {format!r}: FFmpeg knows no such format; see: ffmpeg -formats")
    if not scheme_of(name):
        reason = getattr(error, "strerror", None) or error
        return InputError(f"{shown}: not a video that FFmpeg can read: {reason}")
    if isinstance(error, _UNCLEAR) and (found := trouble(name, insecure=insecure)) is not None:
        return SourceLostError(f"{shown}: {found}")
    if isinstance(error, av.InvalidDataError) and scheme_of(name) in ("rtsp", "rtsps"):
        return InputError(f"{shown}: no answer of an RTSP server; check scheme and port")
    if isinstance(error, av.InvalidDataError):
        return InputError(f"{shown}: not a video that FFmpeg can read: {error.strerror}")
    return SourceLostError(f"{shown}: {reason_of(error, silence)}")


def reason_of(error: BaseException, silence: float) -> str:
    """Return in a few words why a live source failed.

    Args:
        silence: seconds after which FFmpeg gave up waiting.
    """
    if isinstance(error, av.error.ExitError):
        return SILENCE.format(silence)
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    if error.args[:1] == (errno.EIO,) and str(getattr(error, "strerror", "")) == os.strerror(errno.EIO):
        return "the connection failed"
    return str(getattr(error, "strerror", None) or error)


def reason_of_first(error: BaseException, format: str, silence: float) -> str:
    """Return in a few words why an input that could be opened gave no picture.

    Args:
        format: FFmpeg's name of it.
        silence: as for `reason_of`.
    """
    return _INDEX_AT_END if format == _INDEXED else reason_of(error, silence)


def trouble(address: str, *, insecure: bool) -> str | None:
    """Return in a few words what is wrong, as far as asking the server shows it; the words hold no secrets.

    Args:
        address: a URL.
        insecure: its certificate does not matter.
    """
    scheme = scheme_of(address)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or tls.PORTS.get(scheme)
    except ValueError:
        return "its port is not a number; in a password write / ? # @ as %2F %3F %23 %40"
    if host and not os.environ.get("http_proxy"):
        try:
            socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            return "unknown host; check its name, and the network"
    if host and port and scheme in tls.PORTS and not insecure:
        reason = tls.distrust(host, port, _PATIENCE)
        if reason is not None:
            return f"its certificate is not trusted ({reason}); --insecure accepts it"
    return _http_trouble(address, insecure=insecure) if scheme in ("http", "https") else None


def _http_trouble(address: str, *, insecure: bool) -> str | None:
    with contextlib.suppress(OSError, ValueError), http.get(address, _PATIENCE, insecure=insecure) as answer:
        kind, data = answer.headers.get_content_type(), answer.read(_LOOK)
        if kind == "text/html" or data.lstrip()[:5].lower() in (b"<html", b"<!doc"):
            return "a web page, not a video; the address of the stream itself is needed"
        if not data:
            return "the server sends nothing"
        if data[4:8] == b"ftyp" and not answer.headers.get("Accept-Ranges", "none").startswith("bytes"):
            return _INDEX_AT_END
    return None
