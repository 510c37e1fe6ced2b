"""Tables in pages: each replaces the one before, in whichever page has its marks."""

from pathlib import Path

import pytest

from benchmarks.common.markdown import replace
from benchmarks.report import update
from rtvideo.errors import UsageError


def test_a_table_replaces_the_one_before(tmp_path: Path) -> None:
    text = "a\n<!-- speed -->\nold\n<!-- end -->\n<!-- files -->\nkept\n<!-- end -->\n"
    once = replace(text, "speed", "| new |")
    assert once == text.replace("old", "| new |")
    assert replace(once, "speed", "| new |") == once
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("nothing\n")
    (tmp_path / "docs/speed.md").write_text(text)
    update({"speed": "| new |"}, tmp_path)
    assert (tmp_path / "docs/speed.md").read_text() == once
    assert (tmp_path / "README.md").read_text() == "nothing\n"
    with pytest.raises(UsageError, match="no page has the mark"):
        update({"other": ""}, tmp_path)
