"""Instruction sets that kernels are built for, and which of them this machine has."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstructionSet:
    """One target of the compiler.

    Attributes:
        name: as shown to the user and used in file names.
        machine: as `machine` says it.
        march: of clang and gcc; ``mcpu`` of zig.
        needs: flags of /proc/cpuinfo, see `flags`; none means every CPU of this machine type.
        packed_dtype: kernels for it keep what is inside cells in pairs of this type; empty: in f32.
    """

    name: str
    machine: str
    march: str
    mcpu: str
    needs: tuple[str, ...] = ()
    packed_dtype: str = ""


_V2 = ("ssse3", "sse4_1", "sse4_2", "popcnt", "cx16")
_V3 = (*_V2, "avx", "avx2", "fma", "bmi1", "bmi2", "f16c", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

#: Best first.
INSTRUCTION_SETS = (
    InstructionSet(
        "avx512-bf16", "x86_64", "x86-64-v4", "x86_64_v4", (*_V4, "avx512_bf16"), packed_dtype="bf16"
    ),
    InstructionSet("avx512", "x86_64", "x86-64-v4", "x86_64_v4", _V4),
    InstructionSet("avx2", "x86_64", "x86-64-v3", "x86_64_v3", _V3),
    InstructionSet("sse4", "x86_64", "x86-64-v2", "x86_64_v2", _V2),
    InstructionSet("neon", "aarch64", "armv8-a", "generic"),
)


#: On Intel's processors kernels in pairs of bf16 are slower than in f32, on AMD's faster (docs/speed.md).
_INTEL = "GenuineIntel"

#: What `IsProcessorFeaturePresent` of Windows tells. Of AVX-512 it knows the foundation alone: left out.
_WINDOWS = {36: ("ssse3",), 37: ("sse4_1",), 38: ("sse4_2", "popcnt"), 14: ("cx16",), 40: _V3}


def machine() -> str:
    """Return the processor's architecture by one name: Windows and macOS have their own."""
    name = platform.machine()
    return {"AMD64": "x86_64", "ARM64": "aarch64", "arm64": "aarch64"}.get(name, name)


def usable(cpuinfo: Path = Path("/proc/cpuinfo"), architecture: str = "") -> list[InstructionSet]:
    """Return the instruction sets that this machine can run, best first."""
    architecture = architecture or machine()
    found = flags(cpuinfo)
    return [i for i in INSTRUCTION_SETS if i.machine == architecture and found.issuperset(i.needs)]


def best_first(
    packed: bool, cpuinfo: Path = Path("/proc/cpuinfo"), architecture: str = ""
) -> list[InstructionSet]:
    """Return the instruction sets to run a model with, best first.

    Args:
        packed: the model may run on those that keep pairs. Where pairs are slower they are left out all the
            same.
    """
    packed = packed and _INTEL not in _values("vendor_id", cpuinfo)
    return [one for one in usable(cpuinfo, architecture) if packed or not one.packed_dtype]


def flags(cpuinfo: Path = Path("/proc/cpuinfo"), system: str = sys.platform) -> set[str]:
    """Return what the processor can do, by Linux's names."""
    if system == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent  # type: ignore[attr-defined]
        return {flag for number, names in _WINDOWS.items() if present(number) for flag in names}
    if system == "darwin":
        return _of_sysctl()
    return _values("flags", cpuinfo)


def _values(field: str, cpuinfo: Path) -> set[str]:
    """Return the words behind a field of the first processor; none where the file is not there."""
    try:
        with cpuinfo.open() as lines:  # of hundreds of processors the first tells
            return next(
                (set(line.partition(":")[2].split()) for line in lines if line.startswith(field)), set()
            )
    except OSError:
        return set()


def _of_sysctl() -> set[str]:
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features"]
    try:  # on Arm it has neither
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    names = {"avx1.0": "avx"}
    words = (word.lower() for word in done.stdout.split())
    return {names.get(word, word.replace(".", "_")) for word in words}
