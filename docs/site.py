"""Build the site of the documentation in build/site: `make site`.

    python docs/site.py [--serve]

The pages are those of docs/, as they read in the repository. For the site they are copied to build/pages:
CONTRIBUTING.md and CHANGELOG.md join them, links to other files of the repository become their names, and the
help of all flags is filled in. Zensical then makes the site; a link that leads nowhere is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build/pages"

#: Pages of the repository's root that the site has, too.
JOINED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def prepare() -> None:
    """Write the pages of the site into build/pages."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES, ignore=shutil.ignore_patterns("*.py", "*.json*", "__pycache__"))
    sources = {page: ROOT / "docs" / page.relative_to(PAGES) for page in PAGES.rglob("*.md")}
    for name, joined in JOINED.items():
        shutil.copy(ROOT / name, PAGES / joined)
        sources[PAGES / joined] = ROOT / name
    for page, source in sources.items():
        page.write_text(_links(source.read_text(encoding="utf-8"), source, page), encoding="utf-8")
    commands = PAGES / "reference/command-line.md"
    commands.write_text(
        commands.read_text(encoding="utf-8").replace("<!-- help -->", _flags()), encoding="utf-8"
    )


def _links(text: str, source: Path, page: Path) -> str:
    """Return a page with links that hold on the site, or the names of what is not there."""

    def changed(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = (source.parent / target).resolve()
        if not path.is_relative_to(ROOT):
            return found[0]  # nowhere: Zensical says so
        inside = path.relative_to(ROOT).as_posix()
        if inside == "README.md":  # the home page takes its place
            return f"[{found['text']}]({os.path.relpath(PAGES / 'index.md', page.parent)})"
        there = PAGES / JOINED.get(inside, inside.removeprefix("docs/"))
        if not there.exists():
            return found["text"]
        return f"[{found['text']}]({os.path.relpath(there, page.parent)}{found['anchor'] or ''})"

    return _LINK.sub(changed, text)


def _flags() -> str:
    from rtvideo.cli.parser import parser

    os.environ["COLUMNS"] = "100"
    return f"```text\n{parser().format_help()}```"


def main() -> int:
    """Build or serve the site; return an exit code."""
    sys.path.insert(0, str(ROOT))
    prepare()
    action = ["serve"] if "--serve" in sys.argv[1:] else ["build", "--strict", "--clean"]
    try:
        return subprocess.run([sys.executable, "-m", "zensical", *action], cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
