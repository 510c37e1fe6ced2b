"""Arithmetic stands once, in ``common/*.h``: both back ends use it, and have no constants of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks of tests are torch networks")

from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.library import CpuNetwork, Library
from rtvideo.kernels.cuda.driver import LEAST_SHARED
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import Format, PlanePointers, TimeConstants, float_format
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import Image, picture
from tests.rtvideo.kernels.cuda.emulated import KERNELS, Emulated

COMMON = sorted((KERNELS / "common").glob("*.h"))
BACK_ENDS = ("cpu", "cuda")


def code(path: Path) -> str:
    """A source without its comments."""
    return re.sub(r"//.*", "", path.read_text())


def test_back_ends_have_no_constants_of_their_own() -> None:
    # Of means, positions and ranges; simd.hpp has the polynomials of exp2 and log2.
    harmless = {"0.0f", "1.0f", "2.0f", "0.5f", "0.25f", "0.75f", "1e30", "1e30f"}
    paths = [path for name in BACK_ENDS for path in (KERNELS / name / "include").iterdir()]
    for path in paths:
        if path.name != "simd.hpp":
            text = re.sub(r'"[^"]*"', "", code(path))
            literals = set(re.findall(r"(?<![\w.])(?:\d+\.\d*|\d+e[-+]?\d+)f?", text))
            assert literals <= harmless, path
            assert not re.search(r"constexpr (?:float|double)", text), path
    assert len(paths) > 20


@pytest.mark.parametrize("header", COMMON, ids=lambda path: path.name)
def test_both_back_ends_use_every_formula(header: Path) -> None:
    defined = re.findall(r"^(?:template <[^\n]*>\s)?FN [\w ]+?[ &*](\w+)\(", code(header), re.M)
    defined += re.findall(r"^(?:template <[^\n]*> )?struct (\w+)", code(header), re.M)
    assert defined
    shared = "\n".join(map(code, COMMON))
    lowering = (KERNELS / "ir/lower.py").read_text()
    for name in defined:
        for back_end in BACK_ENDS:
            own = "\n".join(code(path) for path in (KERNELS / back_end / "include").iterdir())
            uses = len(re.findall(rf"\b{name}\b", shared)) > 1 or f'"{name}"' in lowering
            assert uses or re.search(rf"\b{name}\b", own), f"{back_end} does without {name}"


def test_python_mirrors_the_structs() -> None:
    text = "\n".join(map(code, COMMON))
    for name, mirror in (("Format", Format), ("Planes", PlanePointers), ("TimeConstants", TimeConstants)):
        (body,) = re.findall(rf"struct {name} {{(.*?)}};", text, re.S)
        members = [re.sub(r"[*\[\]\d]", "", m).strip() for m in re.findall(r"[*\w\[\]]+(?=[,;])", body)]
        assert members == [field for field, *_ in mirror._fields_]


def changed(folder: Path, header: str, old: str, new: str) -> Path:
    """The folder of kernels with another text in a common header."""
    copy = folder / "kernels"
    shutil.copytree(KERNELS, copy, ignore=shutil.ignore_patterns("prebuilt", "__pycache__"))
    path = copy / "common" / header
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return copy


def on_processor(kernels: Path, work: Path) -> Image:
    program = lower(networks.NIGHT, networks.weights(networks.NIGHT))
    source, library = work / "network.cpp", work / f"{kernels.parent.name}.so"  # none is loaded twice
    source.write_text(emit(program))
    includes = [f"-I{kernels}", f"-I{kernels / 'cpu/include'}"]
    plain = next(one for one in isa.usable() if not one.packed_dtype)
    flags = [*build.compilers()[0].arguments(plain), "-O1", "-w"]
    command = [*flags, *includes, str(source), "-o", str(library), "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    y = picture(33, 47, 1)
    out = np.empty_like(y)
    network = CpuNetwork(Library(library), program.data(), 47, 33, float_format(), 1)
    network.run(list(y), list(out), 0.5, 1.0)
    network.close()
    return out


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Image, Image]:
    """What the processor and the device make of the picture with the headers as they are."""
    if not build.compilers():
        pytest.skip("no compiler: pip install ziglang")
    return on_processor(KERNELS, tmp_path_factory.mktemp("unchanged")), on_device(KERNELS)


def on_device(kernels: Path) -> Image:
    network = Emulated(networks.NIGHT, True, False, False, LEAST_SHARED, kernels)
    return network.run(picture(33, 47, 1), 0.5, 1.0)


@pytest.mark.compile
@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("layers.h", "SLOPE = 0.05f", "SLOPE = 0.2f"),
        ("light.h", "u - weight * noise", "u + weight * noise"),
    ],
    ids=["a constant", "equation 3"],
)
def test_a_change_changes_both_back_ends_alike(
    unchanged: tuple[Image, Image], tmp_path: Path, header: str, old: str, new: str
) -> None:
    other = changed(tmp_path, header, old, new)
    before, there = unchanged
    after, then = on_processor(other, tmp_path), on_device(other)
    assert np.abs(after - before).max() > 1e-3
    assert np.abs(there - before).max() <= 1e-5
    assert np.abs(then - after).max() <= 1e-5
