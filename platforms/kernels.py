"""Compile kernels for Windows and macOS, and run what can be run: `make kernels`.

A native driver (driver.cpp) loads the library, sends frames of the sample clip through it, and compares them
with what this machine makes of them. The driver for Windows runs under wine (apt-get install wine64 wine);
those for macOS are compiled and not run.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from platforms.clip import ROOT, sample
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.time_constants import TimeStamps
from rtvideo.errors import UnavailableError
from rtvideo.frame import Plane
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.isa import INSTRUCTION_SETS, InstructionSet, usable
from rtvideo.kernels.cpu.library import CpuNetwork, Library
from rtvideo.kernels.cpu.system import LINUX, MACOS, WINDOWS, System
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.ir.program import Program
from rtvideo.kernels.structs import format_of, state_format
from rtvideo.media.planes import geometry_of, views
from rtvideo.models import find
from rtvideo.options import Options

DRIVER = Path(__file__).with_name("driver.cpp")

FRAMES, THREADS = 8, 4


@dataclass(frozen=True)
class Target:
    """What kernels are compiled for.

    Attributes:
        runner: the command that runs a program for it; None: nothing here does.
    """

    system: System
    instructions: InstructionSet
    runner: Sequence[str] | None

    def __str__(self) -> str:
        return f"{self.system.name} {self.instructions.machine} {self.instructions.name}"


def targets() -> list[Target]:
    """Return what is compiled: for Linux one, which shows that the driver itself is right."""
    wine = shutil.which("wine64") or shutil.which("wine")
    here = [isa for isa in usable() if not isa.packed_dtype]
    found = [Target(LINUX, here[0], ())]
    for isa in INSTRUCTION_SETS:
        if isa.machine == "x86_64" and "avx512f" not in isa.needs:  # Windows does not say all of AVX-512
            found.append(Target(WINDOWS, isa, (wine,) if wine and isa in here else None))
    return found + [Target(MACOS, isa, None) for isa in INSTRUCTION_SETS if not isa.packed_dtype]


def write_case(path: Path, clip: Path, program: Program) -> None:
    """Write frames of a clip and what this machine makes of them, as driver.cpp reads it."""
    plain = next(isa for isa in usable() if not isa.packed_dtype)
    library, data = Library(build.library(emit(program), plain)), program.data()
    with av.open(clip) as container:
        frames = list(itertools.islice(container.decode(video=0), FRAMES))
    first = frames[0]
    geometry = geometry_of("yuv420p", first.width, first.height, Coding(Matrix.BT709, full_range=False))
    network = CpuNetwork(library, data, geometry.width, geometry.height, format_of(geometry), THREADS)
    network.allocate_temporal_state(state_format(geometry))
    network.allocate_debanding(state_format(geometry))
    times = TimeStamps()
    constants = times.constants(None, 1.0)
    pictures = []
    for frame in frames:
        planes = views(frame.reformat(format="yuv420p"), geometry)
        network.run(planes, lit := geometry.empty(), 1.0, 1.0, constants, 1.0, 0.0, True)
        constants.reset = 0
        pictures += [_bytes(planes), _bytes(lit)]
    network.close()
    constants.reset = 1
    numbers = [geometry.width, geometry.height, FRAMES, THREADS, data.size, len(pictures[0])]
    head = np.array(numbers, np.int32).tobytes()
    for part in (format_of(geometry), state_format(geometry), constants):
        head += bytes(part)
    path.write_bytes(head + bytes(-len(head) % 8) + data.tobytes() + b"".join(pictures))


def _bytes(planes: Sequence[Plane]) -> bytes:
    return b"".join(plane.tobytes() for plane in planes)


def compile_driver(target: Target, folder: Path) -> Path:
    """Compile the driver, by zig, and return where it lies."""
    made = folder / f"driver-{target.system.name}-{target.instructions.machine}.exe"
    if not made.exists():
        triple = f"{target.instructions.machine}-{target.system.target}"
        flags = [
            "-std=c++17",
            "-O1",
            "-fno-exceptions",
            "-fno-rtti",
            "-nostdlib++",
            "-fno-sanitize=all",
            "-w",
            "-target",
            triple,
        ]
        zig = [sys.executable, "-m", "ziglang", "c++", *flags, *build.INCLUDES]
        subprocess.run([*zig, str(DRIVER), "-o", str(made)], check=True)
    return made


def main() -> None:
    """Run the command line."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    flags.add_argument(
        "--work", type=Path, default=ROOT / "build/kernels", help="folder (default: build/kernels)"
    )
    work = flags.parse_args().work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    model = find(Options.model)
    assert model.description is not None and model.weights is not None
    program = lower(model.description, weights.read(model.weights))
    write_case(work / "case", sample(), program)
    failed = False
    for target in targets():
        try:
            library = build.library(emit(program), target.instructions, work, target.system)
        except UnavailableError as error:
            failed = True
            print(f"{target}: {error}", flush=True)
            continue
        driver = compile_driver(target, work)
        size = f"{library.stat().st_size / 1024:.0f} KiB"
        if target.runner is None:
            print(f"{target}: compiled, {size}, not run", flush=True)
            continue
        done = subprocess.run(
            [*target.runner, str(driver), str(library), str(work / "case")],
            capture_output=True, text=True, check=False, env=os.environ | {"WINEDEBUG": "-all"},
        )  # fmt: skip
        failed |= done.returncode != 0
        print(f"{target}: {size}, {done.stdout.strip() or done.stderr.strip()}", flush=True)
    sys.exit("a kernel is missing, or does not do what it does here" if failed else 0)


if __name__ == "__main__":
    main()
