"""Where photographs and panoramas come from: what a card lists, and what licences ask to be named."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from rtvideo.errors import InputError

#: Columns of a table of sources; others are left out.
COLUMNS = ("file", "source", "licence", "author")


def read(table: Path, scenes: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of scenes that were learned from, in the order of the table.

    Args:
        table: CSV with the `COLUMNS`; a scene is called as its file without suffix.

    Raises:
        InputError: it cannot be read, lacks a column, or says nothing of a scene.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read: {error}") from None
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise InputError(f"{table}: needs a first line with the columns {', '.join(COLUMNS)}")
    found = {Path(row["file"]).stem: {name: row[name] for name in COLUMNS} for row in rows}
    if missing := sorted(set(scenes) - found.keys()):
        raise InputError(f"{table}: no line about {', '.join(missing[:3])}; every source must be named")
    return [row for name, row in found.items() if name in scenes]
