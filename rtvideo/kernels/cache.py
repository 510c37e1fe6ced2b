"""Built kernels in a folder that is safe to share and to lose.

Each lies beside a file with its SHA-256, which is checked before it is used; whatever does not fit is built
again. Two processes that want the same one wait for each other. A folder that cannot be written to, or that
another user could write to, is replaced by a private temporary one: what lies there is run.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rtvideo import system
from rtvideo.errors import UnavailableError

_KERNELS = Path(__file__).parent


def headers(folder: Path) -> dict[str, bytes]:
    """Return what a back end's sources may include, by name: its own headers, and common/*.h."""
    own = {path.name: path for path in folder.iterdir()}
    shared = {f"common/{path.name}": path for path in (_KERNELS / "common").glob("*.h")}
    return {name: path.read_bytes() for name, path in sorted((own | shared).items())}


def content_hash(source: str, included: Mapping[str, bytes], flags: Sequence[str]) -> str:
    """Return what names a kernel: all that decides its code but machine and compiler."""
    digest = hashlib.sha256(source.encode())
    for name, content in included.items():
        digest.update(name.encode() + b"\0" + content)
    digest.update("\0".join(flags).encode())
    return digest.hexdigest()[:24]


def default_cache() -> Path:
    """Return the user's cache folder for kernels; a temporary one for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")  # the latter on Windows
    try:
        return (Path(base) if base else Path.home() / ".cache") / "rtvideo" / "kernels"
    except RuntimeError:  # neither HOME nor an entry in the password file
        return _temporary()


def kept(name: str, build: Callable[[Path], Path], folder: Path | None = None) -> Path:
    """Return the file of this name, built first if it is not there or damaged.

    Args:
        name: says all that decides the content.
        build: makes the file in the folder that it is given and returns where.
        folder: of the cache; None for the user's.
    """
    folder = writable(folder or default_cache())
    target = folder / name
    with locked(folder / f"{name}.lock"):
        if not intact(target):
            with tempfile.TemporaryDirectory(dir=folder) as work:
                made = build(Path(work))
                digest = hashlib.sha256(made.read_bytes()).hexdigest()
                (total := Path(work) / "sum").write_text(digest + "\n")
                # The file first: a crash in between leaves a pair that does not fit and is built again.
                made.replace(target)
                total.replace(target.with_suffix(".sha256"))
    return target


def intact(path: Path) -> bool:
    """Return whether a file is what its SHA-256 beside it says."""
    try:
        wanted = path.with_suffix(".sha256").read_text().strip()
        return hashlib.sha256(path.read_bytes()).hexdigest() == wanted
    except (OSError, UnicodeDecodeError):
        return False


def writable(folder: Path) -> Path:
    """Return the folder, made if need be, or a temporary one where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if stranger := _stranger(folder):
            logging.getLogger("rtvideo").warning(
                "%s: other users can write there, so kernels in it are not used; run: chmod go-w %s, or set "
                "XDG_CACHE_HOME to a folder of your own",
                *(stranger, stranger),
            )
            return _temporary()
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return _temporary()


def _stranger(folder: Path) -> Path | None:
    """Return the folder, or one above it, where another user could plant a file; None if there is none."""
    if not hasattr(os, "geteuid"):  # Windows: the user's folders are the user's
        return None
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        status = place.stat()
        sticky = place != folder and status.st_mode & stat.S_ISVTX  # as /tmp: only owners rename and delete
        shared = status.st_mode & stat.S_IWOTH or (
            status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid())
        )
        if status.st_uid not in (0, os.geteuid()) or (shared and not sticky):
            return place
    return None


_temporary_folder: list[Path] = []


def _temporary() -> Path:
    """Return a private folder that lives as long as the process.

    Raises:
        UnavailableError: nothing can be written anywhere.
    """
    if not _temporary_folder:
        try:
            folder = Path(tempfile.mkdtemp(prefix="rtvideo-kernels-"))
        except OSError as error:
            raise UnavailableError(
                "kernels for this processor must be built, and no folder can be written to; set TMPDIR or "
                f"XDG_CACHE_HOME to one ({error.strerror or 'no temporary folder'})"
            ) from None
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _temporary_folder.append(folder)
    return _temporary_folder[0]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that other processes wait for."""
    # A link in the place of the lock is not followed: its target would be opened for writing.
    file = os.open(path, os.O_RDWR | os.O_CREAT | system.NO_LINK | system.PLAIN, 0o600)
    try:
        system.lock(file, wait=True)  # released when the process ends, however it does
        yield
    finally:
        os.close(file)
