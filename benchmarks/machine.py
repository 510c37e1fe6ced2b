"""The machine that figures were measured on: what a table must say to be read."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

from rtvideo.cli.doctor import processor
from rtvideo.cpus import usable_cpus
from rtvideo.kernels.cpu import isa
from rtvideo.version import __version__

_PACKAGES = ("av", "numpy", "onnxruntime", "openvino", "opencv-python", "torch", "ziglang")


def facts() -> dict[str, Any]:
    """Return what decides speed, ready for JSON."""
    return {
        "cpu": processor(),
        "instructions": [one.name for one in isa.usable()],
        "cpus": usable_cpus(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "versions": {"rtvideo": __version__, "python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
