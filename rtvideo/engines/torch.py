"""The network as ONNX, run by torch on the CPU: a reference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rtvideo.engines.rgb import RgbConverter
from rtvideo.engines.session import Settings, check_scalars, no_network
from rtvideo.engines.sync import SyncSession
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Planes, pass_through
from rtvideo.models import Model
from rtvideo.models.files import read_network
from rtvideo.version import install, installed


def runtime() -> Any:
    """Return the torch module.

    Raises:
        UnavailableError: it is not installed or cannot be loaded; the message says how to get it.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise UnavailableError(f"engine torch needs torch: {install('torch')} ({error})") from None
    return torch


class TorchSession(SyncSession):
    """A `rtvideo.engines.session.Session` of torch on the CPU, one frame at a time.

    Args:
        model, geometry, settings, threads: as `rtvideo.engines.opening.open_session`. Torch has one number
            of threads for the whole process, which this sets.

    Raises:
        UsageError, UnavailableError: as `rtvideo.engines.opening.open_session`.
    """

    engine = "torch"
    name = "torch cpu"

    def __init__(self, model: Model, geometry: Geometry, settings: Settings, *, threads: int) -> None:
        super().__init__(model, geometry, settings, threads)
        self._torch = runtime()
        self._torch.set_num_threads(threads)
        self._converter = RgbConverter(geometry)
        self._rgb = np.empty((1, 3, geometry.height, geometry.width), np.float32)
        self._networks: dict[Path, Any] = {}
        self._check()
        self._network()

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry) -> str | None:
        """See `rtvideo.engines.registry.SessionType`."""
        return no_network(model)

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`. Does not import torch, which takes seconds."""
        if (version := installed("torch")) is None:
            raise UnavailableError(f"engine torch needs torch: {install('torch')}")
        return f"torch {version}"

    def close(self) -> None:
        """Free networks and buffers."""
        self._networks.clear()
        self._rgb = np.empty((1, 3, 0, 0), np.float32)

    def enhance(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """See `SyncSession.enhance`."""
        if self.settings.strength == 0:
            pass_through(planes, out)
            return
        torch, network = self._torch, self._network()
        self._converter.to_rgb(planes, self._rgb[0])
        now = replace(self.settings, denoise=self._noise.denoise(self.settings, planes, time))
        scalars = [torch.tensor(getattr(now, name)) for name in network.scalars]
        with torch_errors(), torch.inference_mode():
            enhanced = network(torch.from_numpy(self._rgb), *scalars)
        self._converter.from_rgb(enhanced[0].numpy(), out)

    def _network(self) -> Any:
        path = self._model.network(denoise=self.settings.denoise > 0)
        if path not in self._networks:
            self._networks[path] = read_module(path)
        network = self._networks[path]
        check_scalars(self._model.name, self.settings, network.scalars)
        return network


@contextlib.contextmanager
def torch_errors() -> Iterator[None]:
    """Turn torch's errors, such as a lack of memory, into `UnavailableError`."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, UnavailableError):
            raise
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnavailableError(f"engine torch failed: {line[:200]}") from error


def read_module(path: Path) -> Any:
    """Return the network of an ONNX file as a torch module.

    Raises:
        UnavailableError: the package onnx is missing, or torch cannot run the network.
    """
    from rtvideo.engines.torch_graph import OnnxModule

    return OnnxModule(read_network(path), str(path)).eval()
