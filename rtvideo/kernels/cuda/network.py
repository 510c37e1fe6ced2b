"""A network on a device, for frames of one size and format whose planes lie in the device's memory.

Whoever has frames there already (a hardware decoder, DLPack from another library) runs them from here: planes
are addresses and strides.
"""

from __future__ import annotations

import ctypes
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rtvideo.frame import Geometry
from rtvideo.kernels.cuda import launch, matrices, packing
from rtvideo.kernels.cuda.curves import format_on_device
from rtvideo.kernels.cuda.debanding import DebandingLayout, DebandingState
from rtvideo.kernels.cuda.driver import OUT_OF_MEMORY, CudaDevice, DeviceError
from rtvideo.kernels.cuda.emit import emit
from rtvideo.kernels.cuda.launch import LaunchPlan
from rtvideo.kernels.cuda.module import CudaModule
from rtvideo.kernels.cuda.source import THREADS, CudaSource
from rtvideo.kernels.cuda.temporal_state import ZEROED, TemporalLayout, TemporalState
from rtvideo.kernels.ir.program import Program
from rtvideo.kernels.structs import Format, PlanePointers, TimeConstants

#: Rows of a band where memory is short: few enough to help, many beside those that are made twice.
_BAND = 256


@dataclass(frozen=True)
class DevicePlane:
    """A plane in device memory: its address, and bytes from row to row."""

    address: int
    stride: int


class CudaNetwork:
    """A network for frames of one size and format. Not thread-safe.

    Args:
        device: current for the calling thread.
        program: lowered with f32 weights.
        packed: tensors in half precision, none for f32.
        geometry: of the frames.
        tensor_cores: multiply packed tensors there.

    Raises:
        UnavailableError: it cannot be compiled, or memory is short.
    """

    def __init__(
        self, device: CudaDevice, program: Program, packed: frozenset[str], geometry: Geometry,
        *, tensor_cores: bool = False,
    ) -> None:  # fmt: skip
        self._device, self._program, self._packed = device, program, packed
        self._tensor_cores = tensor_cores
        self._size, self._stack = (geometry.width, geometry.height), ExitStack()
        self.stream = device.stream(self._stack)
        self._layout = format_on_device(device, self.stream, geometry, self._stack)
        self._variants: dict[tuple[bool, bool, bool], _Variant] = {}
        self._temporal = TemporalLayout(geometry, launch.light(program, *self._size))
        self._states: deque[TemporalState] = deque()
        self._debanding = DebandingLayout(geometry)
        self._bands: DebandingState | None = None

    def run(
        self,
        planes: Sequence[DevicePlane],
        out: Sequence[DevicePlane],
        strength: float,
        denoise: float,
        time: TimeConstants | None = None,
        deband: float = 0.0,
        brightness: float = 0.0,
        dither: bool = False,
    ) -> None:
        """Enqueue a frame on `stream`: ``strength`` above 0, ``denoise`` 0 skips noise removal.

        The first frame with (or without) noise removal, time constants or debanding compiles its kernels.

        Args:
            time: how much the frames before count; None, or no frames to average over: not at all.
            deband: how much of the bands near black is smoothed first.
            brightness, dither: see `rtvideo.engines.session.Settings`.
        """
        temporal = time is not None and time.frames > 0
        variant = self._ready(denoise > 0, temporal, deband > 0)
        frame = variant.frame
        frame.strength, frame.denoise, frame.brightness = strength, denoise, brightness
        frame.dither = dither
        frame.input, frame.output = planes_of(planes), planes_of(out)
        if temporal:
            frame.time, frame.state = time, self._states[0]
            self._states.rotate()
        if self._bands is not None:
            self._bands.amount = deband
            frame.debanding = self._bands
        variant.run()

    def prepare(self, denoise: bool, temporal: bool = False, deband: bool = False) -> None:
        """Compile now what the first frame would."""
        self._ready(denoise, temporal, deband)

    def close(self) -> None:
        """Wait for what was enqueued and give everything back; closing twice is fine."""
        self._stack.close()
        self._variants.clear()

    def _ready(self, denoise: bool, temporal: bool, deband: bool) -> _Variant:
        if temporal and not self._states:
            self._allocate_state()
        if deband and self._bands is None:
            self._bands = self._debanding.state(self._room_for("deband", self._debanding.size))
        key = denoise and self._program.denoised is not None, temporal, deband
        if key not in self._variants:
            self._variants[key] = self._variant(*key)
        return self._variants[key]

    def _allocate_state(self) -> None:
        address = self._room_for("temporal", self._temporal.size)
        self._device.call("cuMemcpyHtoDAsync", address, bytes(ZEROED), ZEROED, self.stream)
        self._states.extend(self._temporal.state(address, now) for now in (0, 1))

    def _room_for(self, option: str, size: int) -> int:
        """Return the address of so many bytes that all variants share."""
        device = self._device
        try:
            address = device.allocate(size)
        except DeviceError as error:
            if error.status != OUT_OF_MEMORY:
                raise
            raise DeviceError(f"{error} for --{option}; use --{option} off", error.status) from None
        self._stack.callback(device.free, address)
        self._stack.callback(device.give_back, "cuStreamSynchronize", self.stream)
        return address

    def _variant(self, denoise: bool, temporal: bool, deband: bool) -> _Variant:
        source = emit(
            self._program, self._device.shared,
            denoise=denoise, temporal=temporal, deband=deband, packed=self._packed,
            tensor_cores=self._tensor_cores, kind=self._layout,
        )  # fmt: skip
        try:
            return self._planned(source, launch.whole(source, *self._size))
        except DeviceError as error:
            width, height = self._size
            plan = launch.in_bands(source, width, height, _BAND)
            if error.status != OUT_OF_MEMORY or plan.rows == height:
                raise
            logging.getLogger("rtvideo").warning(
                "%s: frames of %dx%d are made in bands of rows, a little slower", error, width, height
            )
            return self._planned(source, plan)

    def _planned(self, source: CudaSource, plan: LaunchPlan) -> _Variant:
        words = weights(self._program, self._packed, self._tensor_cores)
        with ExitStack() as stack:
            variant = _Variant(
                self._device, self.stream, source, plan, words, self._size, self._layout, stack
            )
            self._stack.push(stack.pop_all())
        return variant


