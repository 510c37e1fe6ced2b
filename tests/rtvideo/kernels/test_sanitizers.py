"""A generated network under Debian's clang with its sanitizers, through random geometries and strides."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rtvideo.kernels.build import _CLANGS
from rtvideo.kernels.cpp import HEADERS, emit
from rtvideo.kernels.lower import lower
from rtvideo.models.description import Description
from tests import networks


@pytest.mark.parametrize("description", [networks.NIGHT, networks.RUAS], ids=lambda d: d.name)
@pytest.mark.parametrize(("sanitizers", "rounds"), [("address,undefined", 60), ("thread", 15)])
def test_nothing_is_found(description: Description, sanitizers: str, rounds: int, tmp_path: Path) -> None:
    clang = next((path for name in _CLANGS if (path := shutil.which(name))), None)
    if clang is None:
        pytest.skip("no clang++ with sanitizers: apt-get install clang")
    source = tmp_path / "network.cpp"
    source.write_text(emit(lower(description, networks.weights(description))))
    driver = Path(__file__).with_name("driver.cpp")
    program = tmp_path / "driver"
    build = subprocess.run(
        [
            clang, "-std=c++17", "-O0", "-g", "-mavx2", "-mfma", "-ffp-contract=fast", "-Wno-psabi",
            "-pthread",
            f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", f"-I{HEADERS}", f"-DROUNDS={rounds}",
            f'-DKERNEL="{source}"', str(driver), "-o", str(program),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "cannot find" in build.stderr and "clang_rt" in build.stderr:
        pytest.skip("clang's sanitizer libraries are missing: apt-get install libclang-rt-dev")
    assert build.returncode == 0, build.stderr
    run = subprocess.run([program], capture_output=True, text=True, check=False, timeout=200)
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr[-3000:]
