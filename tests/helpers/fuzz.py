"""Feed ``rtvideo`` thousands of files that are wrong, and report every end that the README does not name.

    python -m tests.helpers.fuzz --cases 20000 --seed 1

Each case is a number: the same one makes the same file again (``--only 17``). Cases run many to a process;
one that crashes, hangs or grows too much ends its process, is kept in ``--finds``, and the next goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.mutations import mutate

ROOT = Path(__file__).resolve().parents[2]

#: Seconds that a case may take, bytes of address space, and MB by which a process may grow over its cases.
SECONDS, MEMORY, GROWTH = 60, 8 << 30, 300

#: How a run may end: done, refused streams or options, unreadable, incomplete, not writable, no such engine.
CODES = (0, 2, 3, 4, 6, 7)


@dataclass
class Tally:
    """What came of a run.

    Attributes:
        codes: how often each exit code came.
        finds: for each case that ended otherwise, what happened.
        seconds: it took.
    """

    codes: Counter[int] = field(default_factory=Counter)
    finds: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def write_seeds(folder: Path) -> list[Path]:
    """Write small sound files, one of each kind that is read."""
    from PIL import Image

    from tests.helpers import clips

    small = {"width": 32, "height": 32, "frames": 8}
    seeds = [
        clips.write(folder / "a.mp4", audio=1, subtitles=1, chapters=True, cover=True, **small),
        clips.write(folder / "b.mkv", audio=1, subtitles=1, attachment=b"font", **small),
        clips.write(folder / "c.webm", codec="libvpx-vp9", audio=1, **small),
        clips.write(folder / "d.avi", codec="mpeg4", **small),
        clips.write(folder / "e.ts", codec="mpeg2video", format="mpegts", **small),
        clips.write(
            folder / "f.mov", codec="prores_ks", pix_fmt="yuv422p10le", timecode="01:00:00:00", **small
        ),
        clips.write(folder / "g.mkv", codec="libx265", pix_fmt="yuv420p10le", **small),
        clips.write(folder / "h.mkv", codec="mjpeg", pix_fmt="yuvj420p", range=2, **small),
    ]
    picture = Image.fromarray(clips.picture(0, 40, 30))
    for name, options in (
        ("i.png", {}),
        ("j.jpg", {}),
        ("k.webp", {}),
        ("l.tif", {"compression": "tiff_lzw"}),
    ):
        picture.save(folder / name, **options)
        seeds.append(folder / name)
    models = ROOT / "rtvideo" / "models"
    for name in ("night.json", "night.safetensors", "night.iem.onnx"):
        (folder / name).write_bytes((models / name).read_bytes())
        seeds.append(folder / name)
    return sorted(seeds)


def make_case(number: int, seeds: list[Path], folder: Path) -> tuple[list[str], Path]:
    """Write the file of a case; return the command line that reads it, and the file."""
    chance = random.Random(number)
    seed = chance.choice(seeds)
    bad = folder / f"bad{seed.suffix}"
    if seed.name.startswith("night."):
        for other in seeds:
            if other.name.startswith("night."):
                (folder / other.name).write_bytes(other.read_bytes())
        bad = folder / seed.name
    bad.write_bytes(
        mutate(seed.read_bytes(), chance, [s.read_bytes() for s in seeds if s.suffix == seed.suffix])
    )
    if seed.name.startswith("night."):
        picture = next(s for s in seeds if s.suffix == ".png")
        model = bad if bad.suffix == ".onnx" else folder / "night.json"
        words = ["-i", str(picture), "-o", str(folder / "out.png"), "--model", str(model)]
        return [*words, "-y", "-q", "--threads", "1"], bad
    images = (".png", ".jpg", ".webp", ".tif")
    ending = seed.suffix if seed.suffix in images else chance.choice((".mp4", ".mkv"))
    words = ["-i", str(bad), "-o", str(folder / f"out{ending}"), "-y", "-q", "--threads", "1"]
    # The network takes its time; what surrounds it is what is asked here.
    return (words if chance.random() < 0.1 else [*words, "--strength", "0"]), bad


def run_cases(numbers: range, seeds: list[Path], folder: Path) -> None:
    """Run cases in this process; a line of JSON for each before it begins and after it ends."""
    from rtvideo.cli.entry import main

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Libraries may print; what they print must not get between the events.
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    first = 0
    for number in numbers:
        words, _ = make_case(number, seeds, folder)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        print(json.dumps({"begin": number}), file=events)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = main(words)
        gc.collect()  # an exception may hold on to the picture that it happened to
        memory = resident()
        first = first or memory
        ended = {"code": code, "said": said.getvalue()[-2000:], "grown": memory - first}
        print(json.dumps(ended), file=events)
        if memory - first > GROWTH:
            return


def resident() -> int:
    """Return the memory that this process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20


