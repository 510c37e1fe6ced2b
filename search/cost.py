"""The expected cost of a cell, which the search can trade against its losses; not in the paper."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.operations import OPERATIONS
from rtvideo.errors import InputError, UsageError

#: Cost of each operation by module, ``{"iem": {"conv1": ..., ...}, "nrm": {...}}``, in any unit.
Table = Mapping[str, Mapping[str, float]]

#: Channels of each module's cell.
CHANNELS = {"iem": 3, "nrm": 6}


def multiply_adds() -> Table:
    """Return the multiply-adds a pixel of each operation, by module."""
    return {
        part: {name: float(make(channels).multiply_adds) for name, make in OPERATIONS.items()}
        for part, channels in CHANNELS.items()
    }


def read_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds.

    Args:
        what: that it should be, for the message: ``a cost table``.

    Raises:
        InputError: missing or unreadable.
        UsageError: not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: not {what}: {error}") from None


def is_cost(value: object) -> bool:
    """Return whether a value of JSON is a finite number of 0 or more."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def read(path: Path) -> Table:
    """Read a table of measured costs, such as times: JSON of the form of `Table`.

    Raises:
        InputError: missing or unreadable.
        UsageError: not such a table; a cost is missing, negative or not a number; or nothing costs anything.
    """
    raw = read_json(path, "a cost table")
    table: dict[str, dict[str, float]] = {}
    for part in CHANNELS:
        costs = raw.get(part) if isinstance(raw, dict) else None
        if not isinstance(costs, dict):
            raise UsageError(
                f'{path}: not a cost table; write {{"iem": {{"conv1": 0.1, ...}}, "nrm": {{...}}}}'
            )
        for name in OPERATIONS:
            value = costs.get(name)
            if not is_cost(value):
                raise UsageError(
                    f"{path}: {part}: {name} is {value!r}; every operation needs a cost of 0 or more"
                )
        if not any(costs[name] for name in OPERATIONS):
            raise UsageError(f"{path}: {part}: every cost is 0; at least one must be more")
        table[part] = {name: float(costs[name]) for name in OPERATIONS}
    return table


def expected(shares: Tensor, costs: Mapping[str, float]) -> Tensor:
    """Return ``sum_e sum_o shares_{e,o} cost_o`` as a share, 0..1, of a cell of the dearest operation alone.

    ``shares`` is softmax(alpha), (7 edges, 7 operations). The fusion, which every cell has, does not count.
    """
    each = torch.tensor([costs[name] for name in OPERATIONS], dtype=shares.dtype, device=shares.device)
    return (shares @ each).mean() / each.max()
