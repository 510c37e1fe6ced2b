"""Compile the kernels of the shipped models into the wheel; everything else stands in setup.cfg.

They are for this machine, or for what ``RTVIDEO_PLATFORM`` names: ``linux-aarch64``, and see `PLATFORMS`.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

# pip builds without the checkout on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rtvideo.errors import UnavailableError
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.isa import INSTRUCTION_SETS, InstructionSet
from rtvideo.kernels.cpu.system import LINUX, MACOS, WINDOWS, System
from rtvideo.kernels.ir.lower import lower
from rtvideo.models import Model, find, names

PREBUILT = Path("rtvideo", "kernels", "cpu", "prebuilt")


class Platform(NamedTuple):
    """What a wheel is for."""

    system: System
    machine: str


#: By what `sysconfig.get_platform` calls them; of macOS the version in between is left out.
PLATFORMS = {
    "linux-x86_64": Platform(LINUX, "x86_64"),
    "linux-aarch64": Platform(LINUX, "aarch64"),
    "win-amd64": Platform(WINDOWS, "x86_64"),
    "macosx-x86_64": Platform(MACOS, "x86_64"),
    "macosx-arm64": Platform(MACOS, "aarch64"),
}


def platform() -> Platform | None:
    """Return what the wheel is for; None for a machine that there are no kernels for."""
    wanted = os.environ.get("RTVIDEO_PLATFORM")
    if wanted and wanted not in PLATFORMS:
        raise SystemExit(f"RTVIDEO_PLATFORM={wanted}: is none of {', '.join(PLATFORMS)}")
    return PLATFORMS.get(wanted or re.sub(r"-[\d.]+-", "-", sysconfig.get_platform()))


class BuildWithKernels(build_py):
    """Add a library for each shipped model and instruction set. One that cannot be made is left out."""

    def run(self) -> None:
        """Build; an editable install compiles on first use instead."""
        super().run()
        target = platform()
        if not self.editable_mode and target is not None:
            compile_shipped(Path(self.build_lib) / PREBUILT, target)


class PlatformWheel(bdist_wheel):
    """Tag the wheel with the platform of its kernels; they depend on no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return interpreter, ABI and platform."""
        folder = Path(self.get_finalized_command("build_py").build_lib) / PREBUILT
        target = platform()
        libraries = [] if target is None else [*folder.glob(f"*{target.system.suffix}")]
        if target is None or not libraries:
            return "py3", "none", "any"
        return "py3", "none", platform_tag(target, [path.read_bytes() for path in libraries])


def compile_shipped(folder: Path, target: Platform) -> None:
    """Fill ``folder`` with libraries, as `build.library` looks them up, and nothing else."""
    targets = [isa for isa in INSTRUCTION_SETS if isa.machine == target.machine]
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(os.cpu_count()) as pool:
        os.environ["ZIG_GLOBAL_CACHE_DIR"] = cache
        jobs = [
            pool.submit(compile_one, model, isa, folder, target.system)
            for model in models()
            for isa in targets
        ]
        wanted = {path for job in jobs for path in job.result()}
    for path in folder.glob("*"):
        if path not in wanted:  # a lock, or left from an earlier build
            path.unlink()


def models() -> list[Model]:
    """Return the shipped models, and their coarser variants, for machines that are too slow."""
    shipped = [find(name) for name in names()]
    return shipped + [coarser for model in shipped if (coarser := model.coarser()) is not None]


def compile_one(model: Model, isa: InstructionSet, folder: Path, system: System) -> list[Path]:
    """Return the files of one library; none, and a line that says why, if it cannot be built."""
    if model.description is None or model.weights is None:
        return []
    program = lower(model.description, weights.read(model.weights), packed=bool(isa.packed_dtype))
    if isa.packed_dtype and not program.packed:  # the same as without
        return []
    try:
        made = build.library(emit(program), isa, folder, system)
    except UnavailableError as error:
        print(f"rtvideo: model {model.name} comes without a kernel for {isa.name}: {error}", file=sys.stderr)
        return []
    return [made, made.with_suffix(".sha256")]


def platform_tag(target: Platform, libraries: list[bytes]) -> str:
    """Return the oldest platform that the libraries run on: manylinux, if they need but an old C library."""
    if target.system == WINDOWS:
        return "win_amd64"
    if target.system == MACOS:
        oldest = MACOS.target.removeprefix("macos.").replace(".", "_")
        return f"macosx_{oldest}_{'arm64' if target.machine == 'aarch64' else target.machine}"
    code = b"".join(libraries)
    versions = [(int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)", code)]
    portable = versions and max(versions) <= (2, 17) and not re.search(rb"lib(stdc\+\+|gcc_s)\.so", code)
    return f"{'manylinux_2_17' if portable else 'linux'}_{target.machine}"


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithKernels, "bdist_wheel": PlatformWheel})
