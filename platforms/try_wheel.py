"""Install wheels and enhance the sample clip with them, on other Pythons and other machines.

    python platforms/try_wheel.py dist/rtvideo-*x86_64.whl --python python3.12 python3.13
    python platforms/try_wheel.py dist/rtvideo-*aarch64.whl --arm

What comes out is compared with what this checkout makes here. ``--arm`` runs in an emulator, with what a
small computer gets: Debian's Python and C library for arm64, PyPI's wheels for it, and ours. Debian has what
that takes: apt-get install qemu-user-static mmdebstrap
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from platforms.clip import ROOT, sample

#: Debian's release, and the version of Python that it has.
SUITE, PYTHON = "bookworm", "3.11"

#: The C libraries that wheels for this release may be built for, by their names in tags.
_GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")

#: The two results may round differently, and no more. Now and then that decides what moves, so that single
#: samples are further apart: over the whole clip AVX2 and AVX-512 are by 16 codes.
_PSNR, _LARGEST = 50.0, 32


@dataclass(frozen=True)
class Python:
    """A Python to try a wheel on: how it is run, its version (``3.13``), and the processor that it is for."""

    command: tuple[str, ...]
    version: str
    machine: str


def python(path: str) -> Python:
    """Return a Python of this machine.

    Raises:
        SystemExit: there is none by this name.
    """
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{path}: is no Python that runs: {error}") from None
    return Python((path,), done.stdout.strip(), platform.machine())


def arm(folder: Path) -> Python:
    """Return Debian's Python for 64-bit Arm, unpacked into a folder and run by the emulator.

    Raises:
        SystemExit: the emulator, or what unpacks it, is not installed.
    """
    emulator = shutil.which("qemu-aarch64-static")
    if emulator is None or shutil.which("mmdebstrap") is None:
        raise SystemExit("needs an emulator and Debian: apt-get install qemu-user-static mmdebstrap")
    program = folder / "usr/bin" / f"python{PYTHON}"
    if not program.exists():
        packages = f"python{PYTHON},libstdc++6"
        command = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64"]
        subprocess.run([*command, f"--include={packages}", SUITE, str(folder)], check=True)
    return Python((emulator, "-L", str(folder), str(program)), PYTHON, "aarch64")


def install(wheel: Path, folder: Path, on: Python) -> None:
    """Install a wheel and what it needs as pip does on such a machine, which takes no others."""
    shutil.rmtree(folder, ignore_errors=True)
    tags = [f"--platform={name}_{on.machine}" for name in _GLIBC]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--implementation=cp"]
    where = [f"--python-version={on.version}", f"--target={folder}", str(wheel)]
    subprocess.run([*pip, *tags, *where], check=True)


def enhance(command: Sequence[str], path: Path, clip: Path, out: Path, words: Sequence[str]) -> float:
    """Enhance a clip without loss; return how long it took, in seconds.

    Args:
        path: where rtvideo is.
    """
    run = [*command, "-P", "-m", "rtvideo", "--input", str(clip), "--out", str(out), "--overwrite"]
    cache = {"XDG_CACHE_HOME": str(out.with_suffix(".cache"))} if path != ROOT else {}
    began = time.perf_counter()
    subprocess.run(
        [*run, "--codec", "ffv1", "--engine", "fused", *words],
        env={**os.environ, **cache, "PYTHONPATH": str(path)},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def compare(first: Path, second: Path) -> tuple[int, float, float, int]:
    """Return frames, PSNR in dB, the share of samples that differ, and the largest difference."""
    frames = squares = different = samples = largest = 0
    with av.open(first) as one, av.open(second) as other:
        for a, b in zip(one.decode(video=0), other.decode(video=0), strict=True):
            difference = np.abs(a.to_ndarray().astype(np.int32) - b.to_ndarray())
            frames, samples = frames + 1, samples + difference.size
            squares += int((difference**2).sum())
            different += int(np.count_nonzero(difference))
            largest = max(largest, int(difference.max()))
    psnr = 10 * np.log10(255**2 * samples / squares) if squares else float("inf")
    return frames, float(psnr), different / samples, largest


def main() -> None:
    """Run the command line."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = flags.add_argument
    add("wheel", type=Path, help="of platforms/wheels.py")
    add("--python", nargs="+", default=[], metavar="PROGRAM", help="Pythons of this machine")
    add("--arm", action="store_true", help="Debian's for 64-bit Arm, emulated")
    add("--work", type=Path, default=ROOT / "build/wheels", help="folder (default: build/wheels)")
    add("--frames", type=int, help="of the clip; all by default")
    arguments = flags.parse_args()
    if not arguments.wheel.is_file():
        sys.exit(f"{arguments.wheel}: no such file; make it with: python platforms/wheels.py")
    work = arguments.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    clip, words = sample(), ["--frames", str(arguments.frames)] if arguments.frames else []
    pythons = [python(path) for path in arguments.python]
    pythons += [arm(work / "arm")] if arguments.arm else []
    seconds = enhance([sys.executable], ROOT, clip, work / "here.mkv", words)
    print(f"here, Python {platform.python_version()}: {seconds:.1f} s", flush=True)
    failed = False
    for on in pythons:
        name = f"{on.machine}-{on.version}"
        site, out = work / f"{name}-site", work / f"{name}.mkv"
        install(arguments.wheel.absolute(), site, on)
        doctor = [*on.command, "-P", "-m", "rtvideo", "--doctor"]
        told = subprocess.run(
            doctor, env={**os.environ, "PYTHONPATH": str(site)}, check=False, capture_output=True, text=True
        )
        engine = next((line for line in told.stdout.splitlines() if "engine fused" in line), "no engine")
        seconds = enhance(on.command, site, clip, out, words)
        frames, psnr, share, largest = compare(work / "here.mkv", out)
        failed |= psnr < _PSNR or largest > _LARGEST
        print(f"{on.machine}, Python {on.version}: {seconds:.1f} s; {engine}")
        print(f"  {frames} frames, PSNR {psnr:.1f} dB; ", end="")
        print(f"{share:.4%} of the samples differ, by {largest} of 255 at most", flush=True)
    sys.exit("results differ by more than rounding" if failed else 0)


if __name__ == "__main__":
    main()
