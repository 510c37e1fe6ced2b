"""What needs an NVIDIA GPU, in one go: do kernels compute right, how fast is each, how fast are rivals?

    python benchmarks/gpu_check.py --prepare DIR [--capability 9.0]   # without a GPU: compile what it needs
    python benchmarks/gpu_check.py DIR [--device cuda[:N]]            # with one; gpu_check.sh is the same
    python benchmarks/gpu_check.py --tables DIR                       # of what an earlier run left in DIR

Results lie in DIR, each as soon as it is there: ``rows.jsonl`` has a line for every row, ``*.log`` what tests
and libraries said. Each part is a process of its own, since a kernel that fails breaks its process for good,
and ends when its time is up. The essentials take 250 seconds, all of it 500; nothing is downloaded. Tables
come last, even if the check is stopped (SIGINT, SIGTERM).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.files import ROOT
from benchmarks.common.markdown import table as markdown
from benchmarks.gpu import arguments as flags
from benchmarks.gpu import rows as gpu_rows
from benchmarks.gpu.rows import RowFile
from model.command import Parser, run
from rtvideo.errors import ExitCode, UnavailableError

#: Seconds after which no part goes on: of the essentials, and of all.
ESSENTIAL, ALL = 250.0, 500.0

#: Engines that run networks of others, each on the device too.
RIVALS = "tensorrt,onnx,torch"

#: Of an H200.
CAPABILITY = "9.0"


@dataclass(frozen=True)
class Part:
    """A process of the check.

    Attributes:
        name: of its log.
        words: after the interpreter.
        seconds: that it may take.
        essential: it belongs into the first `ESSENTIAL` seconds.
        tests: it is pytest, whose last line says how it went.
    """

    name: str
    words: tuple[str, ...]
    seconds: float
    essential: bool = True
    tests: bool = False


def main(words: Sequence[str] | None = None) -> int:
    """Check and measure, or prepare; return an exit code."""
    parser = Parser("python benchmarks/gpu_check.py", __doc__)
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="takes results, and has the kernel cache")
    add("--prepare", action="store_true", help="compile into DIR what a device needs; no GPU is needed")
    add(
        "--capability",
        type=flags.capability,
        default=CAPABILITY,
        help=f"of the device to prepare for ({CAPABILITY})",
    )
    add("--tables", action="store_true", help="print the tables of what DIR has; measure nothing")
    add("--device", type=flags.device, default=0, metavar="cuda[:N]", help="(cuda)")
    add("--part", choices=PARTS, help=argparse.SUPPRESS)
    add("--model", help=argparse.SUPPRESS)
    return run(_run, parser, words, extra="cuda")


def _run(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder.absolute()
    if arguments.tables:
        print(_summary(gpu_rows.read(folder / "rows.jsonl")))
        return ExitCode.DONE
    folder.mkdir(parents=True, exist_ok=True)
    # Of the engines too: what is compiled under way is kept with the results.
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    if arguments.prepare:
        return _prepare(folder, arguments.capability)
    if arguments.part:
        return PARTS[arguments.part](arguments)
    return _check(folder, arguments.device)


def _prepare(folder: Path, capability: tuple[int, int]) -> int:
    from benchmarks.gpu import prepare
    from rtvideo.kernels.cache import default_cache

    count = prepare.prepare(default_cache(), capability)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    print(f"{count} kernels and libraries, {size:.1f} MB in {folder}")
    try:
        figures = prepare.figures(capability)
    except UnavailableError as error:
        print(f"kernels will be timed without a roof: {error}")
        return ExitCode.DONE
    (folder / "instructions.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return ExitCode.DONE


def _check(folder: Path, device: int) -> int:
    file = folder / "rows.jsonl"
    rows, began, none = RowFile(file, "check"), time.perf_counter(), None
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the part that runs is ended, too
    for part in _parts(folder, device):
        left = (ESSENTIAL if part.essential else ALL) - (time.perf_counter() - began)
        try:
            why = none or ("out of time" if left < 1 else _done(part, folder, rows, min(part.seconds, left)))
        except KeyboardInterrupt:
            why = none = _STOPPED
        if why is not None:
            rows.miss(part.name, why)
        if part.name == "device":
            none = why
    found = gpu_rows.read(file)
    print(_summary(found), flush=True)
    if none is not None:
        raise UnavailableError(none)
    return int(not _right(found))


def _done(part: Part, folder: Path, rows: RowFile, seconds: float) -> str | None:
    """Run a part, and return why it did not come to its end. What it prints is seen at once, but of tests."""
    began, code = time.perf_counter(), None
    log = folder / f"{part.name}.log"
    with log.open("w", encoding="utf-8") as said, contextlib.suppress(subprocess.TimeoutExpired):
        command = [sys.executable, *part.words]
        where = said if part.tests else None
        code = subprocess.run(
            command, stdout=where, stderr=said, cwd=ROOT, timeout=seconds, check=False
        ).returncode
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1][:200].removeprefix("error: ") if lines else f"ended with {code}"
    if code is None:
        return f"ended after {seconds:.0f} s"
    if part.tests and re.search(r"\d (passed|failed|skipped|error)", last):
        rows.add(
            {"step": "tests", "row": part.name, "right": code == 0, "said": last}, f"{part.name}: {last}"
        )
        return None
    if part.tests or code not in (0, _WRONG):
        return last
    print(f"{part.name}: {time.perf_counter() - began:.0f} s", flush=True)
    return None


#: Why a part has no result if somebody wanted the check to end.
_STOPPED = "stopped"

#: Exit code of a part that came to its end and found something wrong.
_WRONG = 1


def _parts(folder: Path, device: int) -> list[Part]:
    """Return all parts, the first ones telling most."""
    from rtvideo import models

    script, fps = str(Path(__file__)), str(ROOT / "benchmarks/fps.py")
    file, on = ("--rows", str(folder / "rows.jsonl")), ("--device", f"cuda:{device}")
    names = models.names()

    def own(part: str, model: str, seconds: float, *, essential: bool = True) -> Part:
        return Part(
            f"{part} {model}",
            (script, str(folder), "--part", part, "--model", model, *on),
            seconds,
            essential,
        )

    first, *others = names
    alone, rivals = ("--engines", "cuda", "--no-peers"), ("--engines", RIVALS)
    pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short")
    sizes = {name: "1920x1080,3840x2160" if name == first else "1920x1080" for name in names}

    def frames(name: str, seconds: float, *words: str, of: str, essential: bool = True) -> Part:
        return Part(name, (fps, *on, *file, "--models", of, *words), seconds, essential)

    return [
        Part("device", (fps, *on, "--only-look"), 30),
        *(own("right", name, 60 if name == first else 30) for name in names),
        own("kernels", first, 50),
        *(frames(f"frames {name}", 60, *alone, "--sizes", sizes[name], of=name) for name in names),
        *(
            Part(test.stem, (*pytest, str(test)), 60, essential=False, tests=True)
            for test in sorted((ROOT / "tests/gpu").glob("test_*.py"))
        ),
        frames("rivals", 150, *rivals, "--sizes", "1920x1080", of=first, essential=False),
        *(own("kernels", name, 30, essential=False) for name in others),
    ]


def _part_right(arguments: argparse.Namespace) -> int:
    from benchmarks.gpu import right

    rows = RowFile(arguments.folder / "rows.jsonl", "right")
    return 0 if right.check(arguments.model, rows, arguments.device) else _WRONG


def _part_kernels(arguments: argparse.Namespace) -> int:
    from benchmarks.gpu import kernels, sources

    figures = arguments.folder / "instructions.json"
    roofs = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else {}
    rows = RowFile(arguments.folder / "rows.jsonl", "kernels")
    for width, height in ((1920, 1080), (3840, 2160)):
        geometry = sources.sized(width, height)
        kernels.measure(arguments.model, geometry, rows, roofs, arguments.device)
    return 0


PARTS: dict[str, Callable[[argparse.Namespace], int]] = {"right": _part_right, "kernels": _part_kernels}


def _right(rows: Sequence[gpu_rows.Record]) -> bool:
    cases = [row.get("right") for row in rows if row["step"] in ("right", "tests")]
    return bool(cases) and all(cases)


def _summary(rows: Sequence[gpu_rows.Record]) -> str:
    """Return all that was found, what a log loses least last."""
    lines = gpu_rows.not_measured(rows)
    cases = [row for row in rows if row["step"] == "right"]
    kernels = [row for row in rows if row["step"] == "kernels" and "us" in row]
    if kernels:
        from benchmarks.gpu.kernels import table

        heads = ["size", "network", "kernel", "us", "of issue", "blocks at once"]
        lines.append(markdown(heads, table(kernels)))
    engines = [row for row in rows if row["step"] == "frames" and "ms" in row]
    if engines:
        lines.append(gpu_rows.table(engines))
    wrong = [row["row"] for row in cases if not row.get("right")]
    lines += [f"{row['row']}: {row['said']}" for row in rows if row["step"] == "tests"]
    lines.append(
        f"right: {len(cases) - len(wrong)} of {len(cases)} cases" + "".join(f"; not {row}" for row in wrong)
    )
    if wrong:
        lines.append("the kernels are NOT right: the figures above count for nothing")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
