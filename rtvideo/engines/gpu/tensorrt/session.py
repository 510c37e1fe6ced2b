"""The network as ONNX, run by TensorRT or TensorRT for RTX, with frames converted on the device.

This engine has not run on a GPU yet: its plans are built in the tests, and run by a stand-in.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rtvideo.engines.gpu.session import need_driver
from rtvideo.engines.gpu.tensor import OpenNetwork, TensorSession, network_file
from rtvideo.engines.gpu.tensorrt.package import MODULES, Package, load
from rtvideo.engines.gpu.tensorrt.plans import Machine, Plans
from rtvideo.engines.session import check_scalars
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.models import Model

_TYPES = "f32 or f16"


class TensorRTSession(TensorSession):
    """A `rtvideo.engines.session.Session` of TensorRT plans; frames come out one behind.

    A plan for frames of this size is built when there is none, which may take a minute; see
    `rtvideo.engines.gpu.tensorrt.plans`. A frame is one CUDA graph, from planes to planes.

    Raises:
        UnavailableError: TensorRT is missing or cannot run the network, or as `TensorSession`.
        UsageError: as `TensorSession`, or a strength that the network does not have.
    """

    engine = "tensorrt"
    graphs = True

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry) -> str | None:
        """See `rtvideo.engines.registry.SessionType`."""
        found = any(importlib.util.find_spec(name) for name in MODULES)
        return TensorSession.unsupported_reason(model, geometry) or (
            None if found else "TensorRT is not installed"
        )

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`."""
        package = load()
        need_driver()
        return str(package)

    def _open(self, stack: ExitStack) -> Any:
        self._package = load()
        if self._package.rtx:
            self.engine = "tensorrt-rtx"
        device = self._device
        self._plans = Plans(self._package, Machine(device.name, device.capability))
        self._runtime = self._package.module.Runtime(self._package.logger)
        return super()._open(stack)

    def _network(self, denoise: bool, stack: ExitStack) -> OpenNetwork:
        file = network_file(self._model, denoise=denoise, half=self._half)
        plan, engine = self._engine(file)
        context = self._context(engine, plan, stack)
        trt, tensors = self._package.module, self._tensors
        names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
        inputs = {name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT}
        scalars = inputs & tensors.scalars.keys()
        wanted = {"strength", "denoise"} if denoise else {"strength"}
        if self._model.description is not None and not wanted <= scalars:
            raise UnavailableError(f"{file}: {self._package} made constants of its inputs")
        check_scalars(self._model.name, self.settings, scalars)
        images, outputs = sorted(inputs - scalars), [name for name in names if name not in inputs]
        if len(images) != 1 or len(outputs) != 1:
            raise UnavailableError(f"{file}: must take one image and return one ({_TYPES}, NCHW, RGB 0..1)")
        kinds = [engine.get_tensor_dtype(name) for name in (images[0], outputs[0])]
        if not {*kinds} <= {trt.float32, trt.float16}:
            raise UnavailableError(f"{file}: must take and return {_TYPES}, not {kinds[0]} and {kinds[1]}")
        halves = [kind == trt.float16 for kind in kinds]
        ends = tensors.ends(half_image=halves[0], half_enhanced=halves[1])
        context.set_input_shape(images[0], (1, 3, self._geometry.height, self._geometry.width))
        addresses = {images[0]: ends.image, outputs[0]: ends.enhanced}
        for name, address in (addresses | {name: tensors.scalars[name] for name in scalars}).items():
            context.set_tensor_address(name, address)
        return OpenNetwork(ends, functools.partial(self._enqueue_network, context))

    def _enqueue_network(self, context: Any) -> None:
        if not context.execute_async_v3(int(self._stream)):
            raise self._failure("failed")

    def _engine(self, file: Path) -> tuple[Path, Any]:
        """Return a plan and the engine that the runtime makes of it; a refused plan is rebuilt once."""
        size = self._geometry.width, self._geometry.height
        plan = self._plans.best(file, *size)
        engine = self._runtime.deserialize_cuda_engine(plan.read_bytes())
        if engine is None:
            self._plans.forget(plan)
            plan = self._plans.best(file, *size)
            engine = self._runtime.deserialize_cuda_engine(plan.read_bytes())
        if engine is None:
            raise self._failure(f"does not take the plan that it built for {file.name}")
        return plan, engine

    def _context(self, engine: Any, plan: Path, stack: ExitStack) -> Any:
        """Return an execution context; RTX's keeps the kernels that it compiles, beside the plan."""
        configuration = None
        if self._package.rtx:
            configuration = engine.create_runtime_config()
            major, minor = self._device.capability
            kernels, kept = configuration.create_runtime_cache(), plan.with_suffix(f".sm{major}{minor}")
            with contextlib.suppress(OSError):  # there is none yet
                kernels.deserialize(kept.read_bytes())
            configuration.set_runtime_cache(kernels)
            stack.callback(_keep, kernels, kept)
        arguments = () if configuration is None else (configuration,)
        context = engine.create_execution_context(*arguments)
        if context is None:
            raise self._failure("cannot run the network")
        return context

    def _failure(self, what: str) -> UnavailableError:
        package: Package = self._package
        reason = package.logger.error or "it does not say why"
        return UnavailableError(f"{package} {what} on {self._device.name}: {reason}")


def _keep(kernels: Any, path: Path) -> None:
    with contextlib.suppress(OSError):
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_bytes(bytes(kernels.serialize()))
        temporary.replace(path)
