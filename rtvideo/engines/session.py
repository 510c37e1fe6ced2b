"""The one interface that every engine offers: planes in, planes out.

An engine knows nothing of files, cameras or PyAV. It is told a frame's `Geometry` once and then takes planes
(2-D arrays as the decoder delivers them) and fills planes (as the encoder takes them) of the same geometry.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rtvideo.errors import UsageError
from rtvideo.frame import Planes
from rtvideo.models import Model

if TYPE_CHECKING:
    from rtvideo.options import Report


@dataclass(slots=True)
class Settings:
    """What a user may change while a session runs.

    Attributes:
        strength: 0..1; illumination ``t`` becomes ``t ** strength``. 0 hands the planes through bit for bit.
        denoise: 0..1; scales the noise removal. 0 skips it, and its cost.
        temporal: 0..1; how much the frames before count. 0 looks at each frame alone.
        deband: 0..1; how far the few codes that compressed video has near black are smoothed, which the gain
            would show as blocks. 0 leaves them.
        brightness: -1..1; 0 is what the model finds right, each whole step lets half or twice as much
            through: ``t`` becomes ``t * 2 ** -brightness`` before ``strength``, and never brighter than 1.
        dither: results of 8 bits get a still pattern where debanding made gradients finer than codes, which
            would show bands again. For results that no lossy encoder sees: it takes the pattern away.
        flicker: over time, bands that lamps on the mains make are divided out.
        adapts: ``denoise`` is the most of noise removal; frames without much noise get less
            (`rtvideo.engines.steady_noise`).
        lossless: no encoder smoothed the frames, so that what is constant in them has no noise.
        alone: frames do not follow each other unless ``temporal`` is above 0, and are judged each by itself.
    """

    strength: float = 1.0
    denoise: float = 0.0
    temporal: float = 0.0
    deband: float = 0.0
    brightness: float = 0.0
    dither: bool = False
    flicker: bool = True
    adapts: bool = False
    lossless: bool = False
    alone: bool = False


def no_weights(model: Model) -> str | None:
    """Return why there are no kernels for a model, None if they can be made."""
    if model.description is None:
        return f"model {model.name} is a foreign network; kernels are made from descriptions"
    if model.weights is None:
        return f"model {model.name} has no weights (.safetensors) beside its description"
    return None


def no_network(model: Model) -> str | None:
    """Return why a model cannot run as an ONNX file, None if it can."""
    return None if model.networks else f"model {model.name} has no network (.onnx) beside its description"


def check_settings(
    settings: Settings, model: Model | None = None, *, remembers: bool = True, debands: bool = True
) -> None:
    """Raise UsageError unless a session can have these settings.

    Args:
        model: that it runs; None where it is not known yet.
        remembers: whether it can look at the frames before.
        debands: whether it can smooth bands near black.
    """
    for name in ("strength", "denoise", "temporal", "deband"):
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise UsageError(f"{name}: {value:g} is not allowed; allowed: a number from 0 to 1")
    if not -1 <= settings.brightness <= 1:
        raise UsageError(
            f"brightness: {settings.brightness:g} is not allowed; allowed: a number from -1 to 1"
        )
    if model is not None and settings.denoise > 0:
        model.check_denoise()
    if model is not None and settings.brightness:
        model.check_brightness()
    if settings.temporal > 0 and not remembers:
        raise UsageError(
            f"temporal {settings.temporal:g}: this engine looks at each frame alone; "
            "use --temporal off, or engine fused or cuda"
        )
    if settings.deband > 0 and not debands:
        raise UsageError(
            f"deband {settings.deband:g}: this engine leaves the bands near black; "
            "use --deband off, or engine fused or cuda"
        )


def check_scalars(model: str, settings: Settings, scalars: Collection[str]) -> None:
    """Raise UsageError if a network has no strength or brightness among its scalars and one is asked for."""
    if "strength" not in scalars and settings.strength not in (0, 1):
        raise UsageError(
            f"model {model} has no adjustable strength; "
            f"use 1 (or 0 for none) instead of {settings.strength:g}"
        )
    if "brightness" not in scalars and settings.brightness:
        raise UsageError(
            f"model {model} was exported without a brightness; "
            f"use 0 instead of {settings.brightness:g}, or export it again with python -m export"
        )


class Session(Protocol):
    """One stream of frames through one engine. Not thread-safe: one thread submits and receives.

    Attributes:
        engine: what runs, in a word, such as ``fused``.
        settings: may be changed between frames.
        remembers: whether it can look at the frames before; where not, ``settings.temporal`` must be 0.
        debands: whether it can smooth bands near black; where not, ``settings.deband`` must be 0.
    """

    engine: str
    settings: Settings
    remembers: bool
    debands: bool

    @property
    def name(self) -> str:
        """What runs: engine, device, perhaps instructions or precision, such as ``fused cpu avx2``.

        The same on every run: costs are looked up by it, and ``--resume`` compares it.
        """

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """Take a frame; ``out`` is filled when the matching `receive` returns.

        Args:
            planes: the frame, shaped as the geometry says; any row stride. Not written to.
            out: writable planes of the same shapes; must not overlap ``planes``.
            time: presentation time in seconds, None if unknown. Engines with state over time use it.
        """

    def receive(self) -> Planes | None:
        """Return the oldest finished frame's ``out``, or None if more frames must be submitted first."""

    def flush(self) -> None:
        """Make every submitted frame available to `receive`: no more frames come for now."""

    def reset(self) -> None:
        """Forget all state over time (a seek, a cut to another source)."""

    def close(self) -> None:
        """Free everything. The session cannot be used afterwards; closing twice is fine."""

    def __str__(self) -> str:
        """Return the name for people, with the number of threads: ``onnx cpu, 2 threads``."""


@runtime_checkable
class EstimatesItself(Protocol):
    """A session that estimates its speed from its device, not from a table of measurements."""

    def seconds_per_frame(self) -> float:
        """Return the estimated seconds of a frame with noise removal."""


@runtime_checkable
class HasFallback(Protocol):
    """A session that can open a cheaper one: illumination at half the size, without noise removal."""

    def coarser(self) -> Session:
        """Open the cheaper session for the same frames. Any thread may call this.

        Raises:
            UnavailableError: the model, or this machine, has none.
        """


def report_on(session: Session, report: Report) -> None:
    """Write into a report which engine runs, and with which settings."""
    settings = session.settings
    report.engine, report.engine_name = str(session), session.engine
    report.denoise, report.temporal, report.deband = settings.denoise, settings.temporal, settings.deband
