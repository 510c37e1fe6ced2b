"""What CUDA kernels are made of, as their machine code (SASS) tells: no device is needed for that.

A kernel is a few loops over the pixels of a block's tile, one after another. Where the code has as many of
these as the schedule says, each instruction counts as often as its loop runs. All branches count, and loops
inside of a loop count once.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.source import CudaSource, Launch

#: Threads that issue together.
_WARP = 32

#: Bytes that a thread reads or writes at once, by what its instruction is called; 4 if by none of these.
_WIDTHS = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}


@dataclass(frozen=True)
class KernelFigures:
    """What one kernel is made of.

    Attributes:
        registers: of a thread.
        code: instructions in its code.
        instructions: that it issues for a pixel of the picture; None where its loops could not be told.
        multiply_adds, matrix_multiply_adds: of them those that are FFMA (or HFMA2), and HMMA.
        shared, memory: those that access shared memory and the device's.
        bytes: that threads ask of the device's memory for a pixel, whatever the caches have of it.
    """

    name: str
    registers: int
    code: int
    instructions: float | None = None
    multiply_adds: float | None = None
    matrix_multiply_adds: float | None = None
    shared: float | None = None
    memory: float | None = None
    bytes: float | None = None


@cache
def disassembler() -> str:
    """Return the path of nvdisasm.

    Raises:
        UnavailableError: it is not installed.
    """
    found = shutil.which("nvdisasm")
    spec = importlib.util.find_spec("nvidia")
    for folder in () if spec is None else spec.submodule_search_locations or ():
        found = found or next(map(str, Path(folder).glob("*/bin/nvdisasm")), None)
    if found is None:
        raise UnavailableError("no nvdisasm; run: pip install nvidia-cuda-nvdisasm")
    return found


def figures(source: CudaSource, capability: tuple[int, int]) -> list[KernelFigures]:
    """Return the figures of a source's kernels, in the order in which they run.

    Raises:
        UnavailableError: NVRTC or nvdisasm is not installed, or the source does not compile.
    """
    made = nvrtc.compile_source(source.text, capability)
    registers = dict(re.findall(r"entry function '(\w+)'.*?Used (\d+) registers", made.report, re.S))
    code = _code(made.binary)
    return [_of_kernel(one, int(registers[one.name]), code[one.name]) for one in source.launches]


def _code(cubin: bytes) -> dict[str, list[str]]:
    """Return kernel -> lines of code and labels."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([disassembler(), "-c", file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"nvdisasm: {done.stderr.strip().partition(chr(10))[0]}")
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in done.stdout.splitlines():
        if section := re.match(r"\.text\.(\w+):", line):
            lines = found.setdefault(section[1], [])
        elif re.match(r"\.L_\w+:|\s+/\*[0-9a-f]{4,}\*/", line):
            lines.append(line)
    return found


def _loops(lines: list[str]) -> Iterator[list[str]]:
    """Yield the operations of the outermost loops; a label that is branched back to begins one."""
    places: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    for k, line in enumerate(lines):
        if label := re.match(r"(\.L_\w+):", line):
            places[label[1]] = k
        elif (target := re.search(r"BRA\S* .*?`\((\.L_\w+)\)", line)) and places.get(target[1], k) < k - 1:
            spans.append((places[target[1]], k))
    end = -1
    for begin, last in sorted(spans, key=lambda span: (span[0], -span[1])):
        if begin > end:
            yield list(_operations(lines[begin : last + 1]))
            end = last


def _operations(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if operation := re.search(r"\*/\s+(?:\{ *)?(?:@!?\w+ +)?([A-Z][\w.]*)", line):
            yield operation[1]


def _of_kernel(launch: Launch, registers: int, lines: list[str]) -> KernelFigures:
    code = len(list(_operations(lines)))
    loops = list(_loops(lines))
    if not launch.loops or len(loops) != len(launch.loops):
        return KernelFigures(launch.name, registers, code)
    found: defaultdict[str, float] = defaultdict(float)
    for loop, items in zip(loops, launch.loops, strict=True):
        share = -(-items // _WARP) * _WARP / (launch.width * launch.height)
        for operation in loop:
            found["all"] += share
            head, *rest = operation.split(".")
            if head in ("FFMA", "FFMA2", "HFMA2"):
                found["multiply_adds"] += share
            elif head == "HMMA":
                found["matrix_multiply_adds"] += share
            elif head in ("LDS", "LDSM", "STS"):
                found["shared"] += share
            elif head in ("LDG", "STG", "LD", "ST"):
                found["memory"] += share
                found["bytes"] += share * next((_WIDTHS[word] for word in rest if word in _WIDTHS), 4)
    return KernelFigures(
        launch.name, registers, code, found["all"], found["multiply_adds"], found["matrix_multiply_adds"],
        found["shared"], found["memory"], found["bytes"],
    )  # fmt: skip
