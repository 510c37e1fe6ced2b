"""The check of a device, on a stand-in for one, and as far as it goes without any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the stand-in for a device comes with the tests against torch")

from benchmarks import gpu_check
from benchmarks.common.files import ROOT
from benchmarks.gpu import kernels, prepare, right, rows, sources
from benchmarks.gpu.rows import RowFile
from rtvideo.engines.time_constants import TimeStamps
from rtvideo.errors import UnavailableError
from rtvideo.kernels.cuda import nvrtc
from tests.conftest import has_gpu
from tests.rtvideo.kernels.cuda import fake_cuda
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, Status, install

SMALL = ((18, 12),)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


@pytest.mark.compile
def test_a_device_that_computes_right_is_told_from_others(
    cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(right, "CASES", right.CASES[::3])  # alone, and over time without bands
    file = RowFile(tmp_path / "rows", "right")
    assert right.check("night", file, sizes=SMALL)
    cuda.lose_kernels = True
    assert not right.check("night", file, sizes=SMALL)
    cuda.lose_kernels = False
    cuda.fail["cuGraphLaunch"] = Status.CUDA_ERROR_LAUNCH_FAILED
    assert not right.check("night", file, sizes=SMALL)
    found = rows.read(tmp_path / "rows")
    assert [row.get("right") for row in found] == 3 * [True] + 3 * [False] + 3 * [None]
    assert "LAUNCH_FAILED" in found[-1]["missing"] and cuda.alive == {}


@pytest.mark.compile
def test_a_device_that_does_not_carry_is_told(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right, "CASES", right.CASES[3:4])
    monkeypatch.setattr("rtvideo.engines.gpu.cuda.TimeStamps", lambda: TimeStamps(carries=False))
    file = RowFile(None, "right")
    assert not right.check("night", file, sizes=((150, 90),))
    assert [row["right"] for row in file.rows] == [True, False]


@pytest.mark.compile
def test_every_kernel_gets_a_time_and_its_blocks(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "CASES", kernels.CASES[:1])
    monkeypatch.setattr(kernels, "_COUNT", 1)
    file = RowFile(None, "kernels")
    kernels.measure("night", sources.sized(18, 12), file, {"f32 lit_0": 300.0})
    names = [row["row"] for row in file.rows]
    assert names[0] == "reduce_frame" and names[-2:] == ["lit_0", "graph"]
    lit = file.rows[-2]
    assert (lit["us"], lit["blocks_at_once"]) == (250.0, 2) and 0 < lit["of_roof"] < 1
    assert "of_roof" not in file.rows[0] and cuda.alive == {}


def test_what_is_prepared_is_what_a_device_asks_for(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def cubin(text: str, capability: tuple[int, int], driver: int) -> bytes:
        asked.append(text)
        raise UnavailableError("noted")

    monkeypatch.setattr(nvrtc, "cubin", cubin)
    for name, size in {"PER_MULTIPROCESSOR": 228, "PER_BLOCK_OPTIN": 227}.items():  # an H200
        monkeypatch.setitem(fake_cuda._ATTRIBUTES, f"MAX_SHARED_MEMORY_{name}", size << 10)
    right.check("night", RowFile(None, "right"), sizes=SMALL)
    kernels.measure("night", sources.sized(18, 12), RowFile(None, "kernels"), {})
    made = {source.text for what, source in sources.of_models((9, 0), right.OVER_TIME) if "night" in what}
    assert set(asked) == made and len(made) == 6


@pytest.mark.slow
def test_what_tests_need_is_prepared_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr(nvrtc, "cubin", lambda text, capability, driver, folder: made.append(folder) or b"")
    monkeypatch.setattr(prepare, "_built", lambda *rest: False)
    assert prepare.prepare(tmp_path, (9, 0)) == len(made) > 25


def test_a_part_that_fails_or_hangs_says_so_and_keeps_its_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = RowFile(tmp_path / "rows.jsonl", "check")

    def ran(code: str, seconds: float = 60, *, tests: bool = False) -> str | None:
        part = gpu_check.Part("part", ("-c", code), 60, tests=tests)
        return gpu_check._done(part, tmp_path, file, seconds)

    assert ran("print('a row')") is None and "a row" in capfd.readouterr().out
    assert ran("import sys; sys.exit(1)") is None  # something is wrong, which its rows say
    assert ran("import sys; sys.exit('error: no driver')\n") is None
    assert ran("import sys; print('one\\nerror: two', file=sys.stderr); sys.exit(7)") == "two"
    assert ran("import time; time.sleep(60)", 0.5) == "ended after 0 s"
    assert ran("import sys; print('1 failed, 2 passed in 3s'); sys.exit(1)", tests=True) is None
    assert (
        ran("import sys; print('No module named pytest'); sys.exit(1)", tests=True)
        == "No module named pytest"
    )
    (row,) = rows.read(tmp_path / "rows.jsonl")
    assert (row["right"], row["said"]) == (False, "1 failed, 2 passed in 3s")
    assert "1 failed" in gpu_check._summary([row]) and not gpu_check._right([row])


def test_a_check_that_is_stopped_ends_its_part_and_prints_what_it_has(tmp_path: Path) -> None:
    slow = f"""
import time
from pathlib import Path
from benchmarks.gpu.rows import RowFile
file = RowFile(Path({str(tmp_path / "rows.jsonl")!r}), "right")
file.add({{"row": "a case", "right": True}}, "a line")
time.sleep(600)
"""
    check = f"""
import sys
from benchmarks import gpu_check
from benchmarks.gpu_check import Part
gpu_check._parts = lambda *rest: [Part("slow", ("-c", {slow!r}), 500), Part("later", ("-c", ""), 60)]
sys.exit(gpu_check.main([{str(tmp_path)!r}]))
"""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    with subprocess.Popen(
        [sys.executable, "-c", check], stdout=subprocess.PIPE, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "a line\n"
        running.terminate()
        lines = running.stdout.read().splitlines()  # to the end: the part has ended, too
    assert lines[-2:] == ["not measured: stopped (slow, and 1 more)", "right: 1 of 1 cases"]
    again = subprocess.run(
        [sys.executable, ROOT / "benchmarks/gpu_check.py", "--tables", tmp_path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert again.stdout.splitlines() == lines[-2:]


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_without_a_gpu_every_part_says_why_and_it_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "benchmarks/gpu_check.sh", tmp_path / "out"],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
        env=dict(os.environ, PYTHON=sys.executable),
    )  # fmt: skip
    assert done.returncode == 7
    (line,) = done.stderr.splitlines()
    assert "no CUDA device that works" in line and "nothing was measured" in line
    found = rows.read(tmp_path / "out/rows.jsonl")
    assert len(found) > 10 and all("no CUDA device that works" in row["missing"] for row in found)
    last = done.stdout.splitlines()[-2:]
    assert last[0].endswith(f"(device, and {len(found) - 1} more)") and last[1] == "right: 0 of 0 cases"