def fuzz(cases: range, folder: Path, finds: Path | None = None) -> Tally:
    """Run cases in processes of their own, one after the other.

    Args:
        folder: for seeds and cases.
        finds: where files that are finds are kept; None for nowhere.
    """
    (folder / "seeds").mkdir()
    seeds = write_seeds(folder / "seeds")
    tally, number, began = Tally(), cases.start, time.monotonic()
    while number < cases.stop:
        for case, code, trouble in _watch(range(number, cases.stop), folder):
            number = case + 1
            if code is not None:
                tally.codes[code] += 1
            if trouble:
                tally.finds[case] = trouble
                if finds is not None:
                    finds.mkdir(parents=True, exist_ok=True)
                    _, bad = make_case(case, seeds, folder)
                    (finds / f"{case}{bad.suffix}").write_bytes(bad.read_bytes())
    tally.seconds = time.monotonic() - began
    return tally


def _watch(numbers: range, folder: Path) -> Iterator[tuple[int, int | None, str]]:
    """Run a process over cases until it ends; yield case, exit code and trouble."""
    words = [
        sys.executable,
        "-m",
        "tests.helpers.fuzz",
        "--child",
        str(folder),
        str(numbers.start),
        str(numbers.stop),
    ]
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as child:  # fmt: skip
        case, open_case = numbers.start, True
        assert child.stdout is not None
        for line in child.stdout:
            event = json.loads(line)
            if "begin" in event:
                case, open_case = event["begin"], True
                continue
            open_case = False
            trouble = ""
            if event["code"] not in CODES or "Traceback" in event["said"]:
                trouble = f"exit code {event['code']}: {event['said'].strip()}"
            elif event["grown"] > GROWTH:
                trouble = f"{event['grown']} MB more than after the first case"
            yield case, event["code"], trouble
        child.wait()
        if open_case:
            errors.seek(0)
            yield case, None, f"the process ended with {child.returncode}: {errors.read()[-3000:].strip()}"


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first case is a million times this")
    parser.add_argument("--only", type=int, help="one case, to look at")
    parser.add_argument("--finds", type=Path, default=Path("out/fuzz"), help="keeps the files that are finds")
    parser.add_argument("--child", nargs=3, metavar=("FOLDER", "FROM", "TO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        folder, start, stop = Path(arguments.child[0]), *map(int, arguments.child[1:])
        faulthandler.enable()
        work = folder / "case"
        work.mkdir(exist_ok=True)
        run_cases(range(start, stop), sorted((folder / "seeds").iterdir()), work)
        return 0
    start = arguments.seed * 1_000_000
    cases = range(start, start + arguments.cases)
    if arguments.only is not None:
        cases = range(arguments.only, arguments.only + 1)
    with tempfile.TemporaryDirectory() as folder:
        tally = fuzz(cases, Path(folder), arguments.finds)
    print(
        f"{len(cases) - len(tally.finds)} of {len(cases)} cases ended as promised in {tally.seconds:.0f} s: ",
        end="",
    )
    print(", ".join(f"{count} x exit code {code}" for code, count in sorted(tally.codes.items())))
    for case, trouble in tally.finds.items():
        print(f"find: case {case}: {trouble}")
    return 1 if tally.finds else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
