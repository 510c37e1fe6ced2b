"""One image file to another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtvideo.engines.auto import deband_of, denoise_of
from rtvideo.engines.session import Session, Settings
from rtvideo.engines.session_cache import SessionCache
from rtvideo.errors import UsageError
from rtvideo.files.finished import mark
from rtvideo.files.resume import job_of
from rtvideo.frame import Geometry
from rtvideo.media import images
from rtvideo.media.images import hdr, linear_light
from rtvideo.media.images.animation import Animation, Frame
from rtvideo.media.images.picture import Picture, Pixels
from rtvideo.media.partial_file import keep_date
from rtvideo.models import find
from rtvideo.options import Options, Report, flags_of


def sessions_for(options: Options) -> SessionCache:
    """Return the sessions that `enhance_image` takes; images of one size share one."""
    model = find(options.model)
    return SessionCache(
        model,
        Settings(options.strength, denoise_of(options, model), brightness=options.brightness),
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
    refuse_video_options(input, options)
    images.check_target(input, output, overwrite=options.overwrite)
    times = [time.perf_counter()]
    dark = images.read(input)
    moving = dark.animation if images.holds_animation(output) else None
    if options.temporal and moving is None:
        raise UsageError(f"{input}: is an image; temporal is for videos, or off")
    notes = dark.warnings + picture_losses(dark, input, output, options)
    for note in notes:
        on_warning(note)
    times.append(time.perf_counter())
    session = sessions.session(dark.geometry)
    settle(sessions, session, dark, output, options, alone=moving is None)
    temporal = 0.0
    if moving is None:
        lit = enhanced(dark, sessions, options.compare)
    else:
        with over_time(sessions, options, dark.geometry) as temporal:
            frames = _animated(dark, moving, sessions, options.compare)
        lit = replace(dark, animation=replace(moving, frames=frames))
    times.append(time.perf_counter())
    images.write(as_asked(lit, options), output)
    keep_date(input, output)
    mark(output, job_of(input, options, sessions.model, session))
    times.append(time.perf_counter())
    seconds, count = times[-1] - times[0], len(moving.frames) if moving else 1
    return Report(
        input=str(input),
        output=str(output),
        engine=str(session),
        engine_name=session.engine,
        model=sessions.model.name,
        denoise=sessions.settings.denoise,
        temporal=temporal,
        deband=sessions.settings.deband,
        frames_in=count,
        frames_out=count,
        seconds=seconds,
        fps=count / seconds,
        milliseconds={
            stage: dict.fromkeys(("median", "p95", "p99"), 1e3 * (end - begin) / count)
            for stage, begin, end in zip(("decode", "enhance", "encode"), times, times[1:], strict=False)
        },
        warnings=notes,
    )


def settle(
    sessions: SessionCache, session: Session, dark: Picture, output: Path, options: Options, *, alone: bool
) -> None:
    """Set what depends on a picture: whether it is debanded and dithered, and how much noise is removed.

    Args:
        alone: no other pictures come before or after it, which would look different.
    """
    settings = sessions.settings
    settings.deband = deband_of(options, dark.geometry, session, lossless=dark.lossless)
    settings.dither = images.is_lossless(output)
    judged = dark.pixels if alone and not dark.curve else None
    settings.denoise = denoise_of(options, sessions.model, judged, lossless=dark.lossless)
    settings.adapts, settings.lossless = options.denoise is None and not alone, dark.lossless


def refuse_video_options(input: Path, options: Options) -> None:
    """Raise UsageError for what only a video can be asked."""
    for name, default, flag in flags_of(options):
        if flag.group == "video" and getattr(options, name) != default:
            raise UsageError(f"{input}: is an image; {name} is for videos")


def picture_losses(dark: Picture, input: Path, output: Path, options: Options) -> list[str]:
    """Return what the output cannot hold of a picture, a line for each kind of loss.

    Raises:
        UsageError: nothing in a file of this format would say that the picture is HDR.
    """
    if dark.curve and options.hdr == "sdr":
        return images.losses(replace(dark, parts=hdr.without(dark.parts)), output)
    form = images.BY_SUFFIX[output.suffix.lower()]
    if dark.curve and not hdr.is_said_by(dark.parts, form.holds):
        raise UsageError(
            f"{output}: {form.name} cannot say that a picture is HDR, as {input} is; name a .heic, .avif or "
            ".png, or add --hdr sdr"
        )
    return images.losses(dark, output)


def as_asked(lit: Picture, options: Options) -> Picture:
    """Return an enhanced picture in SDR where that is asked for."""
    return hdr.to_sdr(lit) if lit.curve and options.hdr == "sdr" else lit


def enhanced(
    dark: Picture, sessions: SessionCache, compare: str | None, seconds: float | None = None
) -> Picture:
    """Return a picture enhanced.

    Args:
        compare: what of the original is shown, see `rtvideo.options.Options`.
        seconds: since the first picture, of one that others follow.
    """
    curve = linear_light.curve_of(dark.parts) if sessions.settings.strength else None
    seen = dark if curve is None else replace(dark, pixels=linear_light.to_srgb(dark.pixels, curve))
    (plane,) = sessions.enhance([seen.plane], seen.geometry, time=seconds)
    dark = replace(dark, parts=hdr.enhanced(dark.parts))
    lit: Pixels = plane.reshape(dark.pixels.shape)
    if curve is not None:
        lit = linear_light.from_srgb(lit, curve, dark.pixels.dtype)
    if compare == "split":
        half = lit.shape[1] // 2
        lit[:, :half] = dark.pixels[:, :half]
    elif compare == "side":
        lit = np.concatenate([dark.pixels, lit], axis=1)
        alpha = None if dark.alpha is None else np.concatenate([dark.alpha] * 2, axis=1)
        return replace(dark, pixels=lit, alpha=alpha)
    return replace(dark, pixels=lit)


@contextmanager
def over_time(sessions: SessionCache, options: Options, geometry: Geometry) -> Iterator[float]:
    """Let pictures follow each other as those of a video do, and say how much those before count."""
    temporal = options.temporal
    if temporal is None:
        temporal = float(sessions.session(geometry).remembers)
    sessions.settings.temporal = temporal
    sessions.reset()
    try:
        yield temporal
    finally:
        sessions.settings.temporal = 0.0
        sessions.reset()


def _animated(still: Picture, moving: Animation, sessions: SessionCache, compare: str | None) -> list[Frame]:
    frames, seconds = [], 0.0
    for frame in moving.frames:
        dark = replace(still, pixels=frame.pixels, alpha=frame.alpha)
        lit = enhanced(dark, sessions, compare, seconds)
        frames.append(Frame(lit.pixels, lit.alpha, frame.milliseconds))
        seconds += frame.milliseconds / 1e3
    return frames
