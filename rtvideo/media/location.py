"""What the text of ``--input`` or ``--out`` names: a file, a camera, a network address or a pipe."""

from __future__ import annotations

import contextlib
import os
import re
from enum import Enum
from itertools import islice
from pathlib import Path

from rtvideo.errors import InputError
from rtvideo.values import did_you_mean

_DEVICE = re.compile(r"/dev/video\d+|/dev/v4l/.+")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://.*", re.IGNORECASE | re.DOTALL)

#: A host alone, without user or password, and what may follow it.
_PLAIN_HOST = re.compile(r"[^/?#@:]*([/?#]|$)")


#: The ending of a file that describes a stream: where RTP comes to, and what it holds.
_DESCRIPTION = ".sdp"

#: Characters of the longest address in a file.
_LONGEST = 4096

#: Files of a folder that are compared with a name that is missing.
_NAMES = 5000


class LocationKind(Enum):
    """The kinds of inputs and outputs."""

    FILE = "file"
    CAMERA = "camera"
    STREAM = "stream"
    PIPE = "pipe"


def kind_of(text: str) -> LocationKind:
    """Return what ``text`` names. If a file of that name exists, it is a file.

    Args:
        text: a path, ``/dev/videoN``, a camera's number, ``cam``, a URL, or ``-`` for stdin or stdout.
    """
    if text == "-":
        return LocationKind.PIPE
    if _DEVICE.fullmatch(text):
        return LocationKind.CAMERA
    if scheme_of(text) or text.lower().endswith(_DESCRIPTION):
        return LocationKind.STREAM
    with contextlib.suppress(OSError):  # a name that cannot be asked is a file's: opening it tells why
        if Path(text).is_fifo():
            return LocationKind.PIPE
    if (text == "cam" or (text.isascii() and text.isdigit())) and not os.path.exists(text):
        return LocationKind.CAMERA
    return LocationKind.FILE


def scheme_of(text: str) -> str:
    """Return ``rtsp`` for ``RTSP://host/``, and an empty string for what is not a URL."""
    found = _URL.fullmatch(text)
    return found["scheme"].lower() if found else ""


def expand(text: str) -> str:
    """Return the address in a file that ``@FILE`` names, other text as it is.

    Everybody on the machine can read command lines, and with them the password of a camera. The file holds
    one URL; if it holds anything else, the text is a file name that begins with ``@``.
    """
    if text.startswith("@"):
        with contextlib.suppress(OSError, UnicodeDecodeError), open(text[1:], encoding="utf-8") as file:
            address = file.read(_LONGEST).strip()
            if scheme_of(address) and "\n" not in address:
                return address
    return text


def missing(path: Path) -> InputError:
    """Return the error of a file that is not there; the message names one with nearly the same name."""
    near = ""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        near = did_you_mean(path.name, [entry.name for entry in islice(entries, _NAMES)])
    return InputError(f"{path}: no such file{near}")


def redact(address: str) -> str:
    """Return a URL without its secrets; other text stays as it is.

    User and password, the values of the query, and the stream key of RTMP (what follows the application)
    become ``***``, and so does the host if an unescaped ``/``, ``?`` or ``#`` may be part of the password.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    if "@" in rest and not _PLAIN_HOST.match(rest):
        secret, _, rest = rest.rpartition("@")
        if set(secret) & set("/?#"):
            return f"{scheme}{mark}***"
        rest = f"***@{rest}"
    rest, _, _ = rest.partition("#")
    rest, asks, query = rest.partition("?")
    if scheme.lower().startswith("rtmp"):
        host, *path = rest.split("/", 2)
        rest = "/".join([host, *path[:1], *("***" for _ in path[1:])])
    shown = "&".join(_named(part) for part in query.split("&"))
    return f"{scheme}{mark}{rest}{asks}{shown}"


def _named(part: str) -> str:
    name, given, _ = part.partition("=")
    return f"{name}=***" if given else "***" if name else ""
