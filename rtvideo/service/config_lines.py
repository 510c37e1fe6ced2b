"""On which line of a TOML file a key stands; the parser of Python does not tell."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")

#: Where the parser's messages say what is wrong.
_AT = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)

#: The names that lead to a table or key.
Path = tuple[str, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Return the line of each table and key, by the path of names that leads there."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.fullmatch(line):
            table = _parts(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            path = table + _parts(key[1])
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """Return the line of a path, or of the nearest table around it."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def explained(message: str, text: str) -> tuple[int, str]:
    """Return the line and the words of the parser's message."""
    found = _AT.fullmatch(message)
    if found is None:
        return 1, message
    return int(found[2]) if found[2] else len(text.splitlines()), found[1]


def _parts(text: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(text))
