"""Files at URLs such as ``s3://bucket/night.mp4``: found, fetched and delivered.

``fsspec`` knows such places; each kind needs a package of its own (``s3fs``, ``gcsfs``, ``aiohttp``).
"""

from __future__ import annotations

import contextlib
import re
import secrets
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rtvideo.errors import InputError, OutputError, UnavailableError, UsageError
from rtvideo.media.location import redact, scheme_of

#: Schemes of live sources, which are no files.
_LIVE = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt", "rist", "mms", "mmsh")

#: Schemes of web servers: what follows a ``?`` is no part of a name there, and they take no files.
_WEB = ("http", "https")

#: What a web server answers where there is no such file.
_NOT_FOUND = 404

#: Schemes of stores that show no half of a file.
_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "az")


def is_remote(text: str) -> bool:
    """Whether a text names a file, or files, at a place that fsspec knows."""
    scheme = scheme_of(text)
    if not scheme or scheme in _LIVE:
        return False
    with contextlib.suppress(ImportError):
        from fsspec import available_protocols

        return scheme in available_protocols()
    return True  # `_place` says what to install


def check_takes_files(url: str) -> None:
    """Refuse an output where no file can be delivered.

    Raises:
        UsageError: it is at a web server.
    """
    if scheme_of(url) in _WEB:
        raise UsageError(
            f"--out {redact(url)}: web servers take no files; allowed: names of this machine, "
            "and URLs of stores, such as s3://"
        )


def listed(url: str, suffixes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the files of a URL: itself, those of a pattern, or below a folder; and how each lies there.

    Args:
        suffixes: of files that are wanted of a folder.

    Raises:
        InputError, UnavailableError: it cannot be asked, or nothing is there.
    """
    with _errors(url, InputError):
        places, path = _place(url)
        found = False
        for name, below in _listed(places, path, tuple(suffixes)):
            found = True
            yield places.unstrip_protocol(name), below
        if not found:
            raise InputError(f"{redact(url)}: no {'files there' if places.isdir(path) else 'such file'}")


def _listed(places: Any, path: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    name = _without_query(path)
    if any(mark in name for mark in "*?["):
        fixed = re.split(r"[*?[]", path)[0].rpartition("/")[0]
        matching = sorted(places.glob(path))
        if not matching:
            _is_there(places, f"{fixed}/")
        for found in matching:
            yield found, _below(found, fixed)
    # What is called like a file is asked for as one: a web server would send all of it as its list of files.
    elif name.lower().endswith(suffixes) and _is_there(places, path):
        yield path, _below(path, name.rpartition("/")[0])
    else:
        for _, _, names in places.walk(path, detail=True, on_error="raise"):
            for found, facts in sorted(names.items()):
                if _without_query(found).lower().endswith(suffixes):
                    yield facts["name"], _below(facts["name"], path)


def _is_there(places: Any, path: str) -> bool:
    if scheme_of(path) not in _WEB:
        return bool(places.exists(path))
    places.info(path)  # by `exists`, a server that does not answer would have no such file
    return True


def _below(path: str, folder: str) -> str:
    """Return how a file lies in a folder, under a name of this machine."""
    parts = _without_query(path).removeprefix(folder.rstrip("/")).strip("/").split("/")
    if scheme_of(path) in _WEB:
        parts = [_unquoted(part) for part in parts]
    # No name at a URL leads out of the folder of the output.
    return "/".join(part.replace(".", "%2E") if part in (".", "..") else part for part in parts)


def _unquoted(part: str) -> str:
    text = unquote(part)
    return part if set(text) & set("/\0") else text


def _without_query(path: str) -> str:
    return path.partition("?")[0] if scheme_of(path) in _WEB else path


def exists(url: str) -> bool:
    """Whether there is such a file."""
    with _errors(url, OutputError):
        places, path = _place(url)
        return bool(places.exists(path))


def fetch(url: str, path: Path) -> None:
    """Copy a file from a URL.

    Raises:
        InputError, UnavailableError: it cannot be read.
    """
    with _errors(url, InputError):
        places, name = _place(url)
        places.get_file(name, str(path))


def deliver(path: Path, url: str) -> None:
    """Copy a file to a URL, where it is whole or not at all.

    Raises:
        OutputError, UnavailableError: it cannot be written.
    """
    with _errors(url, OutputError):
        places, name = _place(url)
        places.makedirs(name.rpartition("/")[0], exist_ok=True)
        if scheme_of(url) in _STORES:
            places.put_file(str(path), name)
            return
        folder, _, last = name.rpartition("/")
        draft = f"{folder}/.{secrets.token_hex(4)}.partial-{last}"
        places.put_file(str(path), draft)
        places.mv(draft, name)


def _place(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UnavailableError(f"{redact(url)}: needs fsspec: pip install 'rtvideo[ray]'") from None
    places, path = url_to_fs(url, use_listings_cache=False)  # a list of a whole archive is not kept
    return places, str(path)


@contextlib.contextmanager
def _errors(url: str, kind: type[InputError] | type[OutputError]) -> Iterator[None]:
    """Turn what places raise into one line: they raise what they like."""
    try:
        yield
    except (InputError, OutputError, UnavailableError, UsageError):
        raise
    except ImportError as error:
        raise UnavailableError(f"{redact(url)}: {' '.join(str(error).split())}") from None
    except Exception as error:
        raise kind(f"{redact(url)}: {_reason(url, error)}") from None


def _reason(url: str, error: BaseException) -> str:
    """Return in one line why a file cannot be had."""
    while scheme_of(url) in _WEB and error.__cause__ is not None:
        error = error.__cause__  # all that a web server does not give is not found, to fsspec
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError) or status == _NOT_FOUND:
        return "no such file"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the server is not trusted ({error.verify_message}); "
            "SSL_CERT_FILE names a file of certificates that are"
        )
    if status is not None:
        return f"the server answers {status} {getattr(error, 'message', '')}".rstrip()
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
