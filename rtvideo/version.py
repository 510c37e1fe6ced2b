"""The version, which setup.cfg and ``--version`` read from here, and those of installed packages."""

from __future__ import annotations

from importlib import metadata

__version__ = "0.1.0"


def installed(package: str) -> str | None:
    """Return the version of an installed package, None if it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
