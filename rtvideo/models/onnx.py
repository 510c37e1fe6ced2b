"""ONNX files, opened by onnxruntime, which is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rtvideo.errors import UnavailableError
from rtvideo.models.files import read_network
from rtvideo.version import install


def runtime() -> Any:
    """Return the onnxruntime module.

    Raises:
        UnavailableError: it is not installed or cannot be loaded; the message says how to get it.
    """
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise UnavailableError(f"engine onnx needs onnxruntime: {install('onnx')} ({error})") from None
    return onnxruntime


def metadata(path: Path) -> dict[str, str]:
    """Return the metadata properties of an ONNX file.

    Raises:
        UnavailableError: onnxruntime is missing or does not take the file.
    """
    try:
        return dict(open_network(path, threads=1).get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise UnavailableError(f"{path}: its metadata is not text: {error}") from None


def open_network(path: Path, threads: int, providers: Sequence[Any] = ("CPUExecutionProvider",)) -> Any:
    """Open an ONNX file. Warnings of onnxruntime are silenced: they are of no use to the user.

    Raises:
        UnavailableError: the file or onnxruntime cannot be used.
    """
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A pool that spins between operators takes the cores that decoding and encoding need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(read_network(path), options, providers=list(providers))
    except UnavailableError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        raise UnavailableError(
            f"{path}: not a network that onnxruntime can run: {first_line(error)}"
        ) from None


def first_line(error: Exception) -> str:
    """Return the first line of an exception of onnxruntime, which may have pages of them."""
    return str(error).splitlines()[0][:200]
