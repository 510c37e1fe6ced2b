"""Open an engine: the one that the user names, or the fastest that works."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator

from rtvideo.cpus import usable_cpus
from rtvideo.engines.registry import ENGINES, Engine, check_names, device_index, kind_of
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.models import Model


def open_session(
    model: Model,
    geometry: Geometry,
    settings: Settings,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int = 0,
) -> Session:
    """Open a session of the engine that the user names, or of the fastest that works.

    Args:
        model: what `rtvideo.models.find` returned.
        geometry: of all frames to come.
        settings: kept by reference as ``session.settings``: changes count from the next frame on.
        engine, device: a name, or ``auto``.
        threads: 0 takes what this process may use.

    Raises:
        UsageError: an unknown engine or device, or settings that the model does not have.
        UnavailableError: the named engine or device cannot work here, or no engine can.
    """
    check_names(engine, device)
    if threads < 0:
        raise UsageError(f"threads {threads} must be 0 (all that may be used) or more")
    threads = threads or usable_cpus()
    if engine != "auto":
        row = next(row for row in ENGINES if row.name == engine)
        place = next(iter(row.sessions)) if device == "auto" else device
        if kind_of(place) not in row.sessions:
            raise UnavailableError(f"engine {engine} does not run on device {device!r}")
        return row.open(model, geometry, settings, place, threads)
    if kind_of(device) == "cuda":
        return _fastest_on_gpu(model, geometry, settings, device)
    if device == "auto" and (session := _on_gpu_if_it_works(model, geometry, settings)):
        return session
    return _first_on_cpu(model, geometry, settings, threads)


def _candidates(kind: str, model: Model, geometry: Geometry) -> Iterator[Engine]:
    """Yield the engines that ``auto`` may choose on a kind of device."""
    for engine in ENGINES:
        if (
            engine.auto
            and kind in engine.sessions
            and engine.session_type(kind).unsupported_reason(model, geometry) is None
        ):
            yield engine


def _first_on_cpu(model: Model, geometry: Geometry, settings: Settings, threads: int) -> Session:
    rows = list(_candidates("cpu", model, geometry))
    for row, following in itertools.pairwise(rows):
        try:
            return row.open(model, geometry, settings, "cpu", threads)
        except UnavailableError as error:
            logging.getLogger("rtvideo").warning("%s; going on with engine %s", error, following.name)
    # Where no engine can run the model, the last one says why.
    last = rows[-1] if rows else [row for row in ENGINES if row.auto and "cpu" in row.sessions][-1]
    return last.open(model, geometry, settings, "cpu", threads)


def _fastest_on_gpu(model: Model, geometry: Geometry, settings: Settings, device: str) -> Session:
    from rtvideo.engines.gpu import autotune
    from rtvideo.kernels.cuda.driver import CudaDevice

    opened = CudaDevice(device_index(device))
    rows = list(_candidates("cuda", model, geometry))
    if not rows:
        first = next(row for row in ENGINES if row.auto and "cuda" in row.sessions)
        reason = first.session_type("cuda").unsupported_reason(model, geometry)
        raise UnavailableError(f"engine {first.name}: {reason}")
    return autotune.open_fastest(
        {row.name: _opener(row, model, geometry, settings, device) for row in rows},
        opened.name,
        autotune.key_of(
            model, settings, opened, ["rtvideo", *(name for row in rows for name in row.packages)]
        ),
        lambda session: autotune.frames_a_second(session, geometry),
    )


def _opener(
    engine: Engine, model: Model, geometry: Geometry, settings: Settings, device: str
) -> Callable[[], Session]:
    def open_it() -> Session:
        if engine.self_check:
            from rtvideo.engines.gpu import self_check

            def reopened(small: Geometry, asked: Settings) -> Session:
                return engine.open(model, small, asked, device, 1)

            self_check.check(reopened, model, geometry, settings.denoise)
        return engine.open(model, geometry, settings, device, 1)

    return open_it


def _on_gpu_if_it_works(model: Model, geometry: Geometry, settings: Settings) -> Session | None:
    """Return a session on the first GPU; None without a GPU, or, with a warning, if it cannot be used."""
    from rtvideo.kernels.cuda import driver

    if not driver.installed() or not any(_candidates("cuda", model, geometry)):
        return None
    try:
        return _fastest_on_gpu(model, geometry, settings, "cuda:0")
    except UnavailableError as error:
        logging.getLogger("rtvideo").warning("%s; going on without a GPU", error)
        return None
