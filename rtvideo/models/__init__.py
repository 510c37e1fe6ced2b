"""The model store: finds the shipped networks, and reads the model files that users name.

A model is a description with the networks that ``python -m export`` wrote beside it::

    NAME.json                what the network computes (`rtvideo.models.description`)
    NAME.card.json           where it comes from: command, data, scores
    NAME.safetensors         weights, named as in the modules; kernels are made from them
    NAME.iem.onnx            illumination alone; NAME.iem.fp16.onnx with its cells in half precision
    NAME.iem+nrm.onnx        with noise removal;  NAME.iem+nrm.fp16.onnx likewise

Model files are untrusted: their size is bounded, their description is checked field by field, and an ONNX
file may not refer to other files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rtvideo.errors import UnavailableError, UsageError
from rtvideo.models import files
from rtvideo.models.description import Description
from rtvideo.values import did_you_mean

#: The variants of a network, by the part of the file name between model and ``.onnx``.
VARIANTS = ("iem", "iem+nrm", "iem.fp16", "iem+nrm.fp16")

_SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Model:
    """A network that engines can open.

    Attributes:
        name: how it was asked for, and how it is reported.
        description: what it computes; None for a foreign image-to-image network (RGB 0..1, NCHW), which has
            neither strength nor noise removal.
        card: its model card, as the JSON file says; empty where there is none.
        weights: safetensors file beside the description, from which kernels are made; None if missing.
        networks: ONNX file of each of `VARIANTS` that exists; a foreign network is ``{"iem": path}``.
    """

    name: str
    description: Description | None
    card: Mapping[str, Any] = field(default_factory=dict)
    networks: Mapping[str, Path] = field(default_factory=dict)
    weights: Path | None = None

    @property
    def digest(self) -> str:
        """A SHA-256 hash of its description and of the files that hold its weights."""
        digest = hashlib.sha256(b"" if self.description is None else self.description.to_json().encode())
        for file in sorted(filter(None, [self.weights, *self.networks.values()])):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    @property
    def has_denoise(self) -> bool:
        """Whether there is a noise removal to switch on."""
        return self.description is not None and self.description.noise is not None

    def check_denoise(self) -> None:
        """Raise UsageError if there is no noise removal to switch on."""
        if not self.has_denoise:
            raise UsageError(f"model {self.name} has no noise removal; use --denoise off")

    @property
    def has_brightness(self) -> bool:
        """Whether it can be asked for a brighter or a darker result."""
        return self.description is not None and self.description.illumination.domain == "log"

    def check_brightness(self) -> None:
        """Raise UsageError if it cannot."""
        if not self.has_brightness:
            raise UsageError(f"model {self.name} has no adjustable brightness; use --brightness 0")

    def coarser(self) -> Model | None:
        """Return the cheaper model that `Description.coarser` describes, None if there is none."""
        description = None if self.description is None else self.description.coarser()
        return None if description is None else replace(self, description=description, networks={})

    def network(self, *, denoise: bool) -> Path:
        """Return the f32 ONNX file that computes this, the cheapest one where there is a choice.

        Raises:
            UsageError: noise removal is asked for and the model has none.
            UnavailableError: the file was not exported.
        """
        if denoise:
            self.check_denoise()
        for variant in ("iem+nrm",) if denoise else ("iem", "iem+nrm"):
            if variant in self.networks:
                return self.networks[variant]
        missing = "iem+nrm" if denoise else "iem"
        raise UnavailableError(
            f"model {self.name}: no {missing}.onnx beside it; write it with python -m export --to onnx"
        )


def names() -> list[str]:
    """Return the names of the shipped models, in alphabetical order."""
    found = (path.name.removesuffix(".json") for path in _SHIPPED.glob("*.json"))
    return sorted(name for name in found if "." not in name)


def find(name_or_path: str) -> Model:
    """Return a shipped model by name, or the one that a ``.json`` or ``.onnx`` file holds.

    Raises:
        UsageError: no such model; the message lists the shipped ones.
        UnavailableError: the file is not a model, is too large, or refers to other files.
    """
    shipped = names()
    if name_or_path in shipped:
        return _described(_SHIPPED / f"{name_or_path}.json")
    path = Path(name_or_path)
    if path.suffix not in (".json", ".onnx") or not os.path.isfile(path):
        known = ", ".join(shipped) or "none"
        raise UsageError(
            f"unknown model {name_or_path!r}; shipped: {known}; or give an existing .json or .onnx model file"
            f"{did_you_mean(name_or_path, shipped)}"
        )
    return _described(path) if path.suffix == ".json" else _bare(path)


def _described(path: Path) -> Model:
    description = Description.from_json(_text(path), str(path))
    stem = path.name.removesuffix(".json")
    card_path = path.with_name(f"{stem}.card.json")
    weights = path.with_name(f"{stem}.safetensors")
    networks = {variant: path.with_name(f"{stem}.{variant}.onnx") for variant in VARIANTS}
    return Model(
        name=stem if path.parent == _SHIPPED else str(path),
        description=description,
        card=_card(_text(card_path), str(card_path)) if card_path.is_file() else {},
        networks={variant: file for variant, file in networks.items() if file.is_file()},
        weights=weights if weights.is_file() else None,
    )


def _bare(path: Path) -> Model:
    """Read a single ONNX file; its metadata say what it is."""
    from rtvideo.models.onnx import metadata  # it needs onnxruntime, which listing models must not

    found = metadata(path)
    if "rtvideo.description" not in found:
        return Model(str(path), None, networks={"iem": path})
    description = Description.from_json(found["rtvideo.description"], str(path))
    variant = "iem" if description.noise is None else "iem+nrm"
    card = _card(found.get("rtvideo.card", "{}"), str(path))
    return Model(str(path), description, card, {variant: path})


def _card(text: str, source: str) -> dict[str, Any]:
    try:
        card = json.loads(text)
    except ValueError as error:
        raise UnavailableError(f"{source}: not a model card: {error}") from None
    if not isinstance(card, dict):
        raise UnavailableError(f"{source}: not a model card: must be a JSON object")
    return card


def _text(path: Path) -> str:
    try:
        return files.read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnavailableError(f"{path}: not text: {error}") from None
