"""The network and its training. Importing this is light: torch comes with the first name that needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.checkpoint import load, save
    from model.released import load_released
    from model.ruas import RUAS

__all__ = ["RUAS", "load", "load_released", "save"]

_HOME = {
    "RUAS": "model.ruas",
    "load": "model.checkpoint",
    "save": "model.checkpoint",
    "load_released": "model.released",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'model' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
