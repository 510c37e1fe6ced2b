"""Every image that is learned from has a source, or nothing is learned."""

from pathlib import Path

import pytest

from model import credits
from rtvideo.errors import InputError

TABLE = (
    'file,source,licence,author,kind\nlit/a.webp,x:a.jpg,CC-BY-4.0,"Ann, 2020",street\nhdr/b.hdr,y:b,CC0,,\n'
)


def table(folder: Path, text: str = TABLE) -> Path:
    path = folder / "sources.csv"
    path.write_text(text)
    return path


def test_only_what_was_used_is_listed(tmp_path: Path) -> None:
    assert credits.read(table(tmp_path), {"a"}) == [
        {"file": "lit/a.webp", "source": "x:a.jpg", "licence": "CC-BY-4.0", "author": "Ann, 2020"}
    ]
    assert [row["author"] for row in credits.read(table(tmp_path), {"b", "a"})] == ["Ann, 2020", ""]


def test_a_source_that_is_not_named_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sources\.csv: no line about c; every source must be named"):
        credits.read(table(tmp_path), {"a", "c"})
    with pytest.raises(InputError, match="columns file, source, licence, author"):
        credits.read(table(tmp_path, "name,licence\na,b\n"), {"a"})
    with pytest.raises(InputError, match="cannot be read"):
        credits.read(tmp_path / "nothing.csv", {"a"})
