"""What the wheel does where a kernel cannot be built, and which platform it says it is for."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("setuptools", reason="setuptools builds the wheel")

from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.system import LINUX
from rtvideo.kernels.ir.lower import lower
from rtvideo.models import find

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_kernel_that_cannot_be_built_is_one_line(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "compilers", lambda: [build.Compiler("gcc", ("false",))])
    monkeypatch.setattr(build, "PREBUILT", tmp_path / "none")
    assert script.compile_one(find("night"), isa.INSTRUCTION_SETS[0], tmp_path, LINUX) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert "night" in line and "avx512-bf16" in line and "could not be compiled" in line


def test_only_what_the_models_need_stays(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "compile_one", lambda model, isa, folder, system: [folder / f"{isa.name}.so"])
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "")
    (tmp_path / "stale.so").touch()
    kept = tmp_path / f"{isa.usable()[-1].name}.so"
    kept.touch()
    script.compile_shipped(tmp_path, script.platform())
    assert list(tmp_path.iterdir()) == [kept]


def test_coarser_illumination_needs_no_compiler_either(script: Any) -> None:
    shipped = {(model.name, model.description.illumination.scales) for model in script.models()}
    assert {("night", (8, 8, 8)), ("night", (16, 16, 16)), ("ruas", (1, 1, 1))} < shipped
    assert ("ruas", (2, 2, 2)) not in shipped, "it has no coarser illumination"


@pytest.mark.parametrize(
    ("libraries", "tag"),
    [
        ([b"GLIBC_2.2.5 GLIBC_2.14", b"GLIBC_2.17"], "manylinux_2_17_"),
        ([b"GLIBC_2.2.5", b"GLIBC_2.34"], "linux_"),
        ([b"libstdc++.so.6 GLIBC_2.2.5"], "linux_"),
        ([b"nothing known"], "linux_"),
    ],
)
def test_the_tag_follows_what_the_libraries_need(script: Any, libraries: list[bytes], tag: str) -> None:
    arm = script.PLATFORMS["linux-aarch64"]
    tags = script.platform_tag(script.platform(), libraries), script.platform_tag(arm, libraries)
    assert all(made.startswith(tag) for made in tags) and tags[1].endswith("_aarch64")


def test_wheels_for_other_machines(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {name: script.platform_tag(target, [b"GLIBC_2.17"]) for name, target in script.PLATFORMS.items()}
    assert tags["win-amd64"] == "win_amd64" and tags["macosx-arm64"] == "macosx_13_0_arm64"
    monkeypatch.setattr("sysconfig.get_platform", lambda: "macosx-14.2-arm64")
    assert script.platform() == script.PLATFORMS["macosx-arm64"]
    monkeypatch.setattr("sysconfig.get_platform", lambda: "linux-riscv64")
    assert script.platform() is None
    monkeypatch.setenv("RTVIDEO_PLATFORM", "amiga")
    with pytest.raises(SystemExit, match="amiga: is none of linux-x86_64"):
        script.platform()


@pytest.mark.compile
@pytest.mark.parametrize("name", ["win-amd64", "macosx-arm64", "macosx-x86_64"])
def test_the_kernels_compile_for_other_systems(script: Any, name: str, tmp_path: Path) -> None:
    """What they call must exist there; `make kernels` links and runs them."""
    zig = next((one for one in build.compilers() if one.kind == "zig"), None)
    if zig is None:
        pytest.skip("no compiler for other systems: pip install ziglang")
    target, model = script.PLATFORMS[name], find("night")
    assert model.description is not None and model.weights is not None
    (tmp_path / "kernel.cpp").write_text(emit(lower(model.description, weights.read(model.weights))))
    plain = next(one for one in reversed(isa.INSTRUCTION_SETS) if one.machine == target.machine)
    arguments = [one for one in zig.arguments(plain, target.system) if one not in ("-shared", "-O3", "-s")]
    flags = [*arguments, *build.INCLUDES, "-O0", "-c", "-o", str(tmp_path / "made.o")]
    for source in (tmp_path / "kernel.cpp", ROOT / "platforms/driver.cpp"):
        done = subprocess.run([*flags, str(source)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
