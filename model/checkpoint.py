"""Checkpoints: ``NAME.safetensors`` (float32, named as in the modules) beside ``NAME.json`` (description).

Also the states that a training or a search goes on from after it was stopped.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor

from model.ruas import RUAS
from rtvideo.errors import OutputError, UnavailableError, UsageError
from rtvideo.models.description import Description


def save(net: RUAS, path: Path | str, description: Description | None = None) -> None:
    """Write a network; each of the two files appears whole or not at all.

    Args:
        net: whose weights are written.
        path: of the files, with or without suffix.
        description: what they serve in, where that is not what they learned in (`Recipe.learned`).

    Raises:
        OutputError: they cannot be written.
    """
    weights, about = files(path)
    tensors = {name: t.detach().float().cpu().contiguous() for name, t in net.state_dict().items()}
    write_whole(about, (description or net.description).to_json().encode())
    write_whole(weights, serialise(tensors))


def load(path: Path | str) -> RUAS:
    """Read a network, in evaluation mode on the CPU.

    Raises:
        UnavailableError: a file is missing or damaged, or weights and description do not belong together.
    """
    weights, description = files(path)
    net = RUAS(Description.load(description))
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise UnavailableError(f"{weights}: cannot be read: {error}") from None
    fill(net, tensors, str(weights))
    return net.eval()


def fill(net: RUAS, tensors: dict[str, Tensor], source: str) -> None:
    """Set all parameters of ``net``; ``source`` names the tensors' file in messages.

    Raises:
        UnavailableError: a tensor is missing, left over, of another shape, or not finite.
    """
    expected = net.state_dict()
    for name, wanted in expected.items():
        if name not in tensors:
            raise UnavailableError(f"{source}: tensor {name!r} is missing; it does not fit its description")
        tensor = tensors[name]
        if tensor.shape != wanted.shape:
            raise UnavailableError(
                f"{source}: {name} has shape {tuple(tensor.shape)}; the model needs {tuple(wanted.shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise UnavailableError(f"{source}: {name} holds a value that is not finite")
    for name in tensors:
        if name not in expected:
            raise UnavailableError(f"{source}: tensor {name!r} is unknown; it does not fit its description")
    net.load_state_dict(tensors)


def files(path: Path | str) -> tuple[Path, Path]:
    """Return the weights' and the description's file for a path with either suffix or none."""
    base = Path(path)
    if base.suffix in (".safetensors", ".json"):
        base = base.with_suffix("")
    return base.with_name(base.name + ".safetensors"), base.with_name(base.name + ".json")


def save_state(path: Path, identity: Mapping[str, Any], **parts: Any) -> None:
    """Write a state: tensors and plain data by name.

    Args:
        identity: what must be equal for the state to be continued, by names that a user knows.

    Raises:
        OutputError: it cannot be written; the last one stays whole.
    """
    buffer = io.BytesIO()
    torch.save({"identity": dict(identity), **parts}, buffer)
    write_whole(path, buffer.getvalue())


def load_state(path: Path, identity: Mapping[str, Any], kind: str, device: str = "cpu") -> dict[str, Any]:
    """Return what `save_state` wrote. ``kind`` says what the file should be.

    Raises:
        UnavailableError: the file cannot be read.
        UsageError: it belongs to another command; the message names what differs.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        theirs = state["identity"]
    except Exception:  # the unpickler raises whatever the bytes lead it to
        raise UnavailableError(f"{path}: not {kind}; start again with --overwrite") from None
    for name, ours in identity.items():
        if theirs.get(name) != ours:
            short = isinstance(ours, int | float)
            detail = f" is {theirs.get(name)!r} there, {ours!r} here" if short else " differs"
            raise UsageError(
                f"{path}: belongs to another command: its {name}{detail}; "
                "repeat that command, choose another --out, or start again with --overwrite"
            )
    return state


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step: readers find the old content or the new, never a part.

    Raises:
        OutputError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error}") from None
