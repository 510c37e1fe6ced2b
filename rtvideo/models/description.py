"""The model description: one versioned, torch-free record that says what a network computes.

``model/`` builds its torch modules from this record, ``export/`` turns it into ONNX and ``kernels/``
compiles it, so whatever can be trained can be shipped. Weights lie beside it in a safetensors file.

The whole computation, for a frame ``y`` (RGB, 0..1), in the order in which the fields below are read
(numbers in brackets are equations of the paper, CVPR 2021):

1.  **Warm start** (1). ``t_hat_0 = max over window of y``, per colour channel.
2.  **Grid.** A stage at scale ``s > 1`` works on the mean of ``t_hat_0`` over blocks of ``s x s`` pixels;
    right and lower edges are replicated up to the next multiple of the coarsest scale. In the ``log``
    domain the state is ``x_0 = log(t_hat_0 + floor)``, in the ``linear`` domain ``t_hat_0`` itself. Between
    stages of different scale the state is resized bilinearly (half-pixel centres). With ``fade``, frames that
    are light enough are left as they are: ``strength`` in the steps below is the user's times ``1 - s((level
    - from) / (to - from))`` with ``s(x) = x^2 (3 - 2 x)``, x limited to 0..1. ``level`` is the mean of
    ``x_0`` over the first stage's grid and the channels; shadows pull it down, so that a scene against the
    light is lit. ``from`` and ``to`` are the logarithms of the two of ``fade``; where there is no colour, as
    in an infra-red camera's picture, those of ``fade_grey``; and what lies between them by the share ``1 -
    s((colour - NO_COLOUR) / (COLOURED - NO_COLOUR))``, with ``colour`` the grid's mean of the largest channel
    of ``x_0`` less the smallest.
3.  **Exposure** (log domain). ``n`` = mean over all cells of the first stage's grid of the largest channel
    of ``log(t_hat_0 + floor)``. ``mean`` and ``statistics`` subtract ``n`` first, so that the cells see the
    scene and not its brightness.
4.  **Stages** (2). ``equation2``: ``x_{k+1} = warm_k - C_k(x_k)``; ``released``: ``t_{k+1} =
    clamp(sigmoid(C_k(warm_k)), 1/1000, 1)``. ``warm_k`` is ``t_hat_0`` (``fixed``), ``max over window of
    u_k`` (``updated``), the same minus ``gamma * (u_k - y)`` (``residual``), or the state itself
    (``previous``; with ``equation2`` this is plain gradient descent on the prior). ``u_k = clamp(y /
    max(t_k, t_min), 0, 1)``.
5.  **Exposure, undone.** ``mean``: ``log t = x_K + n``. ``statistics``: ``log t = contrast * x_K +
    offset``, where ``(offset - n, log contrast, mix logit) = exposure.weight @ g + exposure.bias`` and
    ``g`` are the five `STATISTICS` of the grid.
6.  **Channels.** ``shared``: one illumination for all channels, the mean of ``log t``: it cannot tint.
7.  **Application.** Near a pixel there is ``m``, the maximum over 3x3, over channels too if shared. The light
    of the pixel's ``own`` is ``log(m + floor)`` (``maximum``) or that of the mean of its channels (``mean``):
    noise of a pixel alone moves its own mean, and so its light, but hardly a maximum. ``log t`` comes to full
    size by ``upsampling``, half-pixel centres, cropped. ``bilinear``: it is resized. ``guided``: ``log t <- A
    own + B``, where A and B are resized. They are fitted around each cell, over 3x3 cells, edges repeated;
    for ``own`` a cell has its ``log(t_hat_0 + floor)``, of the largest channel if shared. ``A = cov(own, log
    t) / (var(own) + GUIDE_EPSILON)``, ``B = mean(log t) - A mean(own)``, and both become their means over the
    same cells (He and Sun, arXiv:1505.00996). With ``mix``, ``log t <- (1 - a) log t + a own``, ``a =
    sigmoid(mix logit)``. Then ``log t <- log t - brightness * log 2`` (log domain), and ``t <- clamp(t,
    t_min, 1)``. With ``signal_floor`` ``f``, ``log t <- log t *
    m^2 / (m^2 + f^2)``: where nothing was recorded nothing is amplified. Then ``t <- t ^ strength``. With
    ``rolloff``, lights keep their shape and colour: where ``z``, the pixel's largest channel over ``t``, is
    above a learned knee ``k = sigmoid(rolloff_knee)``, ``t <- min(t z / r, 1)`` with ``d = (z - k) / (1 -
    k)``, ``r = k + (1 - k) d / (1 + d)``: at the knee as large and as steep as ``z``, and never 1. Last,
    ``u_K = clamp(y / t, 0, 1)``; after a roll-off this clamp has nothing to do.
8.  **Chroma floor.** ``u_K <- l + (u_K - l) * (1 - strength * k^2 / (m^2 + k^2))`` with ``l`` the mean of
    ``u_K``'s channels and ``k = exp(chroma_knee)`` learned: where there is no signal there is no colour to
    amplify.
9.  **Noise removal** (3). ``x_0 = u_K``; ``equation3``: ``x_{n+1} = u_K - w * head(cell_n(stem(x_n)))``
    with stem and head shared by the stages; ``released``: ``u_K - w * head(cell_N(...cell_1(stem(u_K))))``.
    ``w = denoise * strength``, times ``1 - t`` if ``guide`` is ``gain``: a pixel that is not amplified
    keeps its texture. The result is clamped to 0..1. At ``scale`` 2 stem, cells and head see each block of
    2x2 pixels as one pixel of `HALF_SIZE` channels (right and lower edges are replicated): the means ``l`` of
    red, green and blue; and of the details ``d = x - l`` the mean size of their luma ``d_y``, the mean of
    the three, and that of their colour ``d - d_y``. Of the head's channels three are the noise of ``l``;
    two, ``a`` and ``b``, say how much of the details is noise: ``sigmoid(a) d_y + sigmoid(b) (d - d_y)``.
    ``w``, the subtraction and the clamp stay at full size. Where frames were averaged before, ``w`` is
    divided by the fourth root of their number (`docs/temporal.md`).

``strength`` and ``denoise`` (0..1) and ``brightness`` (-1..1) are the user's, not the model's. In training
``brightness`` is what the reference asks for (`model.recipes.recipe.Recipe.wished`).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from rtvideo.errors import UnavailableError

_R = TypeVar("_R")

FORMAT = "rtvideo-model"
#: Version 1 had no `rolloff`, `fade`, `fade_grey` and `scale`: what a description leaves out has its default.
VERSION = 2

#: The seven candidate operations of the search space (section 3.2.1), by the names that genotypes use.
OPERATIONS = ("conv1", "conv3", "resconv1", "resconv3", "dil3", "resdil3", "skip")

#: What the ``statistics`` exposure sees of a grid: of ``l`` = largest channel of ``log(t_hat_0 + floor)``,
#: its mean ``n``, its standard deviation, its mean of ``exp(l)``, its maximum and its minimum.
STATISTICS = ("mean", "deviation", "linear_mean", "maximum", "minimum")

#: By how much channels differ in the mean, in natural logarithms, in a frame that has no colour, and in one
#: that has: an encoder's rounding is less than the first, a grey day is more than the second.
NO_COLOUR, COLOURED = 0.02, 0.06

#: Of guided upsampling, squared natural logarithms: where light varies less, ``log t`` does not follow it.
GUIDE_EPSILON = 0.002

#: Channels of a block that noise removal at half size sees, and of what it says: three of its means, one of
#: its details in luma, one of those in colour.
HALF_SIZE = 5

#: Illumination may run at 1/scale of the size.
SCALES = (1, 2, 4, 8, 16, 32)

#: Illumination never falls below this, so the gain never rises above a thousand.
RELEASED_T_MIN = 1e-3


class Genotype(NamedTuple):
    """The operation on each edge of a distillation cell (figure 2 d): distilling d, remaining r, last c4."""

    d1: str
    r1: str
    d2: str
    r2: str
    d3: str
    r3: str
    c4: str


@dataclass(frozen=True, kw_only=True)
class Illumination:
    """The illumination estimation module (IEM, section 3.1.1); see the module's docstring for each field."""

    genotype: Genotype
    scales: tuple[int, ...] = (1, 1, 1)
    parameterisation: Literal["equation2", "released"] = "equation2"
    warm_start: Literal["fixed", "updated", "residual", "previous"] = "residual"
    window: Literal["2x2", "3x3"] = "3x3"
    gamma: float = 0.5
    domain: Literal["linear", "log"] = "linear"
    exposure: Literal["none", "mean", "statistics"] = "none"
    channels: Literal["each", "shared"] = "each"
    upsampling: Literal["bilinear", "guided"] = "bilinear"
    own: Literal["maximum", "mean"] = "maximum"
    mix: bool = False
    floor: float = 0.0
    signal_floor: float = 0.0
    chroma_floor: bool = False
    rolloff: bool = False
    fade: tuple[float, ...] = ()
    fade_grey: tuple[float, ...] = ()
    t_min: float = RELEASED_T_MIN


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The noise removal module (NRM, section 3.1.2); see the module's docstring for each field."""

    genotype: Genotype
    stages: int = 3
    channels: int = 6
    scale: Literal[1, 2] = 1
    parameterisation: Literal["equation3", "released"] = "equation3"
    guide: Literal["none", "gain"] = "none"


