"""TensorRT plans in the user's cache: built once, checked before each use, rebuilt when they do not fit.

A plan contains code. So plans beside a model file, which anybody may have put there, are never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from rtvideo.engines.gpu.tensorrt import build
from rtvideo.engines.gpu.tensorrt.build import Profile
from rtvideo.engines.gpu.tensorrt.package import Package
from rtvideo.kernels import cache
from rtvideo.models.files import read_network

#: What a build is said to take, in seconds, before one has been timed here.
EXPECTED = {True: 5.0, False: 60.0}


def default_folder() -> Path:
    """Return the user's folder of plans."""
    return cache.default_cache().with_name("tensorrt")


@dataclass(frozen=True)
class Machine:
    """What a plan of TensorRT is tied to; plans for RTX fit all GPUs that it knows.

    Attributes:
        gpu: name of the device.
        capability: its compute capability.
    """

    gpu: str
    capability: tuple[int, int]


class Plans:
    """The plans of one package on one machine.

    Args:
        package: from `rtvideo.engines.gpu.tensorrt.package.load`.
        machine: that they are for; None for RTX where there is no GPU.
        folder: None for the user's.
    """

    def __init__(self, package: Package, machine: Machine | None, folder: Path | None = None) -> None:
        self._package, self._machine = package, machine
        self._folder = cache.writable(folder or default_folder())

    def plan(self, network: Path, profile: Profile) -> Path:
        """Return the file of a plan, built first if it is not there or damaged; a line says so.

        Raises:
            UnavailableError: as `rtvideo.engines.gpu.tensorrt.build.build`.
        """
        data = read_network(network)
        return cache.kept(
            self.name(data, profile), lambda work: self._build(network, data, profile, work), self._folder
        )

    def best(self, network: Path, width: int, height: int) -> Path:
        """Return a plan for frames of one size: its own, or the one for many sizes if only that is there."""
        data = read_network(network)
        own = Profile.static(width, height)
        ready = self._folder / self.name(data, build.DYNAMIC)
        if (
            build.DYNAMIC.takes(width, height)
            and not cache.intact(self._folder / self.name(data, own))
            and cache.intact(ready)
        ):
            return ready
        return self.plan(network, own)

    def put(self, network: Path, profile: Profile, plan: bytes) -> Path:
        """Keep a plan that another compiler made of a network, in the place of ours."""

        def write(work: Path) -> Path:
            (work / "plan").write_bytes(plan)
            return work / "plan"

        name = self.name(read_network(network), profile)
        self.forget(self._folder / name)
        return cache.kept(name, write, self._folder)

    def forget(self, plan: Path) -> None:
        """Remove a plan that the runtime does not take, so that the next call builds it."""
        with contextlib.suppress(OSError):
            plan.with_suffix(".sha256").unlink(missing_ok=True)
            plan.unlink(missing_ok=True)

    def name(self, network: bytes, profile: Profile) -> str:
        """Return the file name of a plan: all that decides whether it fits."""
        facts = [*self._surroundings(), hashlib.sha256(network).hexdigest(), repr(profile), build.FLAGS]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24] + ".plan"

    def _surroundings(self) -> list[str]:
        facts = [self._package.module.__name__, self._package.version, platform.system(), platform.machine()]
        if not self._package.rtx and self._machine:
            facts += [self._machine.gpu, str(self._machine.capability)]
        return facts

    def _build(self, network: Path, data: bytes, profile: Profile, work: Path) -> Path:
        beside = hashlib.sha256(json.dumps(self._surroundings()).encode()).hexdigest()[:24]
        timing, took = self._folder / f"{beside}.timing", self._folder / f"{beside}.seconds"
        logging.getLogger("rtvideo").warning(
            "building %s for %s with %s, about %.0f s; the plan is kept",
            network.name, profile, self._package, _seconds(took, EXPECTED[self._package.rtx]),
        )  # fmt: skip
        begin = time.monotonic()
        # One at a time: two that measure at once on one GPU would measure each other.
        with cache.locked(timing.with_suffix(".lock")):
            known = timing.read_bytes() if cache.intact(timing) else b""
            plan, measured = build.build(self._package, data, profile, known)
            if measured:
                _replace(timing, measured)
                _replace(timing.with_suffix(".sha256"), hashlib.sha256(measured).hexdigest().encode())
        _replace(took, f"{time.monotonic() - begin:.1f}".encode())
        made = work / "plan"
        made.write_bytes(plan)
        return made


def _seconds(path: Path, otherwise: float) -> float:
    try:
        return max(1.0, min(3600.0, float(path.read_text())))
    except (OSError, ValueError):
        return otherwise


def _replace(path: Path, content: bytes) -> None:
    """Write a file at one go; without one the next build measures again, so that failing is no harm."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        temporary.write_bytes(content)
        temporary.replace(path)
