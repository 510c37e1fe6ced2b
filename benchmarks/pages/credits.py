"""The table of docs/credits.md, from the card of a shipped model."""

from __future__ import annotations

from benchmarks.common.markdown import table
from rtvideo.models import find

_UNKNOWN = "not named there"


def credits(model: str) -> str:
    """Return a table of what a model learned from: a line for each author, licence and collection."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for source in find(model).card["data"]["sources"]:
        collection, _, name = source["source"].rpartition(":")
        author = source["author"] or _UNKNOWN
        if author.startswith("http"):  # Flickr, as COCO gives it: the picture's own address says whose it is
            author, name = "photographer on Flickr", author
        rows.setdefault((author, source["licence"], collection), []).append(name)
    lines = [(*key, ", ".join(names)) for key, names in sorted(rows.items(), key=lambda row: row[0][1])]
    return table(("author", "licence", "from", "files"), lines)
