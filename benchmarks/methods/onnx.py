"""Networks in ONNX files, run by onnxruntime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.errors import UnavailableError
from rtvideo.models.onnx import runtime


def open_network(path: Path, threads: int = 0) -> Any:
    """Return a session of an ONNX file (RGB 0..1, NCHW, in and out); ``threads`` 0 is onnxruntime's choice.

    Raises:
        UnavailableError: onnxruntime is missing, or the file is missing or not a network.
    """
    options = runtime().SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # it warns of every input that has a default
    # Threads may wait busily inside a run, as by default, but not into the next contestant's time.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return runtime().InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        raise UnavailableError(f"{path}: cannot be opened: {str(error).splitlines()[0]}") from None


def nchw(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return (H, W, 3) in 8 bits as (1, 3, H, W) in 0..1."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
