"""Operating systems that kernels are built for."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """One system: any can be the target of zig, whatever it runs on.

    Attributes:
        name: as `sys.platform` says it.
        suffix: of a library.
        target: what zig calls it, after the machine. A number is the oldest version that a library runs on.
    """

    name: str
    suffix: str
    target: str


LINUX = System("linux", ".so", "linux-gnu.2.17")
WINDOWS = System("win32", ".dll", "windows-gnu")
MACOS = System("darwin", ".dylib", "macos.13.0")

SYSTEMS = (LINUX, WINDOWS, MACOS)


def this_system() -> System:
    """Return the system of this machine; another Unix is taken for Linux."""
    return next((system for system in SYSTEMS if system.name == sys.platform), LINUX)
