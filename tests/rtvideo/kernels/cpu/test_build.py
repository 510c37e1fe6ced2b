from __future__ import annotations

import ctypes
import multiprocessing
import os
import stat
from contextvars import copy_context
from pathlib import Path

import pytest

from rtvideo.errors import UnavailableError
from rtvideo.kernels import cache
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import HEADERS

SOURCE = 'extern "C" __attribute__((visibility("default"))) int answer() { return 42; }\n'


@pytest.fixture(autouse=True)
def needs_a_compiler() -> None:
    if not build.compilers():
        pytest.skip("no compiler: pip install ziglang")


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> isa.InstructionSet:
    """The plainest instruction set, by the compiler that starts fastest."""
    compilers = build.compilers()
    monkeypatch.setattr(build, "compilers", lambda: compilers[-1:])
    return isa.usable()[-1]


def answer(path: Path) -> int:
    return int(ctypes.CDLL(str(path)).answer())


def test_built_once_then_found(
    one: isa.InstructionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build.library(SOURCE, one, tmp_path)
    assert answer(path) == 42
    monkeypatch.setattr(build, "compilers", list)
    assert build.library(SOURCE, one, tmp_path) == path
    with pytest.raises(UnavailableError, match="pip install ziglang"):
        build.library(SOURCE + "// changed\n", one, tmp_path)
    assert not list(tmp_path.glob("tmp*"))


def test_a_compiler_steps_back_where_live_pictures_come(
    one: isa.InstructionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = build.Compiler("gcc", ("sh", "-c", 'echo "error: nice $(nice)" >&2; exit 1'))
    monkeypatch.setattr(build, "compilers", lambda: [told])
    with pytest.raises(UnavailableError, match=rf"nice {os.nice(0)}$"):
        build.library(SOURCE + "// as ever", one, tmp_path)

    def live() -> None:
        build.STEPS_BACK.set(True)
        build.library(SOURCE + "// live", one, tmp_path)

    with pytest.raises(UnavailableError, match=r"nice 19$"):
        copy_context().run(live)


@pytest.mark.parametrize("harm", ["cut", "flip", "sum gone"])
def test_a_damaged_library_is_built_again(one: isa.InstructionSet, tmp_path: Path, harm: str) -> None:
    path = build.library(SOURCE, one, tmp_path)
    good = path.read_bytes()
    if harm == "cut":
        path.write_bytes(good[: len(good) // 2])
    elif harm == "flip":
        path.write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
    else:
        path.with_suffix(".sha256").unlink()
    again = build.library(SOURCE, one, tmp_path)
    assert again == path
    assert answer(again) == 42


def test_a_folder_that_cannot_be_written_to_is_replaced(one: isa.InstructionSet, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    path = build.library(SOURCE, one, blocked / "kernels")
    assert tmp_path not in path.parents
    assert answer(path) == 42
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700


def test_source_that_does_not_compile_is_one_line(one: isa.InstructionSet, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="could not be compiled") as caught:
        build.library("int f() { return nonsense; }\n", one, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.so"))


def _make(folder: Path, queue: multiprocessing.Queue[int]) -> None:
    compilers = build.compilers()
    build.compilers = lambda: compilers[-1:]  # type: ignore[assignment]
    queue.put(answer(build.library(SOURCE, isa.usable()[-1], folder)))


@pytest.mark.slow
def test_two_processes_may_want_the_same(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    both = [context.Process(target=_make, args=(tmp_path, queue)) for _ in range(2)]
    for process in both:
        process.start()
    assert [queue.get(timeout=100), queue.get(timeout=100)] == [42, 42]
    for process in both:
        process.join()
    assert len(list(tmp_path.glob("*.so"))) == 1


def test_what_decides_the_code_is_in_the_name() -> None:
    headers = cache.headers(HEADERS)
    assert {"simd.hpp", "common/light_smoothing.h"} < headers.keys()
    name = cache.content_hash(SOURCE, headers, build.FLAGS)
    assert cache.content_hash(SOURCE + " ", headers, build.FLAGS) != name
    assert cache.content_hash(SOURCE, headers, (*build.FLAGS, "-g")) != name
    for changed in ("simd.hpp", "common/light_smoothing.h"):
        assert cache.content_hash(SOURCE, headers | {changed: b""}, build.FLAGS) != name


@pytest.mark.parametrize(
    ("flags", "best"),
    [
        ((*isa._V4, "avx512_bf16"), "avx512-bf16"),
        (isa._V4, "avx512"),
        (isa._V3, "avx2"),
        (isa._V2, "sse4"),
        (("sse2",), None),
    ],
)
def test_instruction_sets_follow_the_processor(
    tmp_path: Path, flags: tuple[str, ...], best: str | None
) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags\t\t: fpu " + " ".join(flags) + "\n")
    found = isa.usable(tmp_path / "cpuinfo", "x86_64")
    assert (found[0].name if found else None) == best
    assert [i.name for i in isa.usable(tmp_path / "cpuinfo", "aarch64")] == ["neon"]


@pytest.mark.parametrize(
    ("vendor", "packed", "best"),
    [
        ("AuthenticAMD", True, "avx512-bf16"),
        ("AuthenticAMD", False, "avx512"),
        ("GenuineIntel", True, "avx512"),
    ],
)
def test_pairs_are_kept_where_that_is_faster(tmp_path: Path, vendor: str, packed: bool, best: str) -> None:
    flags = " ".join((*isa._V4, "avx512_bf16"))
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n")
    assert isa.best_first(packed, tmp_path / "cpuinfo", "x86_64")[0].name == best
    assert isa.usable(tmp_path / "cpuinfo", "x86_64")[0].name == "avx512-bf16"  # where it is asked for
