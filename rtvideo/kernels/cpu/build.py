"""Build a kernel library once; its name in the cache is the hash of source, headers and flags."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cache import content_hash, headers, intact, kept
from rtvideo.kernels.cpu.emit import HEADERS
from rtvideo.kernels.cpu.isa import InstructionSet, machine
from rtvideo.kernels.cpu.system import System, this_system
from rtvideo.processes import STEPS_BACK

#: Libraries that came with the package, by the same names as in the cache.
PREBUILT = Path(__file__).parent / "prebuilt"

#: No -ffast-math: NaN stays visible and the caller's floating-point mode stays as it is.
FLAGS = (
    "-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-exceptions", "-fno-rtti",
    "-fvisibility=hidden", "-fPIC", "-shared", "-s", "-Wno-psabi",
)  # fmt: skip

#: Seconds. The first run of a fresh ziglang builds its own library, a minute of one core's time.
TIMEOUT = 600

#: Where headers are found: the back end's own by their names, those of both as ``common/NAME.h``.
INCLUDES = tuple(f"-I{folder}" for folder in (HEADERS, HEADERS.parents[1]))

_CLANGS = ("clang++", *(f"clang++-{n}" for n in range(22, 13, -1)))


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: ``kind`` is zig, clang or gcc."""

    kind: str
    command: tuple[str, ...]

    def arguments(self, isa: InstructionSet, system: System | None = None) -> list[str]:
        """Return the command line up to the files.

        Args:
            system: that the library is for, None for this one. Only zig builds for others.
        """
        flags = list(FLAGS)
        if self.kind != "gcc":
            # The order of the source keeps all accumulators in registers; clang's scheduler would spill some.
            flags += ["-mllvm", "-enable-misched=false"]
        if isa.name.startswith("avx512") and self.kind != "gcc":
            flags.append("-mprefer-vector-width=512")
        if self.kind == "zig":
            # Its defaults are the build machine's CPU, the newest C library and a sanitizer.
            cpu = isa.mcpu + ("+avx512bf16" if isa.packed_dtype else "")
            flags += ["-target", f"{isa.machine}-{(system or this_system()).target}", f"-mcpu={cpu}"]
            flags += ["-fno-sanitize=all", "-nostdlib++"]
        else:
            flags += [f"-march={isa.march}", *(["-mavx512bf16"] if isa.packed_dtype else [])]
        if isa.name.startswith("avx512") and self.kind != "gcc":
            flags.append("-mtune=znver4")
        return [*self.command, *flags]


def compilers() -> list[Compiler]:
    """Return the compilers that are here, the one that makes the fastest code first."""
    found = []
    if importlib.util.find_spec("ziglang") is not None:
        found.append(Compiler("zig", (sys.executable, "-m", "ziglang", "c++")))
    found += [Compiler("clang", (path,)) for name in _CLANGS if (path := shutil.which(name))][:1]
    if path := shutil.which("g++"):
        found.append(Compiler("gcc", (path,)))
    return found


def library(
    source: str, isa: InstructionSet, cache: Path | None = None, system: System | None = None
) -> Path:
    """Return a library of ``source`` for an instruction set: from the package, the cache or a compiler.

    Args:
        system: see `Compiler.arguments`.

    Raises:
        UnavailableError: it is not there and cannot be built; the message says why, in one line.
    """
    suffix = (system or this_system()).suffix
    name = f"{content_hash(source, headers(HEADERS), FLAGS)}-{isa.name}{suffix}"
    if intact(PREBUILT / name):
        return PREBUILT / name
    return kept(name, lambda folder: _build(source, isa, folder, system), cache)


def prebuilt(isa: InstructionSet) -> bool:
    """Return whether the package came with libraries for an instruction set."""
    return any(PREBUILT.glob(f"*-{isa.name}{this_system().suffix}"))


def _build(source: str, isa: InstructionSet, folder: Path, system: System | None) -> Path:
    native = system in (None, this_system()) and isa.machine == machine()
    found = [one for one in compilers() if native or one.kind == "zig"]
    if not found:
        raise UnavailableError(
            "engine fused has no kernel for this model and no compiler to make one: pip install ziglang"
        )
    code, made = folder / "kernel.cpp", folder / f"kernel{(system or this_system()).suffix}"
    code.write_text(source)
    problem = ""
    for compiler in found:
        command = [*compiler.arguments(isa, system), *INCLUDES, str(code), "-o", str(made), "-lpthread"]
        problem = _run(command, made)
        if not problem:
            return made
    raise UnavailableError(f"engine fused: the kernel could not be compiled: {problem}")


def _run(command: Sequence[str], made: Path) -> str:
    """Run a compiler; return what went wrong, or nothing."""
    lowest = ["nice", "-n", "19"] if STEPS_BACK.get() and shutil.which("nice") else []
    try:
        done = subprocess.run(
            [*lowest, *command],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    if done.returncode == 0 and made.is_file():
        return ""
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return f"{Path(command[0]).name}: {(lines or ['no message'])[0][:200]}"