@dataclass(frozen=True, kw_only=True)
class Description:
    """A whole network. ``noise`` is None for a model that has no noise removal module."""

    name: str
    illumination: Illumination
    noise: Noise | None = None

    def __post_init__(self) -> None:
        """Refuse combinations that the computation above does not define.

        Raises:
            UnavailableError: a field has a value that is not allowed; the message names it.
        """
        i = self.illumination
        _check("genotype", i.genotype)
        if not i.scales or any(s not in SCALES for s in i.scales):
            raise UnavailableError(f"model {self.name}: scales {i.scales}: each must be 1, 2, 4, 8, 16 or 32")
        if not 0 < i.gamma <= 1:
            raise UnavailableError(f"model {self.name}: gamma {i.gamma}: the paper allows 0 < gamma <= 1")
        if not (0 <= i.floor < 1 and 0 <= i.signal_floor < 1 and 0 < i.t_min < 1):
            raise UnavailableError(
                f"model {self.name}: floor {i.floor}, signal_floor {i.signal_floor} and t_min {i.t_min} "
                "must lie in 0..1"
            )
        plain = i.domain == "linear"
        if plain and (i.exposure != "none" or i.channels == "shared"):
            raise UnavailableError(f"model {self.name}: exposure and shared channels need domain 'log'")
        if plain and (i.mix or i.signal_floor or i.chroma_floor):
            raise UnavailableError(f"model {self.name}: mix, signal and chroma floors need domain 'log'")
        for field, limits in (("fade", i.fade), ("fade_grey", i.fade_grey)):
            if limits and not (len(limits) == 2 and i.floor < limits[0] < limits[1] < 1):
                raise UnavailableError(
                    f"model {self.name}: {field} {list(limits)}: two rising levels, above floor and below 1"
                )
        if bool(i.fade) != bool(i.fade_grey) or (plain and i.fade):
            raise UnavailableError(f"model {self.name}: fade and fade_grey go together, in domain 'log'")
        if i.rolloff and i.channels != "shared":
            raise UnavailableError(f"model {self.name}: the highlight roll-off needs shared channels")
        if plain and i.scales != (1,) * len(i.scales):
            raise UnavailableError(
                f"model {self.name}: scales {i.scales} need domain 'log'; 'linear' runs at 1"
            )
        if i.upsampling == "guided" and i.scales[-1] == 1:
            raise UnavailableError(f"model {self.name}: guided upsampling needs a last scale above 1")
        if i.own == "mean" and (i.channels != "shared" or i.upsampling == "guided"):
            raise UnavailableError(
                f"model {self.name}: own light 'mean' needs shared channels and bilinear upsampling"
            )
        if not plain and i.parameterisation == "released":
            raise UnavailableError(f"model {self.name}: the released parameterisation needs domain 'linear'")
        if not plain and i.warm_start not in ("fixed", "previous"):
            raise UnavailableError(
                f"model {self.name}: warm start {i.warm_start!r}: domain 'log' takes fixed or previous"
            )
        if not plain and i.floor == 0:
            raise UnavailableError(f"model {self.name}: the log domain needs floor > 0")
        if self.noise is not None:
            _check("noise genotype", self.noise.genotype)
            if not 1 <= self.noise.stages <= 8 or not 3 <= self.noise.channels <= 16:
                raise UnavailableError(
                    f"model {self.name}: noise removal takes 1 to 8 stages and 3 to 16 channels"
                )

    def coarser(self) -> Description | None:
        """Return the network with its illumination at half the size and without noise removal, for less time.

        The weights stay: without noise removal some of them are not used. None where illumination runs at
        full size alone (domain ``linear``), or is as coarse as can be.
        """
        i = self.illumination
        scales = tuple(min(2 * scale, SCALES[-1]) for scale in i.scales)
        if i.domain == "linear" or scales == i.scales:
            return None
        return dataclasses.replace(self, illumination=dataclasses.replace(i, scales=scales), noise=None)

    def to_json(self) -> str:
        """Return the record as JSON text, stable enough to be hashed and diffed."""
        return json.dumps({"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "model description") -> Description:
        """Read the record back; ``source`` names it in messages. Unknown top-level keys are ignored.

        Raises:
            UnavailableError: not JSON, another format, a newer version, an unknown or ill-typed field.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise UnavailableError(f"{source}: not a model description: {error}") from None
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise UnavailableError(f"{source}: not a model description: 'format' must be {FORMAT!r}")
        version = raw.get("version")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise UnavailableError(
                f"{source}: description version {version!r}; this rtvideo reads 1 to {VERSION}"
            )
        noise = raw.get("noise")
        return cls(
            name=str(raw.get("name", "")),
            illumination=_record(Illumination, raw.get("illumination"), source),
            noise=None if noise is None else _record(Noise, noise, source),
        )

    @classmethod
    def load(cls, path: Path) -> Description:
        """Read a description file. Raises UnavailableError where it is missing or not one."""
        try:
            return cls.from_json(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise UnavailableError(f"{path}: cannot be read: {error}") from None


def _check(what: str, genotype: Genotype) -> None:
    for edge, operation in zip(Genotype._fields, genotype, strict=True):
        if operation not in OPERATIONS:
            raise UnavailableError(f"{what}: {edge} is {operation!r}; allowed: {', '.join(OPERATIONS)}")


def _record(cls: type[_R], raw: Any, source: str) -> _R:
    """Build one of the dataclasses above from parsed JSON, with names and types checked."""
    if not isinstance(raw, dict):
        raise UnavailableError(f"{source}: {cls.__name__.lower()} must be an object, not {raw!r}")
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in hints:
            raise UnavailableError(f"{source}: unknown field {name!r}; allowed: {', '.join(hints)}")
        values[name] = _value(hints[name], value, f"{source}: {name}")
    try:
        return cls(**values)
    except TypeError as error:
        raise UnavailableError(f"{source}: {error}") from None


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint is Genotype:
        if not isinstance(value, list) or len(value) != len(Genotype._fields):
            raise UnavailableError(f"{where}: must list {len(Genotype._fields)} operations, not {value!r}")
        return Genotype(*map(str, value))
    if get_origin(hint) is Literal:
        if not any(type(value) is type(allowed) and value == allowed for allowed in get_args(hint)):
            raise UnavailableError(f"{where}: {value!r}; allowed: {', '.join(map(str, get_args(hint)))}")
        return value
    if get_origin(hint) is tuple:
        of = get_args(hint)[0]
        if not isinstance(value, list) or not all(type(v) in (of, int) for v in value):
            numbers = "whole numbers" if of is int else "numbers"
            raise UnavailableError(f"{where}: must be a list of {numbers}, not {value!r}")
        return tuple(map(of, value))
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        raise UnavailableError(f"{where}: must be a {hint.__name__}, not {value!r}")
    return value
