"""Stand-ins for runtimes on a `FakeCuda`, whose memory is main memory: networks run on the processor.

Everything goes onto the fake's stream and happens when somebody waits for it.
"""

from __future__ import annotations

import ctypes
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime

from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda


def array_at(address: int, shape: tuple[int, ...], kind: Any = np.float32) -> np.ndarray:
    """Values at an address, f32 if nothing else is said."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address)).view(kind).reshape(shape)


def kind_of(end: Any) -> Any:
    """numpy's type of an input or output as onnxruntime describes it."""
    return np.float16 if end.type == "tensor(float16)" else np.float32


class _Session:
    """An ONNX network whose tensors lie at addresses."""

    def __init__(self, data: bytes, scalars: list[str]) -> None:
        self.session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        self.image = self.session.get_inputs()[0].name
        self.scalars = scalars

    def run(self, addresses: dict[str, int], shape: tuple[int, ...]) -> None:
        feeds = {name: array_at(addresses[name], ()).copy() for name in self.scalars}
        (source,), (target,) = self.session.get_inputs(), self.session.get_outputs()
        image = array_at(addresses[self.image], shape, kind_of(source))
        result = array_at(addresses[target.name], shape, kind_of(target))
        result[...] = self.session.run(None, {self.image: image, **feeds})[0]


class FakeTensorRT:
    """What the module ``tensorrt`` offers, as far as it is used. A plan is the version and the ONNX file.

    Attributes:
        builds: how many plans were built.
        broken: what no longer works: ``parse``, ``build`` or ``execute``.
    """

    class ILogger:
        ERROR, INTERNAL_ERROR = "error", "internal error"

    class TensorIOMode(Enum):
        INPUT, OUTPUT = 0, 1

    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    BuilderFlag = SimpleNamespace(TF32="TF32")
    float32, float16 = "f32", "f16"

    def __init__(self, cuda: FakeCuda | None = None, name: str = "tensorrt", version: str = "11.4.0") -> None:
        self.cuda, self.__name__, self.__version__ = cuda, name, version
        self.builds = 0
        self.broken = ""
        self.timings: list[bytes] = []
        self.profiles: list[list[tuple[int, ...]]] = []

    def Builder(self, logger: Any) -> Any:
        return SimpleNamespace(
            create_network=lambda flags: _Definition(flags),
            create_builder_config=lambda: _Config(self),
            create_optimization_profile=lambda: _Shapes(self),
            build_serialized_network=lambda definition, config: self._plan(definition, config, logger),
        )

    def OnnxParser(self, definition: _Definition, logger: Any) -> Any:
        def parse(data: bytes) -> bool:
            definition.data = data
            if self.broken == "parse":
                return False
            graph = onnx.load_model_from_string(data).graph
            constants = {tensor.name for tensor in graph.initializer}
            definition.inputs = [v.name for v in graph.input if v.name not in constants]
            for name in [v.name for v in graph.input if v.name in constants]:
                definition.layers.append(_Layer(["something", f"{name}_output"]))
            return True

        error = SimpleNamespace(desc=lambda: "no such\noperator")
        return SimpleNamespace(parse=parse, num_errors=1, get_error=lambda k: error)

    def Runtime(self, logger: Any) -> Any:
        return SimpleNamespace(deserialize_cuda_engine=self._engine)

    def _plan(self, definition: _Definition, config: _Config, logger: Any) -> bytes | None:
        self.builds += 1
        assert definition.flags == 1 << 1 and config.cleared == ["TF32"]
        if self.broken == "build":
            logger.log("error", "no tactic\nfor anything")
            return None
        scalars = ",".join(definition.inputs[1:])
        return f"{self.__version__}|{scalars}|".encode() + definition.data

    def _engine(self, plan: bytes) -> Any:
        version, scalars, data = plan.split(b"|", 2)
        if version.decode() != self.__version__ or self.broken == "take":
            return None
        session = _Session(data, [name for name in scalars.decode().split(",") if name])
        names = [session.image, *session.scalars, session.session.get_outputs()[0].name]
        context = _Context(self, session)
        ends = (*session.session.get_inputs(), *session.session.get_outputs())
        kinds = {end.name: "f16" if kind_of(end) == np.float16 else "f32" for end in ends}
        modes = {name: self.TensorIOMode.INPUT for name in names[:-1]} | {names[-1]: self.TensorIOMode.OUTPUT}
        return SimpleNamespace(
            num_io_tensors=len(names),
            get_tensor_name=names.__getitem__,
            get_tensor_mode=modes.__getitem__,
            get_tensor_dtype=lambda name: kinds[name],
            create_execution_context=lambda *configuration: context,
        )


