from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

pytest.importorskip("cv2", reason="draws the frame that is measured")

from benchmarks import passes
from rtvideo.kernels.cpu import build, isa

if not build.compilers() or platform.machine() != "x86_64":
    pytest.skip(
        "no compiler (pip install ziglang), or no cycle counter that it knows", allow_module_level=True
    )

PLAIN = isa.usable()[-1].name


@pytest.mark.slow
def test_passes_hold_their_rows_and_make_up_the_frame(tmp_path: Path) -> None:
    out = tmp_path / "passes.json"
    arguments = ["--size", "320x180", "--isa", PLAIN, "--rounds", "2", "--denoise", "1", "--json", str(out)]
    assert passes.main(arguments) == 0
    result = json.loads(out.read_text())["passes"]
    spent = result["calls"]
    assert spent["light"] + spent["apply"] == pytest.approx(result["counting"])
    for whole, prefix in (("apply", "denoised: "), ("reduce", "reduce: "), ("light", "stage_")):
        rows = [ms for label, ms in spent.items() if label.startswith(prefix)]
        assert rows
        assert sum(rows) < spent[whole]
    assert not any(label.startswith("lit: ") for label in spent)
    assert sum(result["parts"].values()) == pytest.approx(result["counting"])
    assert min(result["parts"].values()) >= 0
    assert {"grid: cells", "apply: noise removal", "apply: light applied"} <= set(result["parts"])


def test_what_cannot_be_measured_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert passes.main(["--isa", "mmx"]) == 2
    assert "this machine has" in capsys.readouterr().err
    assert passes.main(["--size", "big"]) == 2
