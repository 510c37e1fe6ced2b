"""The network as ONNX, run by torch: a reference on any device. On a GPU it has not run yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from rtvideo.engines.gpu.tensor import Network, TensorSession, network_file
from rtvideo.engines.rgb import RgbConverter
from rtvideo.engines.session import Settings, check_strength
from rtvideo.engines.sync import SyncSession
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Planes
from rtvideo.models import Model, read_network


def runtime() -> Any:
    """Return the torch module.

    Raises:
        UnavailableError: it is not installed or cannot be loaded; the message says how to get it.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise UnavailableError(f"engine torch needs torch: pip install 'rtvideo[torch]' ({error})") from None
    return torch


class TorchSession(SyncSession):
    """A `rtvideo.engines.session.Session` of torch on the CPU, one frame at a time.

    Args:
        model, geometry, settings, threads: as `rtvideo.engines.open_session`. Torch has one number of threads
            for the whole process, which this sets.

    Raises:
        UsageError, UnavailableError: as `rtvideo.engines.open_session`.
    """

    name = "torch cpu"

    def __init__(self, model: Model, geometry: Geometry, settings: Settings, *, threads: int) -> None:
        super().__init__(geometry, settings, threads)
        self._torch = runtime()
        self._torch.set_num_threads(threads)
        self._model = model
        self._converter = RgbConverter(geometry)
        self._rgb = np.empty((1, 3, geometry.height, geometry.width), np.float32)
        self._networks: dict[Path, Any] = {}
        self._check()
        self._network()

    def close(self) -> None:
        """Give networks and buffers back."""
        self._networks.clear()
        self._rgb = np.empty((1, 3, 0, 0), np.float32)

    def _enhance(self, planes: Planes, out: Planes, time: float | None) -> None:
        torch, network = self._torch, self._network()
        self._converter.to_rgb(planes, self._rgb[0])
        scalars = [torch.tensor(getattr(self.settings, name)) for name in network.scalars]
        with _failures(), torch.inference_mode():
            enhanced = network(torch.from_numpy(self._rgb), *scalars)
        self._converter.from_rgb(enhanced[0].numpy(), out)

    def _network(self) -> Any:
        path = self._model.network(denoise=self.settings.denoise > 0)
        if path not in self._networks:
            self._networks[path] = _read(path)
        network = self._networks[path]
        check_strength(self._model.name, self.settings, network.scalars)
        return network


class TorchCudaSession(TensorSession):
    """A `rtvideo.engines.session.Session` of torch on a CUDA device; frames come out one behind.

    Args:
        model, geometry, settings, number, half: as for `TensorSession`.

    Raises:
        UnavailableError: torch is missing or has no CUDA, or as `TensorSession`.
        UsageError: as `TensorSession`, or a strength that the network does not have.
    """

    engine = "torch"

    def _open(self, stack: ExitStack) -> Any:
        torch = self._torch = runtime()
        if not torch.cuda.is_available():
            raise UnavailableError(
                f"engine torch: torch {torch.__version__} cannot use CUDA here; "
                "pytorch.org/get-started/locally has the command for one that can"
            )
        stream = super()._open(stack)
        self._place = f"cuda:{self._device.number}"
        self._torch_stream = torch.cuda.ExternalStream(int(stream), device=self._place)
        return stream

    def _network(self, denoise: bool, stack: ExitStack) -> Network:
        torch, tensors = self._torch, self._tensors
        network = _read(network_file(self._model, denoise=denoise, half=self._half)).to(self._place)
        check_strength(self._model.name, self.settings, network.scalars)
        shape = (1, 3, self._geometry.height, self._geometry.width)
        ends = tensors.ends(half_image=network.half_image, half_enhanced=network.half_enhanced)
        image = self._view(ends.image, shape, half=ends.half_image)
        enhanced = self._view(ends.enhanced, shape, half=ends.half_enhanced)
        scalars = [self._view(tensors.scalars[name], ()) for name in network.scalars]

        def work() -> None:
            with (
                _failures(),
                torch.inference_mode(),
                torch.cuda.stream(self._torch_stream),
                torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            ):
                enhanced.copy_(network(image, *scalars))

        return Network(ends, self._as_graph(work))

    def _as_graph(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what does the same work as one CUDA graph."""
        torch = self._torch
        work()  # what is set up at first cannot be in a graph
        graph = torch.cuda.CUDAGraph()
        with _failures(), torch.cuda.graph(graph, stream=self._torch_stream):
            work()

        def replay() -> None:
            with _failures(), torch.cuda.stream(self._torch_stream):
                graph.replay()

        return replay

    def _view(self, address: int, shape: tuple[int, ...], *, half: bool = False) -> Any:
        """Return device memory of ours as a tensor."""
        return self._torch.as_tensor(_Memory(address, shape, half), device=self._place)


class _Memory:
    """Memory of f32 or f16 on a device, for whoever knows the CUDA array interface."""

    def __init__(self, address: int, shape: tuple[int, ...], half: bool) -> None:
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "shape": shape,
            "typestr": "<f2" if half else "<f4",
            "strides": None,
            "version": 3,
        }


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Turn torch's errors, memory that is short among them, into ours."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, UnavailableError):
            raise
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnavailableError(f"engine torch failed: {line[:200]}") from error


def _read(path: Path) -> Any:
    from rtvideo.engines.torch_graph import OnnxModule

    return OnnxModule(read_network(path), str(path)).eval()
