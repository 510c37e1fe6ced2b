"""The network compiled: fused kernels on the CPU, planes in and planes out (`rtvideo.kernels`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rtvideo.engines.session import Settings, no_weights
from rtvideo.engines.sync import SyncSession
from rtvideo.engines.time_constants import TimeStamps
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Plane, Planes, pass_through
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.library import CpuNetwork, Library
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import format_of, state_format, unsupported_geometry
from rtvideo.models import Model


class FusedSession(SyncSession):
    """A `rtvideo.engines.session.Session` of compiled kernels, one frame at a time.

    Args:
        model, geometry, settings, threads: as `rtvideo.engines.opening.open_session`; threads at least 1.
        instructions: name of an instruction set (`rtvideo.kernels.cpu.isa`), or empty for the best that works
        here.
        carries: over time, the picture so far moves along with the camera and with what moves.

    Raises:
        UnavailableError: no kernel for this model, geometry or machine, and none can be built.
        UsageError: settings outside 0..1, or noise removal asked of a model that has none.
    """

    engine = "fused"
    remembers = True
    debands = True

    def __init__(
        self,
        model: Model,
        geometry: Geometry,
        settings: Settings,
        *,
        threads: int,
        instructions: str = "",
        carries: bool = True,
    ) -> None:
        super().__init__(model, geometry, settings, threads)
        if reason := self.unsupported_reason(model, geometry):
            raise UnavailableError(f"engine fused: {reason}")
        assert model.description is not None and model.weights is not None
        self._check()
        # bf16 only where it was measured to be good enough for this model, or where it is asked for.
        if instructions:
            usable = [i for i in isa.usable() if i.name == instructions]
        else:
            usable = isa.best_first(packed=bool(model.card.get("bf16")))
        if not usable:
            raise UnavailableError(f"engine fused: this machine has no {instructions}")
        program = lower(model.description, weights.read(model.weights), packed=bool(usable[0].packed_dtype))
        library = Library(build.library(emit(program), usable[0]))
        self._network = CpuNetwork(
            library, program.data(), geometry.width, geometry.height, format_of(geometry), threads
        )
        self._isa = usable[0].name
        self.name = f"fused cpu {self._isa}"
        self._time_stamps = TimeStamps(carries)
        self._has_state, self._has_room_to_deband = False, False

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry | None = None) -> str | None:
        """See `rtvideo.engines.registry.SessionType`; without a geometry, of the model alone."""
        no_kernels = None if isa.usable() else "no kernels for this kind of processor"
        return no_weights(model) or (unsupported_geometry(geometry) if geometry else None) or no_kernels

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`."""
        usable = isa.best_first(packed=True)
        if not usable:
            raise UnavailableError("no kernels for this kind of processor; use --engine onnx")
        if build.prebuilt(usable[0]):
            return f"{usable[0].name}, built in"
        compilers = build.compilers()
        if not compilers:
            raise UnavailableError("no compiler to make kernels with: pip install ziglang")
        return f"{usable[0].name}, compiled by {compilers[0].kind}"

    def reset(self) -> None:
        """See `rtvideo.engines.session.Session.reset`."""
        super().reset()
        self._time_stamps.reset()

    def coarser(self) -> FusedSession:
        """See `rtvideo.engines.session.HasFallback`."""
        model = self._model.coarser()
        if model is None:
            raise UnavailableError(f"model {self._model.name}: its illumination has no coarser size")
        settings = replace(self.settings, denoise=0.0)
        # Only what noise removal keeps is bf16.
        instructions = self._isa.removesuffix("-bf16")
        return FusedSession(model, self._geometry, settings, threads=self.threads, instructions=instructions)

    def close(self) -> None:
        """End the threads and free the workspace."""
        self._network.close()

    def enhance(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """See `SyncSession.enhance`."""
        if self.settings.strength == 0:
            pass_through(planes, out)
            self.reset()
            return
        constants = self._time_stamps.constants(time, self.settings.temporal, self.settings.flicker)
        if constants.frames and not self._has_state:
            self._network.allocate_temporal_state(state_format(self._geometry))
            self._has_state = True
        if self.settings.deband and not self._has_room_to_deband:
            self._network.allocate_debanding(state_format(self._geometry))
            self._has_room_to_deband = True
        rows = [_rows(plane) for plane in planes]
        made = [_rows(plane) for plane in out]
        now = self.settings
        amounts = now.deband, now.brightness, now.dither
        denoise = self._noise.denoise(now, planes, time)
        self._network.run(rows, made, now.strength, denoise, constants, *amounts)
        for target, result in zip(out, made, strict=True):
            if result is not target:
                np.copyto(target, result)


def _rows(plane: Plane) -> Plane:
    """Return the plane, or a copy of it where samples of a row do not lie side by side."""
    return plane if plane.strides[1] == plane.itemsize else plane.copy()
