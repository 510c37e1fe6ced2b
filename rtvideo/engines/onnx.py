"""The network as ONNX, run by onnxruntime on the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rtvideo.engines.rgb import Array, RgbConverter
from rtvideo.engines.session import Settings, check_scalars, no_network
from rtvideo.engines.sync import SyncSession
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Planes, pass_through
from rtvideo.models import Model
from rtvideo.models.onnx import first_line, open_network, runtime


class OnnxSession(SyncSession):
    """A `rtvideo.engines.session.Session`: planes to RGB, the network, RGB to planes, one frame at a time.

    With ``denoise`` 0 the network without noise removal runs; the other one is opened when first asked for.

    Raises:
        UsageError, UnavailableError: as `rtvideo.engines.opening.open_session`.
    """

    engine = "onnx"
    name = "onnx cpu"

    def __init__(self, model: Model, geometry: Geometry, settings: Settings, *, threads: int) -> None:
        super().__init__(model, geometry, settings, threads)
        self._converter = RgbConverter(geometry)
        self._rgb = np.empty((1, 3, geometry.height, geometry.width), np.float32)
        self._enhanced = np.empty_like(self._rgb)
        self._networks: dict[Path, _Network] = {}
        self._check()
        self._network()

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry) -> str | None:
        """See `rtvideo.engines.registry.SessionType`."""
        return no_network(model)

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`."""
        return f"onnxruntime {runtime().__version__}"

    def close(self) -> None:
        """Free networks and buffers."""
        self._networks.clear()
        self._rgb = self._enhanced = np.empty((1, 3, 0, 0), np.float32)

    def enhance(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """See `SyncSession.enhance`."""
        if self.settings.strength == 0:
            pass_through(planes, out)
            return
        network = self._network()
        self._converter.to_rgb(planes, self._rgb[0])
        network.run(replace(self.settings, denoise=self._noise.denoise(self.settings, planes, time)))
        self._converter.from_rgb(self._enhanced[0], out)

    def _network(self) -> _Network:
        path = self._model.network(denoise=self.settings.denoise > 0)
        if path not in self._networks:
            self._networks[path] = _Network(path, self._rgb, self._enhanced, self.threads)
        network = self._networks[path]
        check_scalars(self._model.name, self.settings, network.scalars)
        return network


class _Network:
    """One open ONNX file, bound to an input and an output buffer."""

    def __init__(self, path: Path, image: Array, enhanced: Array, threads: int) -> None:
        self._session = open_network(path, threads)
        self.scalars = {i.name for i in self._session.get_overridable_initializers()}
        taken, made = (end.name for end in image_and_enhanced(self._session, path))
        self._binding = self._session.io_binding()
        self._binding.bind_cpu_input(taken, image)
        self._binding.bind_output(made, "cpu", 0, np.float32, image.shape, enhanced.ctypes.data)
        self._path = path

    def run(self, settings: Settings) -> None:
        """Enhance the image in the input buffer."""
        for name in self.scalars & {"strength", "denoise", "brightness"}:
            # bind_cpu_input knows required inputs only, and these have defaults.
            value = runtime().OrtValue.ortvalue_from_numpy(np.array(getattr(settings, name), np.float32))
            self._binding.bind_ortvalue_input(name, value)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise UnavailableError(f"{self._path}: onnxruntime failed: {first_line(error)}") from error


@dataclass(frozen=True)
class End:
    """The input or the output of a network.

    Attributes:
        half: f16; else f32.
    """

    name: str
    half: bool

    @property
    def dtype(self) -> type[np.generic]:
        """The type of its values."""
        return np.float16 if self.half else np.float32


def image_and_enhanced(session: Any, path: Path, *, half: bool = False) -> tuple[End, End]:
    """Return an open network's input and output; with ``half`` they may be f16.

    Raises:
        UnavailableError: it is not one image to one image.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    kinds = {"tensor(float)": False} | ({"tensor(float16)": True} if half else {})
    ends = inputs[:1] + outputs[:1]
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or any(end.type not in kinds for end in ends):
        allowed = "f32 or f16" if half else "f32"
        raise UnavailableError(f"{path}: must take one image and return one ({allowed}, NCHW, RGB 0..1)")
    image, enhanced = (End(end.name, kinds[end.type]) for end in ends)
    return image, enhanced
