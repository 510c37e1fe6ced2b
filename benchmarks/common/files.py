"""Where the project lies, and where a benchmark writes its figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rtvideo.errors import OutputError

ROOT = Path(__file__).resolve().parents[2]


def write_json(path: Path | None, record: Any) -> None:
    """Write what was measured, and say where; without a path do nothing.

    Raises:
        OutputError: it cannot be written.
    """
    if path is None:
        return
    try:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    written(path)


def written(path: Path) -> None:
    """Say where a file went."""
    print(f"written: {path}", file=sys.stderr)
