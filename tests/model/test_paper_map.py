"""The table "Where the paper is" of docs/architecture.md names code that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_names_code_that_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text[text.index("## Where the paper is") :].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 20
    for row in rows:
        found = re.findall(r"`([\w/]+\.py):(\w+)`", row)
        assert found, row
        for path, name in found:
            source = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"(def|class) {name}\b|^{name}\b.*=", source, re.MULTILINE), f"{path}:{name}"
