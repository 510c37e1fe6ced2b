"""What a search leaves in its folder besides its state: genotype, heat maps, history and card."""

from __future__ import annotations

import dataclasses
import json
import platform
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from model import genotypes
from model.checkpoint import write_whole
from model.genotypes import with_genotypes
from model.ruas import RUAS, parameters
from rtvideo.errors import OutputError
from rtvideo.models.description import Genotype
from rtvideo.version import __version__
from search import heatmap
from search.searcher import Searcher
from search.supernet import PAPER, shares

#: The file that ``python -m model.train --genotype`` takes.
GENOTYPES = "genotype.txt"


def write(search: Searcher, command: str) -> None:
    """Write or replace everything; each file appears whole or not at all.

    Raises:
        OutputError: one cannot be written.
    """
    _write_genotypes(search.out / GENOTYPES, search.net.genotypes())
    iem, nrm = _map(search.net.alpha_t, "IEM"), _map(search.net.alpha_n, "NRM")
    for name, picture in ("alpha_iem", iem), ("alpha_nrm", nrm), ("alpha", heatmap.both(iem, nrm)):
        write_whole(search.out / f"{name}.png", heatmap.png(picture))
    write_whole(search.out / "history.json", json.dumps(search.history).encode() + b"\n")
    write_whole(search.out / "card.json", json.dumps(card(search, command), indent=2).encode() + b"\n")


def card(search: Searcher, command: str) -> dict[str, Any]:
    """Return what anyone must know to repeat and to judge the search."""
    derived = search.net.genotypes()
    net = RUAS(with_genotypes(PAPER, derived))
    assert net.noise is not None
    return {
        "command": command,
        "finished": search.done == search.passes,
        "genotype": derived,
        "parameters": parameters(net),
        "multiply_adds_per_pixel": {"iem": net.illumination.multiply_adds, "nrm": net.noise.multiply_adds},
        "losses": search.history[-1]["losses"] if search.history else {},
        "settings": dataclasses.asdict(search.config),
        "cost_table": search.table if search.config.cost else None,
        "network": dataclasses.asdict(net.description),
        "data": {
            **dataclasses.asdict(search.photos.fingerprint),
            "train": [item.name for item in search.photos.train],
            "validation": [item.name for item in search.photos.val],
        },
        "passes": search.done,
        "seconds": round(search.seconds, 1),
        "device": "cpu" if search.device == "cpu" else torch.cuda.get_device_name(search.device),
        "threads": torch.get_num_threads(),
        "versions": {
            "rtvideo": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "python": platform.python_version(),
        },
    }


def _map(alpha: Tensor, title: str) -> heatmap.Picture:
    return heatmap.draw(shares(alpha.detach()).cpu().numpy(), title)


def _write_genotypes(path: Path, derived: dict[str, Genotype]) -> None:
    part = path.with_name(f".{path.name}.part")
    genotypes.write(part, derived)
    try:
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
