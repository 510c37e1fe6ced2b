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
from model.ruas import RUAS, parameters
from model.train import with_genotypes
from rtvideo.errors import OutputError
from rtvideo.models.description import Genotype
from rtvideo.version import __version__
from search import heatmap
from search.run import Run
from search.supernet import PAPER, shares


def write(run: Run, command: str) -> None:
    """Write or replace everything; each file appears whole or not at all.

    Raises:
        OutputError: one cannot be written.
    """
    _write_genotypes(run.out / "genotype.txt", run.net.genotypes())
    iem, nrm = _map(run.net.alpha_t, "IEM"), _map(run.net.alpha_n, "NRM")
    for name, picture in ("alpha_iem", iem), ("alpha_nrm", nrm), ("alpha", heatmap.both(iem, nrm)):
        write_whole(run.out / f"{name}.png", heatmap.png(picture))
    write_whole(run.out / "history.json", json.dumps(run.history).encode() + b"\n")
    write_whole(run.out / "card.json", json.dumps(card(run, command), indent=2).encode() + b"\n")


def card(run: Run, command: str) -> dict[str, Any]:
    """Return what anyone must know to repeat and to judge the search."""
    derived = run.net.genotypes()
    net = RUAS(with_genotypes(PAPER, derived))
    assert net.noise is not None
    return {
        "command": command,
        "finished": run.done == run.passes,
        "genotype": derived,
        "parameters": parameters(net),
        "multiply_adds_per_pixel": {"iem": net.illumination.multiply_adds, "nrm": net.noise.multiply_adds},
        "losses": run.history[-1]["losses"] if run.history else {},
        "settings": dataclasses.asdict(run.settings),
        "cost_table": run.table if run.settings.cost else None,
        "network": dataclasses.asdict(net.description),
        "data": {
            **dataclasses.asdict(run.photos.fingerprint),
            "train": [item.name for item in run.photos.train],
            "validation": [item.name for item in run.photos.val],
        },
        "passes": run.done,
        "seconds": round(run.seconds, 1),
        "device": "cpu" if run.device == "cpu" else torch.cuda.get_device_name(run.device),
        "threads": torch.get_num_threads(),
        "versions": {
            "rtvideo": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "python": platform.python_version(),
        },
    }


def literal(derived: dict[str, Genotype]) -> str:
    """Return genotypes as one line of Python, as `model.genotypes.read` takes them."""
    return repr({part: tuple(edges) for part, edges in derived.items()})


def _map(alpha: Tensor, title: str) -> heatmap.Picture:
    return heatmap.draw(shares(alpha.detach()).cpu().numpy(), title)


def _write_genotypes(path: Path, derived: dict[str, Genotype]) -> None:
    part = path.with_name(f".{path.name}.part")
    genotypes.write(part, derived)
    try:
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
