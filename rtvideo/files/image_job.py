"""One image file to another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtvideo.engines.session import Settings
from rtvideo.engines.session_cache import SessionCache
from rtvideo.errors import UsageError
from rtvideo.files.finished import mark
from rtvideo.files.resume import job_of
from rtvideo.media import images
from rtvideo.media.images import linear_light
from rtvideo.media.images.animation import Animation, Frame
from rtvideo.media.images.picture import Picture, Pixels
from rtvideo.media.partial_file import keep_date
from rtvideo.models import find
from rtvideo.options import Options, Report, flags_of


def sessions_for(options: Options) -> SessionCache:
    """Return the sessions that `enhance_image` takes; images of one size share one."""
    model = find(options.model)
    denoise = float(model.has_denoise) if options.denoise is None else options.denoise
    return SessionCache(
        model,
        Settings(options.strength, denoise),
        engine=options.engine,
        device=options.device,
        threads=options.threads,
    )


def enhance_image(
    input: Path,
    output: Path,
    options: Options,
    sessions: SessionCache,
    on_warning: Callable[[str], None] = lambda line: None,
) -> Report:
    """Enhance an image or an animation; alpha, metadata, colour profile, bit depth and times are kept.

    Args:
        sessions: of `sessions_for`.
        on_warning: called with each warning before work starts; all of them are in the report too.

    Raises:
        UsageError, InputError, OutputError, UnavailableError: see `rtvideo.errors`.
    """
    _refuse_video_options(input, options)
    images.check_target(input, output, overwrite=options.overwrite)
    times = [time.perf_counter()]
    dark = images.read(input)
    moving = dark.animation if images.holds_animation(output) else None
    if options.temporal and moving is None:
        raise UsageError(f"{input}: is an image; temporal is for videos, or off")
    notes = dark.warnings + images.losses(dark, output)
    for note in notes:
        on_warning(note)
    times.append(time.perf_counter())
    session = sessions.session(dark.geometry)
    temporal = 0.0
    if moving is None:
        lit = _compared(dark, _lit(dark, sessions), options.compare)
    else:
        temporal = _over_time(dark, sessions, options)
        lit = replace(dark, animation=_animated(dark, moving, sessions, temporal, options.compare))
    times.append(time.perf_counter())
    images.write(lit, output)
    keep_date(input, output)
    mark(output, job_of(input, options, sessions.model, session))
    times.append(time.perf_counter())
    seconds, frames = times[-1] - times[0], len(moving.frames) if moving else 1
    return Report(
        input=str(input),
        output=str(output),
        engine=str(session),
        engine_name=session.engine,
        model=sessions.model.name,
        denoise=sessions.settings.denoise,
        temporal=temporal,
        frames_in=frames,
        frames_out=frames,
        seconds=seconds,
        fps=frames / seconds,
        milliseconds={
            stage: dict.fromkeys(("median", "p95", "p99"), 1e3 * (end - begin) / frames)
            for stage, begin, end in zip(("decode", "enhance", "encode"), times, times[1:], strict=False)
        },
        warnings=notes,
    )


def _refuse_video_options(input: Path, options: Options) -> None:
    for name, default, flag in flags_of(options):
        if flag.video_only and getattr(options, name) != default:
            raise UsageError(f"{input}: is an image; {name} is for videos")


def _lit(dark: Picture, sessions: SessionCache, seconds: float | None = None) -> Pixels:
    curve = linear_light.curve_of(dark.parts) if sessions.settings.strength else None
    seen = dark if curve is None else replace(dark, pixels=linear_light.to_srgb(dark.pixels, curve))
    (plane,) = sessions.enhance([seen.plane], seen.geometry, time=seconds)
    lit = plane.reshape(dark.pixels.shape)
    return lit if curve is None else linear_light.from_srgb(lit, curve, dark.pixels.dtype)


def _over_time(dark: Picture, sessions: SessionCache, options: Options) -> float:
    """Return how much the frames before count in an animation: as in a video."""
    if options.temporal is None:
        return float(sessions.session(dark.geometry).remembers)
    return options.temporal


def _animated(
    still: Picture, moving: Animation, sessions: SessionCache, temporal: float, compare: str | None
) -> Animation:
    frames, seconds = [], 0.0
    sessions.settings.temporal = temporal
    sessions.reset()
    try:
        for frame in moving.frames:
            dark = replace(still, pixels=frame.pixels, alpha=frame.alpha)
            lit = _compared(dark, _lit(dark, sessions, seconds), compare)
            frames.append(Frame(lit.pixels, lit.alpha, frame.milliseconds))
            seconds += frame.milliseconds / 1e3
    finally:
        sessions.settings.temporal = 0.0
        sessions.reset()
    return replace(moving, frames=frames)


def _compared(dark: Picture, lit: Pixels, compare: str | None) -> Picture:
    if compare == "split":
        half = lit.shape[1] // 2
        lit[:, :half] = dark.pixels[:, :half]
    elif compare == "side":
        lit = np.concatenate([dark.pixels, lit], axis=1)
        alpha = None if dark.alpha is None else np.concatenate([dark.alpha] * 2, axis=1)
        return replace(dark, pixels=lit, alpha=alpha)
    return replace(dark, pixels=lit)
