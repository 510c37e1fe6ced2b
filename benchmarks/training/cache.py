"""Results that are kept as JSON, and used again only while everything that they follow from is unchanged."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.files import ROOT
from model.checkpoint import write_whole


def digest(inputs: Mapping[str, Any]) -> str:
    """Return a short hash of plain data."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@functools.cache
def code(*paths: str, root: Path = ROOT) -> str:
    """Return a hash of source files; paths are relative to the repository."""
    content = b"\0".join((root / path).read_bytes() for path in paths)
    return hashlib.sha256(content).hexdigest()[:16]


class Cache:
    """A folder of results, ``KIND-HASH.json`` each, with the inputs that made it.

    Args:
        folder: made when first needed.
        say: told of each result that must be computed.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = print) -> None:
        self.folder, self.say = folder, say

    def path(self, kind: str, inputs: Mapping[str, Any], suffix: str = ".json") -> Path:
        """Return where the result for these inputs lies, or would lie."""
        return self.folder / f"{kind}-{digest(inputs)}{suffix}"

    def get(self, kind: str, inputs: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """Return the kept result, or compute it and keep it; both as JSON gives it back.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path(kind, inputs)
        kept = _read(path)
        if kept is not None and kept.get("inputs") == json.loads(json.dumps(inputs)):
            return kept["result"]
        self.say(f"{kind}: {path.name}")
        result = json.loads(json.dumps(compute()))
        text = json.dumps({"inputs": inputs, "result": result}, indent=1)
        write_whole(path, text.encode() + b"\n")
        return result


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or cut off: computed anew
        return None
    return kept if isinstance(kept, dict) and "result" in kept else None
