"""The network compiled for an NVIDIA GPU (`rtvideo.kernels.cuda`): planes up, kernels, planes down.

This engine has not run on a GPU yet: it is tested against a stand-in for the driver.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from rtvideo.engines.gpu.session import GpuSession, need_driver
from rtvideo.engines.session import Settings, no_weights
from rtvideo.engines.time_constants import TimeStamps
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels import weights
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.kernels.cuda.network import CudaNetwork, DevicePlane
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import unsupported_geometry
from rtvideo.models import Model

#: The environment variable that says in which of these noise removal computes: single precision, pairs of
#: half precision, or half precision on tensor cores with sums in single precision.
VARIABLE = "RTVIDEO_CUDA_NOISE"
NUMBERS = {"f32": "f32", "f16": "f16", "tensor": "f16 on tensor cores"}


class CudaSession(GpuSession):
    """A `rtvideo.engines.session.Session` of kernels on a CUDA device; frames come out one behind.

    Args:
        model, geometry, settings: as `rtvideo.engines.opening.open_session`.
        device_index: as CUDA counts its devices.
        numbers: of cells that are not on a grid, a key of `NUMBERS`; None: what `VARIABLE` says, or ``f32``.

    Raises:
        UnavailableError: no such device, no driver, NVRTC missing, memory short, or no kernel for the model.
        UsageError: settings outside 0..1, noise removal asked of a model that has none, or unknown numbers.
    """

    engine = "cuda"
    share_of_peak = 0.2
    remembers = debands = True

    def __init__(
        self,
        model: Model,
        geometry: Geometry,
        settings: Settings,
        *,
        device_index: int = 0,
        numbers: str | None = None,
    ) -> None:
        self._numbers = os.environ.get(VARIABLE) or "f32" if numbers is None else numbers
        if self._numbers not in NUMBERS:
            raise UsageError(f"{VARIABLE}={self._numbers} is not allowed; allowed: {', '.join(NUMBERS)}")
        self._half, self._time_stamps = self._numbers != "f32", TimeStamps()
        super().__init__(model, geometry, settings, device_index)

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry | None = None) -> str | None:
        """See `rtvideo.engines.registry.SessionType`; without a geometry, of the model alone."""
        return no_weights(model) or (unsupported_geometry(geometry) if geometry else None)

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`."""
        need_driver()
        device = CudaDevice()
        major, minor = nvrtc.version()
        return f"{device.name}, NVRTC {major}.{minor}"

    @property
    def name(self) -> str:
        """See `rtvideo.engines.session.Session`."""
        return f"{self.engine} {self._device.name}, {NUMBERS[self._numbers]}"

    def reset(self) -> None:
        """See `rtvideo.engines.session.Session.reset`."""
        super().reset()
        self._time_stamps.reset()

    def _open(self, stack: ExitStack) -> Any:
        model, geometry = self._model, self._geometry
        if reason := self.unsupported_reason(model, geometry):
            raise UnavailableError(f"engine cuda: {reason}")
        assert model.description is not None and model.weights is not None
        values = weights.read(model.weights)
        packed = lower(model.description, values, packed=True).packed if self._half else frozenset()
        program = lower(model.description, values)
        on_tensor_cores = self._numbers == "tensor"
        self._network = CudaNetwork(self._device, program, packed, geometry, tensor_cores=on_tensor_cores)
        stack.callback(self._network.close)
        return self._network.stream

    def _prepare(self) -> None:
        asked = self.settings
        self._network.prepare(asked.denoise > 0, asked.temporal > 0, asked.deband > 0)

    def _run(
        self,
        planes: Sequence[DevicePlane],
        out: Sequence[DevicePlane],
        settings: Settings,
        time: float | None = None,
    ) -> None:
        constants = self._time_stamps.constants(time, settings.temporal, settings.flicker)
        amounts = settings.deband, settings.brightness, settings.dither
        self._network.run(planes, out, settings.strength, settings.denoise, constants, *amounts)
