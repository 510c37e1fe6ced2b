"""The version of rtvideo, which setup.cfg reads from here, and those of the packages that it uses."""

from __future__ import annotations

__version__ = "0.1.0"


def install(extra: str) -> str:
    """Return the command that installs what an extra of setup.cfg names."""
    return f"pip install 'rtvideo[{extra}]' (in a checkout: pip install '.[{extra}]')"


def installed(package: str) -> str | None:
    """Return the version of an installed package, None if it is missing."""
    from importlib import metadata  # takes a while

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
