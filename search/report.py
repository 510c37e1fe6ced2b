"""What a search leaves in its folder besides its state: genotype, heat maps, history and card."""

from __future__ import annotations

import dataclasses
import json
import platform
from typing import Any

import cv2
import numpy as np
import torch

from model import genotypes
from model.checkpoint import write_whole
from model.ruas import RUAS, parameters
from rtvideo.version import __version__
from search import heatmap
from search.choice import Choice
from search.searcher import Searcher

#: The files that ``python -m model.train`` takes as --genotype, for cells alone, and as --network.
GENOTYPES, NETWORK = "genotype.txt", "network.json"


def write(search: Searcher, command: str) -> None:
    """Write or replace everything; each file appears whole or not at all.

    Raises:
        OutputError: one cannot be written.
    """
    found = search.found()
    write_whole(search.out / GENOTYPES, genotypes.text(genotypes.of(found)).encode())
    write_whole(search.out / NETWORK, found.to_json().encode())
    iem, nrm = _map(search.net.choice("t"), "IEM"), _map(search.net.choice("n"), "NRM")
    for name, picture in ("alpha_iem", iem), ("alpha_nrm", nrm), ("alpha", heatmap.both(iem, nrm)):
        write_whole(search.out / f"{name}.png", heatmap.png(picture))
    write_whole(search.out / "history.json", json.dumps(search.history).encode() + b"\n")
    write_whole(search.out / "card.json", json.dumps(card(search, command), indent=2).encode() + b"\n")


def card(search: Searcher, command: str) -> dict[str, Any]:
    """Return what anyone must know to repeat and to judge the search."""
    net = RUAS(search.found())
    assert net.noise is not None
    return {
        "command": command,
        "finished": search.done == search.passes,
        "genotype": genotypes.of(net.description),
        "parameters": parameters(net),
        "multiply_adds_per_pixel": {"iem": net.illumination.multiply_adds, "nrm": net.noise.multiply_adds},
        "losses": search.history[-1]["losses"] if search.history else {},
        "settings": dataclasses.asdict(search.config),
        "cost_table": search.price.table,
        "shares": {n: c.probabilities().tolist() for n, c in search.net.all_choices().items()},
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


def _map(choice: Choice, title: str) -> heatmap.Picture:
    return heatmap.draw(choice.probabilities().detach().cpu().numpy(), title)
