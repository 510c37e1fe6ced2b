"""Instruction sets that kernels are built for, and which of them this machine has."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstructionSet:
    """One target of the compiler.

    Attributes:
        name: as shown to the user and used in file names.
        machine: as `platform.machine` says it.
        march: of clang and gcc; ``mcpu`` of zig.
        needs: flags of /proc/cpuinfo; none means every CPU of this machine type.
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


def usable(cpuinfo: Path = Path("/proc/cpuinfo"), machine: str = "") -> list[InstructionSet]:
    """Return the instruction sets that this machine can run, best first."""
    machine = machine or platform.machine()
    flags: set[str] = set()
    try:
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("flags"):
                flags = set(line.partition(":")[2].split())
                break
    except OSError:
        pass
    return [i for i in INSTRUCTION_SETS if i.machine == machine and flags.issuperset(i.needs)]
