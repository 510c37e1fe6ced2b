"""TensorRT as it is installed: `tensorrt` 10 or 11, or TensorRT for RTX with the same interface."""

from __future__ import annotations

import functools
import importlib
import logging
from dataclasses import dataclass
from typing import Any

from rtvideo.errors import UnavailableError
from rtvideo.version import install

#: Modules in the order in which they are looked for. The last is what RTX's wheels of libraries and bindings
#: bring without the one that only names them.
MODULES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")

_INSTALL = (
    f"{install('tensorrt')}, which takes data-centre and Jetson GPUs too; "
    f"or {install('tensorrt-rtx')}, for GeForce and RTX"
)


@dataclass(frozen=True)
class Package:
    """The Python package that is used.

    Attributes:
        module: of the two, whichever it is.
        rtx: TensorRT for RTX: its plans fit any RTX GPU and are made into kernels when they are loaded.
        logger: the one that everything of this process shares; its last error is the reason of a failure.
    """

    module: Any
    rtx: bool
    logger: Any

    @property
    def version(self) -> str:
        """In full, as plans are tied to it."""
        return str(self.module.__version__)

    def __str__(self) -> str:
        return f"TensorRT{' for RTX' if self.rtx else ''} {self.version}"


@functools.cache
def load() -> Package:
    """Return the first of `MODULES` that can be imported.

    Raises:
        UnavailableError: there is none; the message says how to get one.
    """
    reasons = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
            logger = _logger(module)
        except ModuleNotFoundError as error:
            if error.name != name:
                reasons.append(str(error))
            continue
        except (ImportError, OSError, AttributeError) as error:  # libraries that are missing beside it
            reasons.append(" ".join(str(error).split())[:150])
            continue
        return Package(module, "rtx" in name, logger)
    why = f" ({reasons[0]})" if reasons else ""
    raise UnavailableError(f"engine tensorrt needs TensorRT: {_INSTALL}{why}")


def _logger(module: Any) -> Any:
    """Return an ``ILogger`` that keeps the last error and passes the rest on for -v."""
    log = logging.getLogger("rtvideo.engines.gpu.tensorrt")

    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.error = ""

        def log(self, severity: Any, message: str) -> None:
            line = " ".join(message.split())
            if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                self.error = line[:300]
            log.debug("%s", line)

    return Logger()
