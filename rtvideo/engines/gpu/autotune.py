"""Find the fastest engine on a CUDA device: measured once for each machine and model, then remembered."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.kernels import cache
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.models import Model
from rtvideo.version import installed

Opener = Callable[[], Session]

#: Seconds that an engine is measured for, and the frames before, in which it may still set things up.
SECONDS, WARM = 0.5, 5


def open_fastest(
    openers: Mapping[str, Opener],
    device: str,
    key: str,
    measure: Callable[[Session], float],
    folder: Path | None = None,
) -> Session:
    """Open the fastest of some engines.

    Args:
        openers: name -> what opens it; measured where there is more than one and nothing is remembered.
        device: for the line that says what was chosen.
        key: all that decides which is fastest.
        measure: returns frames a second of a session.
        folder: of what is remembered; None for the user's.

    Raises:
        UnavailableError: none works; the reason is the first one's.
    """
    if len(openers) == 1:
        return next(iter(openers.values()))()
    path = cache.writable(folder or cache.default_cache().with_name("engines")) / f"{key}.json"
    log = logging.getLogger("rtvideo")
    if (known := _remembered(path)) and known.keys() <= openers.keys():
        for name in sorted(known, key=known.__getitem__, reverse=True):
            try:
                session = openers[name]()
            except UnavailableError as error:
                log.warning("%s; trying the next engine", error)
                continue
            log.info("engine %s: the fastest on %s when measured (%s)", name, device, _figures(known))
            return session
    log.warning("finding the fastest engine on %s, once: %s", device, ", ".join(openers))
    return _contest(openers, device, path, measure)


def frames_a_second(session: Session, geometry: Geometry) -> float:
    """Return how many frames of a geometry a session does in a second, copies included."""
    rng = np.random.default_rng(0)
    frame, out = geometry.empty(), geometry.empty()
    for plane in frame:
        plane[...] = rng.integers(16, 64, plane.shape) << (geometry.depth - 8)
    count, begin = -WARM, time.perf_counter()
    while count <= 0 or time.perf_counter() - begin < SECONDS:
        if count == 0:
            begin = time.perf_counter()
        session.submit(frame, out)
        session.receive()
        count += 1
    session.flush()
    while session.receive() is not None:
        pass
    return count / (time.perf_counter() - begin)


def key_of(model: Model, settings: Settings, device: CudaDevice, packages: Iterable[str]) -> str:
    """Return a key of all that decides which engine is fastest: device, driver, model and versions."""
    facts: list[object] = [device.name, device.capability, device.driver, settings.denoise > 0]
    facts += [[name, installed(name)] for name in packages]
    files = [*sorted(model.networks.values()), *([model.weights] if model.weights else [])]
    facts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _contest(
    openers: Mapping[str, Opener], device: str, path: Path, measure: Callable[[Session], float]
) -> Session:
    log = logging.getLogger("rtvideo")
    figures: dict[str, float] = {}
    reasons: list[UnavailableError] = []
    best: tuple[str, Session] | None = None
    for name, opener in openers.items():
        try:
            session = opener()
        except UnavailableError as error:
            log.info("engine %s: %s", name, error)
            reasons.append(error)
            continue
        try:
            figures[name] = measure(session)
        except UnavailableError as error:
            log.warning("%s; engine %s is left out", error, name)
            reasons.append(error)
            session.close()
            continue
        if best is None or figures[name] > figures[best[0]]:
            if best is not None:
                best[1].close()
            best = name, session
        else:
            session.close()
    if best is None:
        raise reasons[0]
    log.warning("engine %s chosen on %s: %s", best[0], device, _figures(figures))
    with contextlib.suppress(OSError):
        path.write_text(json.dumps(figures))
    return best[1]


def _figures(figures: Mapping[str, float]) -> str:
    ordered = sorted(figures.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {fps:.0f}" for name, fps in ordered) + " frames/s"


def _remembered(path: Path) -> dict[str, float]:
    """Return engine -> frames a second; empty if the file is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(fps) for name, fps in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
