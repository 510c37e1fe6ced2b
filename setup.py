"""Compile the kernels of the shipped models into the wheel; everything else stands in setup.cfg."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
from rtvideo.kernels.ir.lower import lower
from rtvideo.models import Model, find, names

PREBUILT = Path("rtvideo", "kernels", "cpu", "prebuilt")


class BuildWithKernels(build_py):
    """Add a library for each shipped model and instruction set. One that cannot be made is left out."""

    def run(self) -> None:
        """Build; an editable install compiles on first use instead."""
        super().run()
        if not self.editable_mode and sys.platform == "linux":
            compile_shipped(Path(self.build_lib) / PREBUILT)


class PlatformWheel(bdist_wheel):
    """Tag the wheel with the platform of its kernels; they depend on no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return interpreter, ABI and platform."""
        folder = Path(self.get_finalized_command("build_py").build_lib) / PREBUILT
        return "py3", "none", platform_tag([path.read_bytes() for path in folder.glob("*.so")])


def compile_shipped(folder: Path) -> None:
    """Fill ``folder`` with libraries, as `build.library` looks them up, and nothing else."""
    targets = [isa for isa in INSTRUCTION_SETS if isa.machine == platform.machine()]
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(os.cpu_count()) as pool:
        os.environ["ZIG_GLOBAL_CACHE_DIR"] = cache
        jobs = [pool.submit(compile_one, model, isa, folder) for model in models() for isa in targets]
        wanted = {path for job in jobs for path in job.result()}
    for path in folder.glob("*"):
        if path not in wanted:  # a lock, or left from an earlier build
            path.unlink()


def models() -> list[Model]:
    """Return the shipped models, and their coarser variants, for machines that are too slow."""
    shipped = [find(name) for name in names()]
    return shipped + [coarser for model in shipped if (coarser := model.coarser()) is not None]


def compile_one(model: Model, isa: InstructionSet, folder: Path) -> list[Path]:
    """Return the files of one library; none, and a line that says why, if it cannot be built."""
    if model.description is None or model.weights is None:
        return []
    program = lower(model.description, weights.read(model.weights), packed=bool(isa.packed_dtype))
    if isa.packed_dtype and not program.packed:  # the same as without
        return []
    try:
        made = build.library(emit(program), isa, folder)
    except UnavailableError as error:
        print(f"rtvideo: model {model.name} comes without a kernel for {isa.name}: {error}", file=sys.stderr)
        return []
    return [made, made.with_suffix(".sha256")]


def platform_tag(libraries: list[bytes]) -> str:
    """Return the oldest platform that the libraries run on: manylinux, if they need but an old C library."""
    if not libraries:
        return "any"
    code = b"".join(libraries)
    versions = [(int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)", code)]
    portable = versions and max(versions) <= (2, 17) and not re.search(rb"lib(stdc\+\+|gcc_s)\.so", code)
    return f"{'manylinux_2_17' if portable else 'linux'}_{platform.machine()}"


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithKernels, "bdist_wheel": PlatformWheel})
