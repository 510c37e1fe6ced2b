"""The site of the documentation: it builds, what its pages show is there, and nothing is fetched."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("zensical", "mkdocstrings_handlers"))),
        reason="no zensical with mkdocstrings: pip install '.[docs]'",
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of what it needs."""
    copy = tmp_path_factory.mktemp("site")
    for name in ("docs", "rtvideo"):
        ignore = shutil.ignore_patterns("__pycache__", "prebuilt", "*.onnx")
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for path in (*ROOT.glob("*.md"), ROOT / "zensical.toml"):
        shutil.copy(path, copy)
    done = subprocess.run(
        [sys.executable, "docs/site.py"], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "griffe" not in done.stdout + done.stderr  # docstrings that do not fit their function
    return copy / "build/site"


def pages(site: Path) -> Iterator[tuple[Path, str]]:
    for path in site.rglob("*.html"):
        if path.name != "404.html":
            yield path, path.read_text(encoding="utf-8")


def test_what_pages_show_and_link_to_is_there(site: Path) -> None:
    count = 0
    for path, text in pages(site):
        for target in re.findall(r'<(?:img|a|script|link)\b[^>]*?\b(?:src|href)="([^"#?]+)', text):
            if not re.match(r"[a-z]+:|data:", target):
                assert (path.parent / target).exists(), f"{path.relative_to(site)}: {target}"
                count += 1
    assert count > 500


def test_no_page_is_without_a_way_to_it(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for path, _ in pages(site):
        name = path.relative_to(site).as_posix()
        assert name == "index.html" or re.search(f'href="(?:./)?{re.escape(name)}"', home), name


def test_no_page_asks_another_server(site: Path) -> None:
    for path, text in pages(site):
        loaded = re.findall(r'<(?:img|script|iframe)\b[^>]*?\bsrc="(\w+:[^"]*)"', text)
        loaded += re.findall(r'<link\b[^>]*?rel="stylesheet"[^>]*?href="(\w+:[^"]*)"', text)
        assert not [one for one in loaded if not one.startswith("data:")], path


def test_flags_and_names_are_in_the_reference(site: Path) -> None:
    assert "--when {always,dark}" in (site / "reference/command-line.html").read_text(encoding="utf-8")
    names = (site / "reference/python.html").read_text(encoding="utf-8")
    assert all(
        f'id="rtvideo.{name}"' in names for name in ("enhance_file", "stream", "Enhancer", "VideoCapture")
    )