class _Variant:
    """Kernels of one kind of frames: module, buffers and a graph, which ``stack`` gives back."""

    def __init__(
        self, device: CudaDevice, stream: Any, source: CudaSource, plan: LaunchPlan,
        words: Mapping[str, bytes],
        size: tuple[int, int], layout: Format, stack: ExitStack,
    ) -> None:  # fmt: skip
        self._device, self._stream = device, stream
        module = CudaModule(device, source.text, stack)
        self.frame = launch.frame_type(len(source.buffers))()
        self._constants = module.address("frame", ctypes.sizeof(self.frame))
        # On the stream that reads them: it waits for no other, and a copy may end after the call.
        for name, one in words.items():
            device.call("cuMemcpyHtoDAsync", module.address(name, len(one)), one, len(one), stream)
        self.frame.format, (self.frame.width, self.frame.height) = layout, size
        self.frame.rows = plan.rows
        for k, length in enumerate(launch.sizes(source, *size, plan.rows)):
            self.frame.buffers[k] = address = device.allocate(length)
            stack.callback(device.free, address)
        self._told = b""
        kernels = {one.name: module.kernel(one.name, one.shared) for one in source.launches}
        self.calls = [(call, kernels[call.launch.name]) for call in plan.calls]

        def launch_all() -> None:
            for call, kernel in self.calls:
                blocks, rows = (call.across, call.down), (call.first, call.origin)
                device.launch(kernel, blocks, THREADS, call.launch.shared, stream, rows)

        self._graph = device.graph(stream, launch_all, stack)

    def run(self) -> None:
        """Enqueue a frame as ``frame`` describes it."""
        told = bytes(self.frame)
        if told != self._told:
            # From memory that is not pinned: the driver has its own copy when this returns.
            self._device.call("cuMemcpyHtoDAsync", self._constants, told, len(told), self._stream)
            self._told = told
        self._device.call("cuGraphLaunch", self._graph, self._stream)


def weights(program: Program, packed: frozenset[str], tensor_cores: bool) -> dict[str, bytes]:
    """Return variable of a network's source -> what it must hold."""
    if not (tensor_cores and packed):
        return {"w": packing.data(program, packed).tobytes()}
    others = matrices.without(program, packed)
    return {
        "w": packing.data(others, frozenset()).tobytes(),
        "matrices": matrices.data(program, packed).tobytes(),
    }


def planes_of(planes: Sequence[DevicePlane]) -> PlanePointers:
    """Return planes as kernels are told them."""
    found = PlanePointers()
    for k, plane in enumerate(planes):
        found.data[k], found.stride[k] = ctypes.c_void_p(plane.address), plane.stride
    return found
