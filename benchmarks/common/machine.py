"""The machine that figures were measured on: what a table must say to be read."""

from __future__ import annotations

import os
import platform
from typing import Any

from rtvideo.cli.doctor import processor
from rtvideo.cpus import usable_cpus
from rtvideo.kernels.cpu import isa
from rtvideo.version import __version__, installed

_PACKAGES = ("av", "numpy", "onnxruntime", "openvino", "opencv-python", "torch", "ziglang")


def facts() -> dict[str, Any]:
    """Return what decides speed, ready for JSON."""
    versions = {name: installed(name) for name in _PACKAGES}
    return {
        "cpu": processor(),
        "instructions": [one.name for one in isa.usable()],
        "cpus": usable_cpus(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "versions": {
            "rtvideo": __version__,
            "python": platform.python_version(),
            **{name: version for name, version in versions.items() if version},
        },
    }
