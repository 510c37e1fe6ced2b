"""What ``auto`` stands for in ``--denoise``, ``--temporal`` and ``--deband``, once the engine is known."""

from __future__ import annotations

from collections.abc import Callable

from rtvideo.cpus import usable_cpus
from rtvideo.engines.cost import REAL_TIME_SHARE, seconds_per_frame
from rtvideo.engines.noise_level import Pixels, denoise_for
from rtvideo.engines.opening import open_session
from rtvideo.engines.registry import cost_of
from rtvideo.engines.session import EstimatesItself, Session, Settings, check_settings
from rtvideo.errors import UsageError
from rtvideo.frame import Geometry
from rtvideo.models import Model, find
from rtvideo.options import Options

#: Bits of a sample up to which codes are so coarse that they show near black.
MOST_DEPTH = 10

#: Opens a session for frames of a geometry, of which so many come each second (None: nobody waits).
SessionFactory = Callable[[Geometry, float | None], Session]


def open_for(options: Options, geometry: Geometry, fps: float | None, *, lossless: bool = False) -> Session:
    """Open the engine and model that the options name, with a number in place of each ``auto``.

    Args:
        fps: frames a second that must be met; None where nobody waits.
        lossless: see `deband_of`.

    Raises:
        UsageError, UnavailableError: see `rtvideo.models.find`, `rtvideo.engines.opening.open_session`.
    """
    model = find(options.model)
    denoise = float(fps is None and model.has_denoise) if options.denoise is None else options.denoise
    asked = Settings(
        options.strength, denoise, options.temporal or 0.0, options.deband or 0.0, options.brightness
    )
    session = open_session(
        model,
        geometry,
        asked,
        engine=options.engine,
        device=options.device,
        threads=options.threads,
    )
    try:
        session.settings = resolve_settings(options, model, geometry, session, fps, lossless=lossless)
    except UsageError:
        session.close()
        raise
    return session


def resolve_settings(
    options: Options,
    model: Model,
    geometry: Geometry,
    session: Session,
    fps: float | None,
    *,
    lossless: bool = False,
) -> Settings:
    """Return the settings that the options ask for, with a number in place of each ``auto``.

    Args:
        options: what the user asked for.
        model, geometry, session: what was opened; the session is not changed.
        fps: frames a second that must be met; None where nobody waits.
        lossless: see `deband_of`.

    Raises:
        UsageError: noise removal is asked of a model that has none, or temporal smoothing of an engine that
            looks at each frame alone.
    """
    settings = Settings(options.strength, brightness=options.brightness, flicker=options.flicker == "auto")
    settings.temporal = float(session.remembers) if options.temporal is None else options.temporal
    settings.deband = deband_of(options, geometry, session, lossless=lossless)
    if options.denoise is not None:
        settings.denoise = options.denoise
    elif _denoise_keeps_up(model, geometry, session, fps, options.threads, settings):
        settings.denoise, settings.adapts, settings.lossless = 1.0, True, lossless
    check_settings(settings, model, remembers=session.remembers, debands=session.debands)
    return settings


def deband_of(options: Options, geometry: Geometry, session: Session, *, lossless: bool = False) -> float:
    """Return how much of the bands near black is smoothed.

    Args:
        lossless: the frames are as they were recorded, so that there is nothing to mend.
    """
    if options.deband is not None:
        return options.deband
    return float(session.debands and not lossless and geometry.depth <= MOST_DEPTH)


def denoise_of(
    options: Options, model: Model, pixels: Pixels | None = None, *, lossless: bool = False
) -> float:
    """Return how much noise is removed where nobody waits.

    Args:
        pixels, lossless: of a picture that stands alone, see `rtvideo.engines.noise_level.denoise_for`; None:
            it is to look like those around it.
    """
    if options.denoise is not None:
        return options.denoise
    if pixels is None or not model.has_denoise:
        return float(model.has_denoise)
    return denoise_for(pixels, lossless=lossless)


def _denoise_keeps_up(
    model: Model, geometry: Geometry, session: Session, fps: float | None, threads: int, settings: Settings
) -> bool:
    """Return whether noise removal runs in real time beside the settings, by figures that never change."""
    if model.description is None or not model.has_denoise:
        return False
    if fps is None:
        return True
    if isinstance(session, EstimatesItself):
        seconds = session.seconds_per_frame()
    else:
        cost, threads = cost_of(session.name), threads or usable_cpus()
        temporal, deband = settings.temporal > 0, settings.deband > 0
        seconds = seconds_per_frame(
            cost, model.description, geometry, threads, temporal=temporal, deband=deband
        )
    return seconds <= REAL_TIME_SHARE / fps
