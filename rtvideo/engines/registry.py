"""The table of engines. A row holds everything that the rest of the program knows about an engine.

To add one, write a class as `SessionType` describes it and give it a row in `ENGINES`.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rtvideo.engines.cost import Cost
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.models import Model
from rtvideo.values import did_you_mean


@dataclass(frozen=True)
class Engine:
    """One way to run a model.

    Attributes:
        name: as ``--engine`` takes it.
        sessions: kind of device -> its `SessionType` as ``module:class``, imported when it is needed. The
            first one is taken where the user names no device.
        auto: whether ``--engine auto`` considers it.
        self_check: whether ``auto`` first compares its frames with those of engine fused.
        packages: Python packages that it needs; their versions decide how fast it is.
        costs: name of a session -> measured cost of a frame.
    """

    name: str
    sessions: Mapping[str, str]
    auto: bool = True
    self_check: bool = False
    packages: tuple[str, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)

    def session_type(self, kind: str) -> SessionType:
        """Import the class of its sessions on a kind of device."""
        found: SessionType = pkgutil.resolve_name(self.sessions[kind])
        return found

    def open(
        self, model: Model, geometry: Geometry, settings: Settings, device: str, threads: int
    ) -> Session:
        """Open a session on a device, ``cpu`` or ``cuda:N``.

        Raises:
            UsageError, UnavailableError: as `rtvideo.engines.opening.open_session`.
        """
        kind = kind_of(device)
        where = {"threads": threads} if kind == "cpu" else {"device_index": device_index(device)}
        return self.session_type(kind)(model, geometry, settings, **where)


#: All engines. ``auto`` measures those on a GPU (`rtvideo.engines.gpu.autotune`), and takes the first one on
#: the CPU that can run the model. `rtvideo.engines.cost` has the conditions of the costs.
ENGINES = (
    Engine(
        "cuda",
        {"cuda": "rtvideo.engines.gpu.cuda:CudaSession"},
        self_check=True,
        packages=("cuda-bindings", "nvidia-cuda-nvrtc"),
    ),
    Engine(
        "tensorrt",
        {"cuda": "rtvideo.engines.gpu.tensorrt.session:TensorRTSession"},
        packages=("tensorrt", "tensorrt-rtx-cu13-bindings"),
    ),
    Engine(
        "fused",
        {"cpu": "rtvideo.engines.fused:FusedSession"},
        costs={
            "fused cpu avx512-bf16": Cost(4.0, 0.02),
            "fused cpu avx512": Cost(4.0, 0.026),
            "fused cpu avx2": Cost(5.0, 0.03),
            "fused cpu sse4": Cost(10.0, 0.08),
        },
    ),
    Engine(
        "onnx",
        {"cpu": "rtvideo.engines.onnx:OnnxSession", "cuda": "rtvideo.engines.gpu.onnx:OnnxCudaSession"},
        packages=("onnxruntime", "onnxruntime-gpu"),
        costs={"onnx cpu": Cost(50.0, 0.25)},
    ),
    Engine(
        "torch",
        {"cpu": "rtvideo.engines.torch:TorchSession", "cuda": "rtvideo.engines.gpu.torch:TorchCudaSession"},
        auto=False,
        packages=("torch", "onnx"),
    ),
)


class SessionType(Protocol):
    """What a class of sessions needs besides the methods of `Session`."""

    def __call__(self, model: Model, geometry: Geometry, settings: Settings, **where: int) -> Session:
        """Open a session; ``where`` is ``threads`` on the CPU, and ``device_index`` on a GPU."""

    def probe(self) -> str:
        """Return what it runs with, such as a version. May import packages.

        Raises:
            UnavailableError: it cannot work here; the message says what helps.
        """

    def unsupported_reason(self, model: Model, geometry: Geometry) -> str | None:
        """Return why it cannot run a model here, None if it may. Quick: opens and imports nothing."""


@dataclass(frozen=True)
class EngineInfo:
    """One engine on one kind of device, for lists and for the doctor.

    Attributes:
        name: as ``--engine`` takes it.
        device: as ``--device`` takes it.
        works: whether a session can be opened here.
        reason: why not, with the command that helps; if it works, its version.
    """

    name: str
    device: str
    works: bool
    reason: str


def available() -> list[EngineInfo]:
    """Return every engine on every kind of device, those that work here first, in the order of the rows.

    Imports the packages of each engine.
    """
    found = [_examined(engine, kind) for engine in ENGINES for kind in engine.sessions]
    return sorted(found, key=lambda engine: not engine.works)


def _examined(engine: Engine, kind: str) -> EngineInfo:
    try:
        return EngineInfo(engine.name, kind, True, engine.session_type(kind).probe())
    except UnavailableError as error:
        return EngineInfo(engine.name, kind, False, str(error))


def check_names(engine: str, device: str) -> None:
    """Raise UsageError for an unknown ``--engine`` or ``--device``; known ones may still not work here."""
    names = ["auto", *(row.name for row in ENGINES)]
    if engine not in names:
        raise UsageError(
            f"unknown engine {engine!r}; allowed: {', '.join(names)}{did_you_mean(engine, names)}"
        )
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        is_card = re.match("gpu|nvidia|nvdec|nvenc", device.lower())
        meant = "; did you mean cuda?" if is_card else did_you_mean(device, ("auto", "cpu", "cuda"))
        raise UsageError(f"unknown device {device!r}; allowed: auto, cpu, cuda, cuda:N{meant}")


def kind_of(device: str) -> str:
    """Return the kind of a device name: ``cpu``, ``cuda`` or ``auto``."""
    return device.partition(":")[0]


def device_index(device: str) -> int:
    """Return the N of ``cuda:N``, and 0 for ``cuda``."""
    return int(device.partition(":")[2] or 0)


def cost_of(session: str) -> Cost:
    """Return the cost of a frame by the name of a session; an unmeasured one counts as the slowest."""
    known = {name: cost for engine in ENGINES for name, cost in engine.costs.items()}
    return known.get(session) or max(known.values(), key=lambda cost: cost.multiply_add)
