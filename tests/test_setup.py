"""What the wheel does where a kernel cannot be built, and which platform it says it is for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("setuptools", reason="setuptools builds the wheel")

from rtvideo.kernels.cpu import build, isa
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
    assert script.compile_one(find("night"), isa.INSTRUCTION_SETS[0], tmp_path) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert "night" in line and "avx512-bf16" in line and "could not be compiled" in line


def test_only_what_the_models_need_stays(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "compile_one", lambda model, isa, folder: [folder / f"{isa.name}.so"])
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "")
    (tmp_path / "stale.so").touch()
    kept = tmp_path / f"{isa.usable()[-1].name}.so"
    kept.touch()
    script.compile_shipped(tmp_path)
    assert list(tmp_path.iterdir()) == [kept]


def test_coarser_illumination_needs_no_compiler_either(script: Any) -> None:
    shipped = {(model.name, model.description.illumination.scales) for model in script.models()}
    assert {("night", (8, 8, 8)), ("night", (16, 16, 16)), ("ruas", (1, 1, 1))} < shipped
    assert ("ruas", (2, 2, 2)) not in shipped, "it has no coarser illumination"


@pytest.mark.parametrize(
    ("libraries", "tag"),
    [
        ([], "any"),
        ([b"GLIBC_2.2.5 GLIBC_2.14", b"GLIBC_2.17"], "manylinux_2_17_"),
        ([b"GLIBC_2.2.5", b"GLIBC_2.34"], "linux_"),
        ([b"libstdc++.so.6 GLIBC_2.2.5"], "linux_"),
        ([b"nothing known"], "linux_"),
    ],
)
def test_the_tag_follows_what_the_libraries_need(script: Any, libraries: list[bytes], tag: str) -> None:
    assert script.platform_tag(libraries).startswith(tag)