class _Layer:
    def __init__(self, inputs: list[str]) -> None:
        self.inputs: list[Any] = [SimpleNamespace(name=name) for name in inputs]
        self.num_inputs = len(inputs)

    def get_input(self, k: int) -> Any:
        return self.inputs[k]

    def set_input(self, k: int, tensor: Any) -> None:
        self.inputs[k] = tensor


class _Definition:
    def __init__(self, flags: int) -> None:
        self.flags, self.data = flags, b""
        self.inputs: list[str] = []
        self.layers: list[_Layer] = []

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    def get_layer(self, k: int) -> _Layer:
        return self.layers[k]

    def get_input(self, k: int) -> Any:
        return SimpleNamespace(name=self.inputs[k])

    def add_input(self, name: str, kind: str, shape: tuple[int, ...]) -> Any:
        assert (kind, shape) == ("f32", ())
        self.inputs.append(name)
        return SimpleNamespace(name=name)


class _Config:
    def __init__(self, trt: FakeTensorRT) -> None:
        self.trt, self.cleared = trt, list[str]()
        self.timing = b""

    def clear_flag(self, flag: str) -> None:
        self.cleared.append(flag)

    def add_optimization_profile(self, shapes: Any) -> None: ...

    def create_timing_cache(self, data: bytes) -> Any:
        return None if data.startswith(b"foreign") else SimpleNamespace(data=data)

    def set_timing_cache(self, timing: Any, ignore_mismatch: bool) -> bool:
        self.timing = timing.data
        self.trt.timings.append(timing.data)
        return True

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: self.timing + b"+")


class _Shapes:
    def __init__(self, trt: FakeTensorRT) -> None:
        self.trt = trt

    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        self.trt.profiles.append(list(shapes))


class _Context:
    def __init__(self, trt: FakeTensorRT, session: _Session) -> None:
        self.trt, self.session = trt, session
        self.addresses: dict[str, int] = {}
        self.shape: tuple[int, ...] = ()

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        assert self.trt.cuda is not None
        self.trt.cuda.later(stream, lambda: self.session.run(self.addresses, self.shape))
        return self.trt.broken != "execute"


class FakeOnnxruntime:
    """The module ``onnxruntime`` as ``onnxruntime-gpu`` brings it.

    Attributes:
        active: providers that a session says are active.
        fail: what running a network raises, if anything.
        room: bytes that networks may take; one takes as much as its image. None for as many as it likes.
    """

    __version__ = onnxruntime.__version__
    SessionOptions, RunOptions = onnxruntime.SessionOptions, onnxruntime.RunOptions
    OrtValue = onnxruntime.OrtValue

    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda = cuda
        self.active = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        self.providers: list[Any] = []
        self.fail: Exception | None = None
        self.room: int | None = None

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, data: bytes, options: Any, providers: list[Any]) -> Any:
        self.providers = providers
        network = _Session(data, [])
        binding = _Binding()

        def run(bound: _Binding, options: Any) -> None:
            if self.fail:
                raise self.fail
            assert options.get_run_config_entry("disable_synchronize_execution_providers") == "1"
            _, shape, kind = bound.places["input"]
            if self.room is not None and np.dtype(kind).itemsize * np.prod(shape) > self.room:
                raise RuntimeError("BFCArena: Failed to allocate memory for requested buffer of size 9")
            feeds = {name: value.numpy().copy() for name, value in bound.scalars.items()}
            source, target = (array_at(*bound.places[k]) for k in ("input", "output"))

            def later() -> None:
                target[...] = network.session.run(None, {network.image: source, **feeds})[0]

            self.cuda.later(int(self.providers[0][1]["user_compute_stream"]), later)

        real = network.session
        return SimpleNamespace(
            get_providers=lambda: self.active,
            get_inputs=real.get_inputs,
            get_outputs=real.get_outputs,
            get_overridable_initializers=real.get_overridable_initializers,
            io_binding=lambda: binding,
            run_with_iobinding=run,
        )


class _Binding:
    def __init__(self) -> None:
        self.places: dict[str, tuple[int, tuple[int, ...], Any]] = {}
        self.scalars: dict[str, Any] = {}

    def bind_input(self, name: str, device: str, number: int, kind: Any, shape: Any, address: int) -> None:
        assert device == "cuda"
        self.places["input"] = address, shape, kind

    def bind_output(self, name: str, device: str, number: int, kind: Any, shape: Any, address: int) -> None:
        assert device == "cuda"
        self.places["output"] = address, shape, kind

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.scalars[name] = value
