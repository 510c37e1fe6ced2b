"""Base of the engines that run the ONNX file on a CUDA device: planes become tensors there, and back."""

from __future__ import annotations

import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtvideo.engines.gpu.session import GpuSession
from rtvideo.engines.session import Settings, no_network
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.network import DevicePlane
from rtvideo.kernels.cuda.tensors import SCALARS, Ends, FrameTensors
from rtvideo.kernels.structs import unsupported_geometry
from rtvideo.models import Model

#: How the driver and each runtime say that a device is short of memory.
_SHORT = re.compile(r"out of memory|OutOfMemory|failed to allocate memory|smaller than requested bytes", re.I)


@dataclass(frozen=True)
class OpenNetwork:
    """A network that is open.

    Attributes:
        ends: its tensors.
        enqueue: makes one of the other, on the session's stream.
    """

    ends: Ends
    enqueue: Callable[[], None]


def network_file(model: Model, *, denoise: bool, half: bool) -> Path:
    """Return the ONNX file to run; with ``half`` the one with half-precision cells, where there is one.

    Raises:
        UsageError, UnavailableError: as `rtvideo.models.Model.network`.
    """
    single = model.network(denoise=denoise)
    variant = next(name for name, path in model.networks.items() if path == single)
    return model.networks.get(f"{variant}.fp16", single) if half else single


def _with_advice(error: UnavailableError, model: Model) -> UnavailableError:
    if model.description is None or not _SHORT.search(str(error)):
        return error
    return UnavailableError(f"{error}; --engine cuda takes less")


class TensorSession(GpuSession):
    """A `GpuSession` around a network that takes and makes tensors; subclasses open it.

    Args:
        model, geometry, settings, device_index: as for `GpuSession`.
        half: half precision; None where the model's card says that it is good enough. Where f32 does not fit
            into the device's memory it is taken too, with a warning.

    Attributes:
        graphs: whether the network's work can be captured into a CUDA graph, with the kernels around it.
    """

    graphs = False
    share_of_peak = 0.05  # layers this thin are bound by memory

    def __init__(
        self,
        model: Model,
        geometry: Geometry,
        settings: Settings,
        *,
        device_index: int = 0,
        half: bool | None = None,
    ) -> None:
        # What was measured in bf16 holds for f16, which rounds eight times finer.
        self._half = bool(model.card.get("bf16")) if half is None else half
        self._networks: dict[bool, OpenNetwork] = {}
        self._graphs: dict[bool, Any] = {}
        if reason := unsupported_geometry(geometry):
            raise UnavailableError(f"frames cannot be converted on a GPU: {reason}")
        try:
            super().__init__(model, geometry, settings, device_index)
        except UnavailableError as error:
            if not _SHORT.search(str(error)):
                raise
            if self._half or not any(name.endswith(".fp16") for name in model.networks):
                raise _with_advice(error, model) from None
            # Not in parts: networks measure a whole frame's exposure, and are one file.
            logging.getLogger("rtvideo").warning("%s; trying half precision, which takes half of it", error)
            self._half = True
            try:
                super().__init__(model, geometry, settings, device_index)
            except UnavailableError as error:
                raise _with_advice(error, model) from None

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry) -> str | None:
        """See `rtvideo.engines.registry.SessionType`."""
        return no_network(model) or unsupported_geometry(geometry)

    @abstractmethod
    def _network(self, denoise: bool, stack: ExitStack) -> OpenNetwork:
        """Open the network with or without noise removal, made for `_tensors`; ``stack`` gives it back."""

    @property
    def _precision(self) -> str:
        return "f16" if self._half else "f32"

    def _open(self, stack: ExitStack) -> Any:
        device, geometry = self._device, self._geometry
        self._stream = stream = device.stream(stack)
        self._opened = stack.enter_context(ExitStack())
        self._tensors = FrameTensors(device, stream, geometry, self._opened)
        # Backwards: what was enqueued is waited for, then the networks go, then what they work on.
        self._opened.callback(self._networks.clear)
        self._opened.callback(device.give_back, "cuStreamSynchronize", stream)
        return stream

    def _prepare(self) -> None:
        # Some take their memory when they first run: better now than under way.
        self._network_for(self.settings.denoise > 0).enqueue()
        self._device.call("cuStreamSynchronize", self._stream)

    def _run(
        self,
        planes: Sequence[DevicePlane],
        out: Sequence[DevicePlane],
        settings: Settings,
        time: float | None = None,
    ) -> None:
        key = settings.denoise > 0
        network = self._network_for(key)
        scalars = [getattr(settings, name) for name in SCALARS]
        self._tensors.tell(planes, out, network.ends, scalars)
        if (graph := self._graphs.get(key)) is not None:
            self._device.call("cuGraphLaunch", graph, self._stream)
            return
        self._frame(network)
        if self.graphs and key not in self._graphs:  # after a frame, so that nothing is set up any more
            self._graphs[key] = self._captured(network)

    def _frame(self, network: OpenNetwork) -> None:
        self._tensors.load(network.ends)
        network.enqueue()
        self._tensors.store(network.ends)

    def _network_for(self, denoise: bool) -> OpenNetwork:
        if denoise not in self._networks:
            self._networks[denoise] = self._network(denoise, self._opened)
        return self._networks[denoise]

    def _captured(self, network: OpenNetwork) -> Any:
        """Return a frame's work as a graph, or None where it cannot be captured."""
        try:
            return self._device.graph(self._stream, lambda: self._frame(network), self._opened)
        except UnavailableError as error:
            log = logging.getLogger("rtvideo")
            log.info("engine %s: kernels one by one, not as a graph: %s", self.engine, error)
            return None
