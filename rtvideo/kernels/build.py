"""Build a kernel library from source, once: a cache by content hash that is safe to share and to lose.

A library's name is the hash of its source, the headers and the flags. It lies beside a file with its
SHA-256, which is checked before it is loaded; whatever does not fit is built again. Two processes that want
the same library wait for each other; a folder that cannot be written to is replaced by a temporary one.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cpp import HEADERS
from rtvideo.kernels.isa import InstructionSet

#: Libraries that came with the package, by the same names as in the cache.
PREBUILT = Path(__file__).parent / "prebuilt"

#: No -ffast-math: NaN stays visible and the caller's floating-point mode stays as it is.
FLAGS = (
    "-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-exceptions", "-fno-rtti",
    "-fvisibility=hidden", "-fPIC", "-shared", "-s", "-Wno-psabi",
)  # fmt: skip

#: Seconds. The first run of a fresh ziglang builds its own library, a minute of one core's time.
TIMEOUT = 600

_CLANGS = ("clang++", *(f"clang++-{n}" for n in range(22, 13, -1)))


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: ``kind`` is zig, clang or gcc."""

    kind: str
    command: tuple[str, ...]

    def arguments(self, isa: InstructionSet) -> list[str]:
        """Return the command line up to the files."""
        flags = list(FLAGS)
        if self.kind != "gcc":
            # The order of the source keeps all accumulators in registers; clang's scheduler would spill some.
            flags += ["-mllvm", "-enable-misched=false"]
        if isa.name.startswith("avx512") and self.kind != "gcc":
            flags.append("-mprefer-vector-width=512")
        if self.kind == "zig":
            # Its defaults are the build machine's CPU, the newest C library and a sanitizer.
            cpu = isa.mcpu + ("+avx512bf16" if isa.half else "")
            flags += ["-target", f"{isa.machine}-linux-gnu.2.17", f"-mcpu={cpu}"]
            flags += ["-fno-sanitize=all", "-nostdlib++"]
        else:
            flags += [f"-march={isa.march}", *(["-mavx512bf16"] if isa.half else [])]
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


def library(source: str, isa: InstructionSet, cache: Path | None = None) -> Path:
    """Return a library of ``source`` for an instruction set: from the package, the cache or a compiler.

    Raises:
        UnavailableError: it is not there and cannot be built; the message says why, in one line.
    """
    name = f"{content_hash(source)}-{isa.name}.so"
    if _intact(PREBUILT / name):
        return PREBUILT / name
    folder = _writable(cache or default_cache())
    target = folder / name
    with _locked(folder / f"{name}.lock"):
        if not _intact(target):
            _build(source, isa, target)
    return target


def prebuilt(isa: InstructionSet) -> bool:
    """Return whether the package came with libraries for an instruction set."""
    return any(PREBUILT.glob(f"*-{isa.name}.so"))


def default_cache() -> Path:
    """Return the user's cache folder for kernels."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rtvideo" / "kernels"


def content_hash(source: str) -> str:
    """Return what names a library: all that decides its code but the compiler."""
    digest = hashlib.sha256(source.encode())
    for header in sorted(HEADERS.glob("*.hpp")):
        digest.update(header.name.encode() + b"\0" + header.read_bytes())
    digest.update("\0".join(FLAGS).encode())
    return digest.hexdigest()[:24]


def _intact(path: Path) -> bool:
    try:
        wanted = path.with_suffix(".sha256").read_text().strip()
        return hashlib.sha256(path.read_bytes()).hexdigest() == wanted
    except (OSError, UnicodeDecodeError):
        return False


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return _temporary()


_temporary_folder: list[Path] = []


def _temporary() -> Path:
    """Return a private folder that lives as long as the process."""
    if not _temporary_folder:
        folder = Path(tempfile.mkdtemp(prefix="rtvideo-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _temporary_folder.append(folder)
    return _temporary_folder[0]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the process ends, however it does
        yield


def _build(source: str, isa: InstructionSet, target: Path) -> None:
    found = compilers()
    if not found:
        raise UnavailableError(
            "engine fused has no kernel for this model and no compiler to make one: pip install ziglang"
        )
    problem = ""
    for compiler in found:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            code, made = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
            code.write_text(source)
            command = [*compiler.arguments(isa), f"-I{HEADERS}", str(code), "-o", str(made), "-lpthread"]
            problem = _run(command, made)
            if not problem:
                digest = hashlib.sha256(made.read_bytes()).hexdigest()
                (Path(folder) / "sum").write_text(digest + "\n")
                # The library first: a crash in between leaves a pair that does not fit and is built again.
                made.replace(target)
                (Path(folder) / "sum").replace(target.with_suffix(".sha256"))
                return
    raise UnavailableError(f"engine fused: the kernel could not be compiled: {problem}")


def _run(command: Sequence[str], made: Path) -> str:
    """Run a compiler; return what went wrong, or nothing."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    if done.returncode == 0 and made.is_file():
        return ""
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return f"{Path(command[0]).name}: {(lines or ['no message'])[0][:200]}"
