"""Write what README.md and the pages of docs/ show: tables of what was measured, and pictures.

    python benchmarks/report.py speed [docs/fps/*.json]     # what fps.py and passes.py measured
    python benchmarks/report.py quality                     # docs/quality/*.json: quality.py, ablation.py
    python benchmarks/report.py temporal                    # docs/temporal/*.json: flicker.py
    python benchmarks/report.py night                       # docs/night/*.json: night_clips.py
    python benchmarks/report.py nights --panoramas HDR ...  # frames of such clips
    python benchmarks/report.py credits [--model night]     # what a model learned from, by its card
    python benchmarks/report.py gallery [--model night]     # pictures before and after, docs/gallery.md
    python benchmarks/report.py before-after [--model night] [--frame 75]
    python benchmarks/report.py contact-sheet [--images DIR --out sheet.jpg]
    python benchmarks/report.py frames [--clip night.mp4 --first 60 --crop 220x120+200+100 --out frames.jpg]
    python benchmarks/report.py time-slices [--clips night.mp4 --out shown/]
    python benchmarks/report.py viewer [--size 640x360]     # needs Chromium

Tables stand between marks, ``<!-- NAME -->`` and ``<!-- end -->``, in whichever page has them, and are
replaced. Pictures of others need --out: they are not the project's to publish.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.files import ROOT, written
from benchmarks.common.markdown import replace
from model.command import Parser, run
from rtvideo import values
from rtvideo.errors import UsageError


def main(words: Sequence[str] | None = None) -> int:
    """Write; return an exit code."""
    return run(write, _parser(), words, extra="benchmark")


def write(arguments: argparse.Namespace) -> None:
    """Write what the arguments ask for.

    Raises:
        UsageError: of others' pictures it is not said where they go.
    """
    given = vars(arguments)
    others = next((name for name in ("images", "clip", "clips") if given.get(name)), None)
    if others and not given["out"]:
        raise UsageError(f"--{others} needs --out: pictures of others are not the project's to publish")
    arguments.write(arguments)


def update(tables: Mapping[str, str], root: Path) -> None:
    """Put each table between its marks, in whichever page has them.

    Raises:
        UsageError: no page has the marks of a table.
    """
    pages = [root / "README.md", *sorted(root.glob("docs/**/*.md"))]
    for mark, table in tables.items():
        found = False
        for page in pages:
            text = page.read_text(encoding="utf-8")
            changed = replace(text, mark, table)
            found = found or changed is not None
            if changed is not None and changed != text:
                page.write_text(changed, encoding="utf-8")
                written(page)
        if not found:
            raise UsageError(f"no page has the mark <!-- {mark} --> with an <!-- end --> after it")


def _speed(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import speed

    update(speed.tables(speed.read(arguments.runs or sorted(ROOT.glob("docs/fps/*.json")))), ROOT)


def _quality(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import quality

    update(quality.tables(ROOT / "docs/quality"), ROOT)


def _temporal(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import temporal

    update({"flicker": temporal.table(temporal.read(ROOT / "docs/temporal"))}, ROOT)


def _night(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import night

    update(night.tables(ROOT / "docs/night"), ROOT)


def _credits(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import credits

    update({"credits": credits.credits(arguments.model)}, ROOT)


def _nights(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import night

    _save(night.sheet(arguments.panoramas, arguments.model), ROOT / "docs/nights.jpg")


def _gallery(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import gallery

    update({"gallery": gallery.write(arguments.model, ROOT / "docs/gallery")}, ROOT)


def _before_after(arguments: argparse.Namespace) -> None:
    from benchmarks.pages.contact_sheet import before_after

    _save(before_after(arguments.model, arguments.frame), ROOT / "docs/before_after.png")


def _contact_sheet(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import contact_sheet

    shown = contact_sheet.of_folders(arguments.images) if arguments.images else contact_sheet.made()
    _save(contact_sheet.sheet(shown, arguments.model), arguments.out or ROOT / "docs/contact_sheet.jpg")


def _frames(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import contact_sheet

    frames = contact_sheet.successive(arguments.clip, arguments.first)
    strip = contact_sheet.strip(frames, arguments.crop, arguments.first, arguments.model)
    _save(strip, arguments.out or ROOT / "docs/frames.jpg")


def _time_slices(arguments: argparse.Namespace) -> None:
    from benchmarks.pages import time_slices

    folder = arguments.out or ROOT / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    shown = [time_slices.film(path) for path in arguments.clips] if arguments.clips else time_slices.made()
    rows = time_slices.rows(shown, arguments.model)
    _save(time_slices.sheet(rows, time_slices.slices), folder / "time_slices.png")
    _save(time_slices.sheet(rows, time_slices.still), folder / "stills.jpg")


def _viewer(arguments: argparse.Namespace) -> None:
    from benchmarks.pages.viewer import photograph

    photograph(arguments.size, ROOT / "docs/viewer.png")
    written(ROOT / "docs/viewer.png")


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, quality=88, optimize=True)
    written(path)


def _crop(text: str) -> tuple[slice, slice]:
    match = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}: must be WIDTHxHEIGHT+X+Y, for example 220x120+200+100")
    width, height, x, y = map(int, match.groups())
    return slice(y, y + height), slice(x, x + width)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/report.py", __doc__)
    pages = parser.add_subparsers(required=True, metavar="WHAT", parser_class=argparse.ArgumentParser)

    def page(name: str, write: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        flags = pages.add_parser(name, allow_abbrev=False)
        flags.set_defaults(write=write)
        return flags

    page("speed", _speed).add_argument("runs", type=Path, nargs="*", metavar="JSON")
    page("quality", _quality)
    page("temporal", _temporal)
    page("night", _night)
    nights = page("nights", _nights)
    about = "linear panoramas, free to be shown"
    nights.add_argument("--panoramas", type=Path, nargs="+", default=[], metavar="HDR", help=about)
    sources = page("credits", _credits)
    gallery = page("gallery", _gallery)
    one = page("before-after", _before_after)
    one.add_argument("--frame", type=values.count, default=75, metavar="N")
    sheet = page("contact-sheet", _contact_sheet)
    sheet.add_argument("--images", type=Path, nargs="+", metavar="DIR", help="up to twelve, evenly spread")
    strip = page("frames", _frames)
    strip.add_argument("--clip", type=Path, metavar="FILE", help="successive frames of it")
    strip.add_argument("--first", type=values.count, default=60, metavar="N", help="of them (60)")
    strip.add_argument("--crop", type=_crop, default="220x120+200+140", metavar="WxH+X+Y")
    slices = page("time-slices", _time_slices)
    slices.add_argument("--clips", type=Path, nargs="+", metavar="FILE")
    for flags in (sheet, strip, slices):
        flags.add_argument("--out", type=Path, metavar="PATH", help="needed for pictures of others")
    for flags in (one, sheet, strip, slices, nights, sources, gallery):
        flags.add_argument("--model", default="night")
    page("viewer", _viewer).add_argument("--size", type=values.size, default=(640, 360), metavar="WxH")
    return parser


if __name__ == "__main__":
    sys.exit(main())
