"""A file that is synced to the disk while it grows, and errors of writing as one line."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtvideo.errors import OutputError
from rtvideo.system import PLAIN, sync

#: Seconds between two syncs: so much may be lost in a power failure, besides what is not written yet.
INTERVAL = 1.0


class DurableFile:
    """A new file for `av.open` to write: unbuffered, synced about once a second.

    If the file is deleted, or the disk refuses data that the system had accepted, the next write fails.

    Attributes:
        closed: PyAV writes no trailer into a closed file. Closing the file first abandons its container.
    """

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            OSError: it exists already, or cannot be created.
        """
        self.closed = False
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o666)
        self._failed: OSError | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_synced, name="rtvideo_sync", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        if self._failed is not None:
            raise self._failed
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, as `io.IOBase.seek` does."""
        return os.lseek(self._fd, offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return os.lseek(self._fd, 0, os.SEEK_CUR)

    def finish(self) -> None:
        """Sync, then close.

        Raises:
            OSError: some of it is not on the disk.
        """
        try:
            if self._failed is not None:
                raise self._failed
            self._sync()
        finally:
            self.close()

    def close(self) -> None:
        """Close the file as it is; closing twice is fine."""
        if self.closed:
            return
        self.closed = True
        self._end.set()
        self._thread.join()
        os.close(self._fd)

    def _keep_synced(self) -> None:
        while not self._end.wait(INTERVAL):
            try:
                self._sync()
            except OSError as error:
                self._failed = error
                return

    def _sync(self) -> None:
        sync(self._fd)
        if os.fstat(self._fd).st_nlink == 0:
            raise OSError(errno.ENOENT, "it was deleted while it was being written")


def sync_folder(folder: Path) -> None:
    """Make changed names in a folder survive a power failure, where the file system can."""
    try:
        fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | PLAIN)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(fd)
    except OSError:
        pass  # some network file systems cannot
    finally:
        os.close(fd)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn system errors while ``path`` is written into one line that names the free space."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}{_free_space(path)}"
        ) from error


def _free_space(path: Path) -> str:
    with contextlib.suppress(OSError):
        return f" ({shutil.disk_usage(path.absolute().parent).free / 1e6:.0f} MB free there)"
    return ""
