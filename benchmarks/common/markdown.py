"""Tables in Markdown, and pages that hold them between two marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, without a line end."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows))


def replace(text: str, mark: str, content: str) -> str | None:
    """Return ``text`` with ``content`` between ``<!-- mark -->`` and ``<!-- end -->``; None without marks."""
    pattern = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    changed, count = pattern.subn(lambda found: f"{found[1]}{content}\n{found[2]}", text)
    return changed if count else None
