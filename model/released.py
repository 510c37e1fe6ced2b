"""Checkpoints in the layout of the authors' released code, for those who have one."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from model.checkpoint import fill
from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from model.ruas import RUAS
from rtvideo.errors import UnavailableError
from rtvideo.models.description import Description, Genotype, Illumination, Noise

#: The authors' key -> ours; the rest of a key (stage, edge, tensor) is the same.
_RENAMES = (
    (re.compile(r"enhance_net\.iems\.(\d+)\.cell\."), r"illumination.cells.\1."),
    (re.compile(r"denoise_net\.nrms\.(\d+)\."), r"noise.cells.\1."),
    (re.compile(r"denoise_net\.stem\."), "noise.stem."),
    (re.compile(r"denoise_net\.activate\.0\."), "noise.head."),
)


def load_released(path: Path | str, iem: Genotype = AUTHORS_IEM, nrm: Genotype = AUTHORS_NRM) -> RUAS:
    """Read a checkpoint in the authors' layout, a ``torch.save`` file or safetensors, in evaluation mode.

    Its keys give the number of stages and of channels, but not the genotypes. Nothing in the file is run.

    Raises:
        UnavailableError: the file cannot be read, or its keys or shapes are not of that layout.
    """
    path = Path(path)
    tensors = {_rename(key, path): value.float() for key, value in _read(path).items()}
    stages = _count(tensors, "illumination.cells.")
    if stages == 0:
        raise UnavailableError(
            f"{path}: not a released checkpoint: no key starts with 'enhance_net.iems.0.cell.'"
        )
    noise = None
    if "noise.stem.weight" in tensors:
        channels = tensors["noise.stem.weight"].shape[0]
        noise = Noise(
            genotype=nrm,
            stages=_count(tensors, "noise.cells."),
            channels=channels,
            parameterisation="released",
        )
    illumination = Illumination(
        genotype=iem,
        scales=(1,) * stages,
        parameterisation="released",
        warm_start="residual",
        window="2x2",
    )
    net = RUAS(Description(name=path.stem, illumination=illumination, noise=noise))
    fill(net, tensors, str(path))
    return net.eval()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise UnavailableError(f"{path}: cannot be read: {error}") from None
    except Exception:  # the unpickler raises whatever the bytes lead it to
        raise UnavailableError(f"{path}: cannot be read: it is no file of tensors alone") from None
    if not isinstance(raw, dict) or not all(isinstance(value, Tensor) for value in raw.values()):
        raise UnavailableError(f"{path}: not a released checkpoint: it must be a dictionary of tensors")
    return raw


def _rename(key: str, path: Path) -> str:
    for pattern, ours in _RENAMES:
        if pattern.match(key):
            return pattern.sub(ours, key, count=1)
    raise UnavailableError(f"{path}: not a released checkpoint: unknown key {key!r}")


def _count(tensors: dict[str, Tensor], prefix: str) -> int:
    return 1 + max((int(key.split(".")[2]) for key in tensors if key.startswith(prefix)), default=-1)
