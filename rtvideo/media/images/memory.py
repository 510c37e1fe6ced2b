"""How large an image may be: as large as the free memory allows."""

from __future__ import annotations

import contextlib
from pathlib import Path

from rtvideo.errors import InputError

#: Bytes that a pixel takes while an image is read, enhanced and written, by bytes a sample (measured).
_BYTES = {1: 16, 2: 40}


def check_room(path: Path, width: int, height: int, itemsize: int = 1, frames: int = 1) -> None:
    """Refuse an image that does not fit.

    Args:
        itemsize: bytes a sample.
        frames: pictures that are held at a time.

    Raises:
        InputError: it needs more memory than is free.
    """
    needed, free = width * height * frames * _BYTES[itemsize], free_memory()
    if needed > free:
        size = f"{width * height * frames / 1e6:.0f} megapixels"
        raise InputError(
            f"{path}: {size} need about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free; "
            "make it smaller, or cut it into pieces"
        )


def free_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes that this process may still use, by the machine and by its cgroup (v2, then v1)."""
    free = 1 << 62
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = (proc / "meminfo").read_text()
        free = 1024 * int(text.split("MemAvailable:")[1].split()[0])
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            free = min(free, int((cgroup / most).read_text()) - int((cgroup / used).read_text()))
    return max(0, free)
