"""A generated network under sanitizers, through random geometries and strides.

gcc and Debian's clang have all of them. ziglang's clang, which pip brings, lacks the one for addresses, and
builds the libraries of the others first.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtvideo.kernels.cpu.build import _CLANGS, INCLUDES, compilers
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.ir.lower import lower
from rtvideo.models.description import Description
from tests.helpers import networks

pytestmark = pytest.mark.compile

EVERYTHING = dataclasses.replace(
    networks.HALF, illumination=dataclasses.replace(networks.HALF.illumination, upsampling="guided")
)


#: What linkers say of a compiler that is here without the libraries of its sanitizers.
NO_LIBRARY = re.compile(r"clang_rt|cannot find \S*lib[atu]\w*san|cannot find -l[atu]\w*san")


def offers(wanted: str) -> Iterator[tuple[list[str], str]]:
    """Commands, and which of the sanitizers each can offer, the quickest first."""
    for name in ("g++", *_CLANGS):
        if path := shutil.which(name):
            yield [path, "-mavx2", "-mfma"], wanted
    rest = ",".join(one for one in wanted.split(",") if one != "address")
    for compiler in compilers():
        if compiler.kind == "zig":
            yield [*compiler.command, "-target", "x86_64-linux-gnu.2.28", "-mcpu=x86_64_v3"], rest


# Where only ziglang is, it first builds the thread sanitizer's library, which takes a minute of one core.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("description", [EVERYTHING, networks.RUAS], ids=lambda d: d.name)
@pytest.mark.parametrize(("wanted", "rounds"), [("address,undefined", 60), ("thread", 15)])
def test_nothing_is_found(description: Description, wanted: str, rounds: int, tmp_path: Path) -> None:
    source = tmp_path / "network.cpp"
    source.write_text(emit(lower(description, networks.weights(description))))
    driver, program = Path(__file__).with_name("driver.cpp"), tmp_path / "driver"
    for command, sanitizers in offers(wanted):
        build = subprocess.run(
            [
                *command, "-std=c++17", "-O0", "-g", "-ffp-contract=fast", "-Wno-psabi", "-pthread",
                f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", *INCLUDES, f"-DROUNDS={rounds}",
                f'-DKERNEL="{source}"', str(driver), "-o", str(program),
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not NO_LIBRARY.search(build.stderr):
            break
    else:
        pytest.skip("no compiler with sanitizers: pip install ziglang, or apt-get install g++")
    assert build.returncode == 0, build.stderr
    run = subprocess.run([program], capture_output=True, text=True, check=False, timeout=200)
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr[-3000:]
