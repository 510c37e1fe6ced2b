"""What kernels are made of, seen in their machine code: a change that doubles it is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import sass as script
from benchmarks.gpu import sass, sources
from rtvideo.errors import UnavailableError
from rtvideo.kernels.cuda import nvrtc

#: Kernel of `night` -> instructions for a pixel (of the stages, a cell) at most: a tenth more than there are.
INSTRUCTIONS = {"reduce_frame": 88, "stages_0": 4900, "lit_0": 168}

#: Noise removal on tensor cores, for a pixel.
ON_TENSOR_CORES = 145

#: Kernels of a frame.
KERNELS = 3


@pytest.fixture(autouse=True)
def needs_both() -> None:
    try:
        nvrtc.bindings()
        sass.disassembler()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.compile
def test_kernels_are_no_larger_than_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "KINDS", (sources.Kind(), sources.TENSOR))
    assert script.main(["night", "--json", str(tmp_path / "sass.json")]) == 0
    kinds = json.loads((tmp_path / "sass.json").read_text())
    found = {one["name"]: one for one in kinds["IEM"]}
    assert len(found) == KERNELS
    for name, most in INSTRUCTIONS.items():
        assert most / 2 < found[name]["instructions"] <= most
    assert all(one["registers"] <= 128 for one in found.values())
    assert found["lit_0"]["bytes"] < 12
    assert "IEM: 3 kernels a frame" in capsys.readouterr().out
    noise = {one["name"]: one for one in kinds["IEM, NRM, tensor"]}["denoised_1"]
    assert ON_TENSOR_CORES / 2 < noise["instructions"] <= ON_TENSOR_CORES
    assert noise["matrix_multiply_adds"] > 0 and noise["registers"] <= 96


def test_loops_are_told_by_branches_back() -> None:
    lines = [
        "        /*0010*/                   S2R R0, SR_TID.X ;",
        ".L_x_1:",
        "        /*0020*/                   LDS R1, [R0] ;",
        "        /*0030*/               @P1 BRA `(.L_x_2) ;",
        "        /*0040*/                   FFMA R1, R1, R2, R3 ;",
        ".L_x_2:",
        "        /*0050*/              @!P0 BRA `(.L_x_1) ;",
        "        /*0060*/                   EXIT ;",
        ".L_x_3:",
        "        /*0070*/                   BRA `(.L_x_3);",
    ]
    assert list(sass._loops(lines)) == [["LDS", "BRA", "FFMA", "BRA"]]
