"""Write docs/reproduction.md: the tables and figures of the paper, from short trainings.

    python benchmarks/reproduction.py --data ../shared/data [--only table2,figure6] [--seeds 3]

Searches are inputs: their run folders lie in --search (`python -m search.cooperative` makes them). Trainings,
scores and times are kept in --runs, and used again only while their recipe, genotypes, data and code are
unchanged. With --only the other entries of the report stay as they are.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.files import ROOT, written
from model.command import Parser, imports, run
from rtvideo import values
from rtvideo.errors import InputError

with imports(__name__, "train"):
    import torch

    from benchmarks.paper.context import Context
    from benchmarks.paper.entries import ENTRIES
    from benchmarks.training.cache import Cache
    from benchmarks.training.laboratory import BATCH, CROP, RATE, STEPS, Data, Laboratory
    from model.checkpoint import write_whole

_HEAD = f"""\
# The paper's tables and figures

Written by `python benchmarks/reproduction.py --data ../shared/data`; `--only NAME` writes one entry again.
The networks are the paper's (equations 1 to 3 at full size, recipe `ruas`) with its reference-free losses.
All are trained in the same short way: {STEPS} steps of Adam at {RATE:g} on {BATCH} crops of
{CROP}x{CROP} pixels, from the dark images of LOL's training folder, on one thread. The paper does not say how
long it trains. Scores are means over LOL's official 15 test pairs at full size, 8 bits by truncation; these
pairs are used for nothing else. Pictures show a photograph that the project renders, not one of LOL, with
its own PSNR / SSIM below.
"""

_NOT_RUN = "Not run."


def main(words: Sequence[str] | None = None) -> int:
    """Write the report; return an exit code."""
    return run(write, _parser(), words, extra="train")


def write(arguments: argparse.Namespace) -> int:
    """Make the entries asked for, and the report after each, so that a stopped run leaves what is done."""
    out: Path = arguments.out
    torch.set_num_threads(1)
    lab = Laboratory(Cache(arguments.runs, _say), Data.read(arguments.data))
    context = Context(lab, arguments.search, out.with_suffix(""), arguments.seeds)
    worst = 0
    for name in arguments.only:
        began = time.monotonic()
        section = _NOT_RUN
        try:
            section = ENTRIES[name][1](context)
        except InputError as error:  # a search that was not run: the other entries do not need it
            _say(f"{name}: not run: {error}")
            worst = int(error.exit_code)
        else:
            _say(f"{name}: done in {time.monotonic() - began:.0f} s")
        # Read at the last moment: another run may have written an entry in the meantime.
        write_whole(out, report(read(out) | {name: section}).encode())
    written(out)
    return worst


def report(sections: Mapping[str, str]) -> str:
    """Return the whole text; entries without a section say that they are not run."""
    parts = [_HEAD]
    for name, (title, _) in ENTRIES.items():
        parts.append(f"## {title}\n\n<!-- {name} -->\n{sections.get(name, _NOT_RUN)}\n<!-- end -->\n")
    return "\n".join(parts)


def read(path: Path) -> dict[str, str]:
    """Return the sections of an earlier report by entry; none where there is no report."""
    if not path.is_file():
        return {}
    found = re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", path.read_text(encoding="utf-8"), re.DOTALL)
    return {name: text for name, text in found if name in ENTRIES and text != _NOT_RUN}


def _entries(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in ENTRIES:
            raise argparse.ArgumentTypeError(f"{name!r} is not an entry; allowed: {', '.join(ENTRIES)}")
    return [name for name in ENTRIES if name in names]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/reproduction.py", __doc__)
    add = parser.add_argument
    folder: dict[str, Any] = {"type": Path, "metavar": "DIR"}
    add("--data", **folder, required=True, help="holds lol_v1/train and lol_v1/eval15")
    add("--only", type=_entries, default=list(ENTRIES), help="some of " + ", ".join(ENTRIES))
    add("--search", **folder, default=ROOT / "docs/search", help="search runs (docs/search)")
    add("--runs", **folder, default=ROOT / "runs/paper", help="kept results (runs/paper)")
    add("--seeds", type=values.positive, default=1, help="trainings of each strategy's cells (1)")
    add("--out", type=Path, metavar="FILE", default=ROOT / "docs/reproduction.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
