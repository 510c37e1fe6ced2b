"""Files on their way: to nodes that do not see the driver's disk, and from and to ``s3://`` and its kind.

``fsspec`` knows such places; each kind needs a package of its own (``s3fs``, ``gcsfs``, ``aiohttp``).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from rtvideo.errors import InputError, OutputError, UnavailableError, UsageError
from rtvideo.files.finished import ATTRIBUTE
from rtvideo.media.durable import output_errors
from rtvideo.media.location import redact, scheme_of
from rtvideo.media.partial_file import PartialFile
from rtvideo.system import attribute, set_attribute

#: Schemes of live sources, which are no files.
_LIVE = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt", "rist", "mms", "mmsh")


@dataclass(frozen=True)
class Content:
    """A file as it travels.

    Attributes:
        data: its bytes; times: of its last access and change, in nanoseconds, by which jobs know it.
        job: what `rtvideo.files.finished` wrote to it.
    """

    data: bytes
    times: tuple[int, int]
    job: bytes = b""

    @classmethod
    def of(cls, path: Path) -> Content:
        """Read a file.

        Raises:
            InputError: it cannot be read.
        """
        try:
            status, job = path.stat(), b""
            with contextlib.suppress(OSError):
                job = attribute(path, ATTRIBUTE)
            return cls(path.read_bytes(), (status.st_atime_ns, status.st_mtime_ns), job)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None

    def write(self, path: Path) -> None:
        """Write it as it was."""
        path.write_bytes(self.data)
        if self.job:
            with contextlib.suppress(OSError):
                set_attribute(path, ATTRIBUTE, self.job)
        os.utime(path, ns=self.times)

    def publish(self, output: Path) -> None:
        """Write it under a temporary name, and give it its own when it is complete.

        Raises:
            OutputError: it cannot be written.
        """
        with output_errors(output), PartialFile(output, {}) as draft:
            self.write(draft.path)
            draft.publish()


def stored(content: Content) -> Any:
    """Return a reference to a file in the object store of the cluster."""
    return ray.put(content)


def all_see(paths: Sequence[Path], folder: Path) -> bool:
    """Whether all nodes see these files of this machine, and what is written to the folder."""

    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    token = folder / f".rtvideo-{secrets.token_hex(8)}"
    try:
        token.touch()
        wanted = [(str(path.absolute()), _print_of(path)) for path in (*paths, token)]
        asked = [
            ray.remote(_sees)
            .options(num_cpus=0, scheduling_strategy=On(node["NodeID"], soft=True))
            .remote(wanted)
            for node in ray.nodes()
            if node["Alive"]
        ]
        return all(ray.get(asked))
    except (OSError, ray.exceptions.RayError):
        return False
    finally:
        with contextlib.suppress(OSError):
            token.unlink()


def _sees(wanted: Sequence[tuple[str, tuple[int, int]]]) -> bool:
    try:
        return all(_print_of(Path(name)) == known for name, known in wanted)
    except OSError:
        return False


def _print_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def is_remote(text: str) -> bool:
    """Whether a text names a file, or files, at a place that fsspec knows."""
    scheme = scheme_of(text)
    if not scheme or scheme in _LIVE:
        return False
    with contextlib.suppress(ImportError):
        from fsspec import available_protocols

        return scheme in available_protocols()
    return True  # `_place` says what to install


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
    if any(mark in path for mark in "*?["):
        fixed = re.split(r"[*?[]", path)[0].rpartition("/")[0]
        for name in sorted(places.glob(path)):
            yield name, _below(name, fixed)
    # What is called like a file is asked for as one: a web server would send all of it as its list of files.
    elif path.lower().endswith(suffixes) and places.exists(path):
        yield path, path.rpartition("/")[2]
    else:
        for _, _, names in places.walk(path, detail=True):
            for name, facts in sorted(names.items()):
                if name.lower().endswith(suffixes):
                    yield facts["name"], _below(facts["name"], path)


def _below(name: str, folder: str) -> str:
    return name.removeprefix(folder.rstrip("/")).lstrip("/")


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
        if scheme_of(url) in ("s3", "s3a", "gs", "gcs", "abfs", "az"):  # which show no half of a file
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
    except FileNotFoundError:
        raise kind(f"{redact(url)}: no such file") from None
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise kind(f"{redact(url)}: {text}") from None
