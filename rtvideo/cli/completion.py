"""Completion of flags and values in bash, zsh and fish, by argcomplete (docs/files.md#shell-completion)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from rtvideo.options import AUTO


def complete(flags: argparse.ArgumentParser) -> None:
    """Answer a shell that asks how a command line may go on, and end; else do nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    values = {
        "model": _models,
        "engine": _engines,
        "device": lambda: ["auto", "cpu", "cuda"],
        "codec": _encoders,
        **dict.fromkeys(AUTO, lambda: ["auto", "off", "on"]),
    }
    for action in flags._actions:
        if action.dest in values:
            action.completer = _completer(values[action.dest])  # type: ignore[attr-defined]
    argcomplete.autocomplete(flags)


def _completer(names: Callable[[], list[str]]) -> Callable[..., list[str]]:
    def completer(**asked: Any) -> list[str]:
        return names()

    return completer


def _models() -> list[str]:
    from rtvideo.models import names

    return names()


def _engines() -> list[str]:
    from rtvideo.engines.registry import ENGINES

    return ["auto", *(engine.name for engine in ENGINES)]


def _encoders() -> list[str]:
    from rtvideo.media.encoders import usual_encoders

    return list(usual_encoders())
