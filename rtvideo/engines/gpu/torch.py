"""The network as ONNX, run by torch on a CUDA device. This engine has not run on a GPU yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rtvideo.engines.gpu.session import need_driver
from rtvideo.engines.gpu.tensor import OpenNetwork, TensorSession, network_file
from rtvideo.engines.session import check_scalars
from rtvideo.engines.torch import read_module, runtime, torch_errors
from rtvideo.errors import UnavailableError


def _torch_for_cuda() -> Any:
    torch = runtime()
    if not torch.cuda.is_available():
        raise UnavailableError(
            f"engine torch: torch {torch.__version__} cannot use CUDA here; "
            "pytorch.org/get-started/locally has the command for one that can"
        )
    return torch


class TorchCudaSession(TensorSession):
    """A `rtvideo.engines.session.Session` of torch on a CUDA device; frames come out one behind.

    Args:
        model, geometry, settings, device_index, half: as for `TensorSession`.

    Raises:
        UnavailableError: torch is missing or has no CUDA, or as `TensorSession`.
        UsageError: as `TensorSession`, or a strength that the network does not have.
    """

    engine = "torch"

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`."""
        need_driver()
        return f"torch {_torch_for_cuda().__version__}"

    def _open(self, stack: ExitStack) -> Any:
        torch = self._torch = _torch_for_cuda()
        stream = super()._open(stack)
        self._place = f"cuda:{self._device.index}"
        self._torch_stream = torch.cuda.ExternalStream(int(stream), device=self._place)
        return stream

    def _network(self, denoise: bool, stack: ExitStack) -> OpenNetwork:
        torch, tensors = self._torch, self._tensors
        network = read_module(network_file(self._model, denoise=denoise, half=self._half)).to(self._place)
        check_scalars(self._model.name, self.settings, network.scalars)
        shape = (1, 3, self._geometry.height, self._geometry.width)
        ends = tensors.ends(half_image=network.half_image, half_enhanced=network.half_enhanced)
        image = self._view(ends.image, shape, half=ends.half_image)
        enhanced = self._view(ends.enhanced, shape, half=ends.half_enhanced)
        scalars = [self._view(tensors.scalars[name], ()) for name in network.scalars]

        def work() -> None:
            with (
                torch_errors(),
                torch.inference_mode(),
                torch.cuda.stream(self._torch_stream),
                torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            ):
                enhanced.copy_(network(image, *scalars))

        return OpenNetwork(ends, self._as_graph(work))

    def _as_graph(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what does the same work as one CUDA graph."""
        torch = self._torch
        work()  # what is set up at first cannot be in a graph
        graph = torch.cuda.CUDAGraph()
        with torch_errors(), torch.cuda.graph(graph, stream=self._torch_stream):
            work()

        def replay() -> None:
            with torch_errors(), torch.cuda.stream(self._torch_stream):
                graph.replay()

        return replay

    def _view(self, address: int, shape: tuple[int, ...], *, half: bool = False) -> Any:
        """Return device memory of ours as a tensor."""
        return self._torch.as_tensor(_Memory(address, shape, half), device=self._place)


class _Memory:
    """Device memory of f32 or f16, as the CUDA array interface describes it."""

    def __init__(self, address: int, shape: tuple[int, ...], half: bool) -> None:
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "shape": shape,
            "typestr": "<f2" if half else "<f4",
            "strides": None,
            "version": 3,
        }
