"""What differs between operating systems, in one place: Windows has no `fcntl`, macOS no `os.fdatasync`.

Whatever is missing is asked for by name, so that a test can take it away.
"""

from __future__ import annotations

import errno
import importlib
import os
import time
from pathlib import Path


def _has(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


#: For `os.open`: bytes pass as they are, and programs that are started do not get the file.
PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)

#: For `os.open`: a link in the place of the file is not followed.
NO_LINK = getattr(os, "O_NOFOLLOW", 0)

#: Whether a file can be renamed and deleted while it is open; and whether `select` knows pipes.
POSIX = _has("fcntl")

#: Where Windows locks: others cannot read what is locked, so that lies beyond the end of any record.
_FAR = 1 << 30

#: Seconds between two tries to get a lock, on Windows.
_AGAIN = 0.05


def lock(descriptor: int, *, wait: bool) -> None:
    """Lock an open file until it is closed, which the system does when the process ends, however it does.

    Raises:
        BlockingIOError: another has locked it, and `wait` is false.
        OSError: a file system without locks.
    """
    if POSIX:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return
    while not _lock_byte(descriptor):
        if not wait:
            raise BlockingIOError(errno.EAGAIN, "another process has locked it")
        time.sleep(_AGAIN)


def _lock_byte(descriptor: int) -> bool:
    """Lock as Windows does; return whether no other has."""
    import msvcrt

    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _FAR, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except PermissionError:
        return False
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)
    return True


def write_over(descriptor: int, data: bytes) -> None:
    """Replace all that an open file holds."""
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def set_attribute(path: Path, name: str, value: bytes) -> None:
    """Write an extended attribute of a file.

    Raises:
        OSError: the system or the file system has none.
    """
    if not hasattr(os, "setxattr"):
        raise OSError(errno.ENOTSUP, "no extended attributes on this system", str(path))
    os.setxattr(path, name, value)


def attribute(path: Path, name: str) -> bytes:
    """Return an extended attribute of a file.

    Raises:
        OSError: there is none (ENODATA), or as `set_attribute`.
    """
    if not hasattr(os, "getxattr"):
        raise OSError(errno.ENOTSUP, "no extended attributes on this system", str(path))
    return os.getxattr(path, name)
