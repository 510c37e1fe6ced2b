"""The network as ONNX, run by onnxruntime on a CUDA device. This engine has not run on a GPU yet."""

from __future__ import annotations

import contextlib
import functools
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from rtvideo.engines.gpu.session import need_driver
from rtvideo.engines.gpu.tensor import OpenNetwork, TensorSession, network_file
from rtvideo.engines.onnx import image_and_enhanced
from rtvideo.engines.session import check_scalars
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.models import Model, onnx
from rtvideo.version import install, installed

PROVIDER = "CUDAExecutionProvider"

_INSTALL = f"pip uninstall -y onnxruntime && {install('onnx-gpu')}"


def runtime() -> Any:
    """Return the onnxruntime module, one that was built for CUDA.

    Raises:
        UnavailableError: it is missing, or of the other kind; the message says how to get it.
    """
    ort = onnx.runtime()
    if PROVIDER not in ort.get_available_providers():
        raise UnavailableError(
            f"engine onnx on cuda: onnxruntime {ort.__version__} is here without CUDA; run: {_INSTALL}"
        )
    if hasattr(ort, "preload_dlls"):
        # CUDA's libraries as pip installs them; what is missing shows when a session is opened.
        with contextlib.suppress(Exception):
            ort.preload_dlls()
    return ort


class OnnxCudaSession(TensorSession):
    """A `rtvideo.engines.session.Session` of onnxruntime on a CUDA device; frames come out one behind.

    Raises:
        UnavailableError: onnxruntime cannot use the device (it would silently run on the CPU), cannot run
            the network, or as `TensorSession`.
        UsageError: as `TensorSession`, or a strength that the network does not have.
    """

    engine = "onnx"

    @staticmethod
    def unsupported_reason(model: Model, geometry: Geometry) -> str | None:
        """See `rtvideo.engines.registry.SessionType`."""
        missing = None if installed("onnxruntime-gpu") else "onnxruntime-gpu is not installed"
        return TensorSession.unsupported_reason(model, geometry) or missing

    @staticmethod
    def probe() -> str:
        """See `rtvideo.engines.registry.SessionType`."""
        need_driver()
        return f"onnxruntime {runtime().__version__}"

    def _open(self, stack: ExitStack) -> Any:
        self._ort = runtime()
        return super()._open(stack)

    def _network(self, denoise: bool, stack: ExitStack) -> OpenNetwork:
        file = network_file(self._model, denoise=denoise, half=self._half)
        options = {
            "device_id": str(self._device.index),
            "user_compute_stream": str(int(self._stream)),
            "use_tf32": "0",
        }
        session = onnx.open_network(file, 1, [(PROVIDER, options)])
        if session.get_providers()[0] != PROVIDER:
            raise UnavailableError(
                f"onnxruntime {self._ort.__version__} cannot use {self._device.name} and would run on the "
                "CPU: CUDA or cuDNN is missing or of another version; "
                "run: pip install 'onnxruntime-gpu[cuda,cudnn]'"
            )
        image, enhanced = image_and_enhanced(session, file, half=True)
        ends = self._tensors.ends(half_image=image.half, half_enhanced=enhanced.half)
        scalars = {i.name for i in session.get_overridable_initializers()} & self._tensors.scalars.keys()
        check_scalars(self._model.name, self.settings, scalars)
        shape, place = (1, 3, self._geometry.height, self._geometry.width), ("cuda", self._device.index)
        binding = session.io_binding()
        binding.bind_input(image.name, *place, image.dtype, shape, ends.image)
        binding.bind_output(enhanced.name, *place, enhanced.dtype, shape, ends.enhanced)
        return OpenNetwork(ends, functools.partial(self._enqueue_network, session, binding, scalars, file))

    def _enqueue_network(self, session: Any, binding: Any, scalars: set[str], file: Path) -> None:
        check_scalars(self._model.name, self.settings, scalars)
        for name in scalars:
            # From main memory: bound by address, inputs that have a default are not known to every version.
            value = np.array(getattr(self.settings, name), np.float32)
            binding.bind_ortvalue_input(name, self._ort.OrtValue.ortvalue_from_numpy(value))
        options = self._ort.RunOptions()
        # The stream is the session's, and whoever needs the frame waits for its event.
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        try:
            session.run_with_iobinding(binding, options)
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise UnavailableError(f"{file}: onnxruntime failed: {onnx.first_line(error)}") from error
