"""Compile CUDA sources with NVRTC, once for each kind of device; needs no GPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cache import content_hash, headers, kept
from rtvideo.kernels.cuda.emit import HEADERS
from rtvideo.version import install

#: exp2, log2 and division are the device's own, good to 22 bits: 60 times finer than a code of 16 bits.
#: What is less than 1e-38 is zero, and NaN stays NaN.
FLAGS = ("-std=c++17", "--use_fast_math", "--ptxas-options=-v")

#: Compute capabilities that sources are known to compile for -> KB of shared memory of a multiprocessor (CUDA
#: C++ programming guide, technical specifications). A device of another one may work.
CAPABILITIES = {
    (7, 5): 64, (8, 0): 164, (8, 6): 100, (8, 7): 164, (8, 9): 100, (9, 0): 228, (10, 0): 228, (12, 0): 100,
}  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """What the compiler made.

    Attributes:
        binary: a cubin.
        report: registers, stack and spills of each kernel, in the compiler's words.
    """

    binary: bytes
    report: str


def bindings() -> ModuleType:
    """Return ``cuda.bindings.nvrtc``.

    Raises:
        UnavailableError: it or the compiler itself is not installed; the message says how to get it.
    """
    try:
        from cuda.bindings import nvrtc  # type: ignore[import-not-found,import-untyped,unused-ignore]

        nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UnavailableError(
            f"engine cuda needs NVRTC: {install('cuda')}, or the extra cuda12 for a driver older than 580 "
            f"({reason})"
        ) from None
    return nvrtc  # type: ignore[no-any-return,unused-ignore]


def version() -> tuple[int, int]:
    """Return the compiler's version."""
    _, major, minor = bindings().nvrtcVersion()
    return major, minor


def compile_source(text: str, capability: tuple[int, int]) -> Compiled:
    """Compile for a compute capability.

    Raises:
        UnavailableError: no compiler, or it does not take the source or the capability.
    """
    nvrtc = bindings()
    included = headers(HEADERS)
    _, program = nvrtc.nvrtcCreateProgram(
        text.encode(),
        b"network.cu",
        len(included),
        [*included.values()],
        [name.encode() for name in included],
    )
    flags = [flag.encode() for flag in (f"--gpu-architecture=sm_{capability[0]}{capability[1]}", *FLAGS)]
    (status,) = nvrtc.nvrtcCompileProgram(program, len(flags), flags)
    try:
        _, size = nvrtc.nvrtcGetProgramLogSize(program)
        log = bytes(size)
        nvrtc.nvrtcGetProgramLog(program, log)
        report = log.decode(errors="replace").rstrip("\0 \n")
        if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            lines = [line for line in report.splitlines() if "error" in line] or [status.name]
            raise UnavailableError(
                f"engine cuda: the kernel could not be compiled for compute capability "
                f"{capability[0]}.{capability[1]}: {lines[0][:200]}"
            )
        _, size = nvrtc.nvrtcGetCUBINSize(program)
        binary = bytes(size)
        nvrtc.nvrtcGetCUBIN(program, binary)
    finally:
        nvrtc.nvrtcDestroyProgram(program)
    return Compiled(binary, report)


def cubin(text: str, capability: tuple[int, int], driver: int, cache: Path | None = None) -> bytes:
    """Return the binary of a source from the cache, compiled first if it is not there.

    Args:
        text: from `rtvideo.kernels.cuda.emit.emit`.
        capability: of the device.
        driver: version as CUDA says it, such as 13000.
        cache: folder; None for the user's.

    Raises:
        UnavailableError: as `compile_source`, or NVRTC is newer than the driver.
    """
    major, minor = version()
    if major > driver // 1000:
        newest = f"{driver // 1000}.{driver % 1000 // 10}"
        raise UnavailableError(
            f"engine cuda: the driver takes CUDA {newest} at most and NVRTC is {major}.{minor}; "
            f"update the driver, or {install('cuda12')}"
        )
    code = content_hash(text, headers(HEADERS), FLAGS)
    name = f"{code}-sm{capability[0]}{capability[1]}-nvrtc{major}.{minor}.cubin"

    def build(folder: Path) -> Path:
        made = folder / "kernel.cubin"
        made.write_bytes(compile_source(text, capability).binary)
        return made

    return kept(name, build, cache).read_bytes()
