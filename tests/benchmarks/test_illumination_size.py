from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("cv2", reason="reads and draws images")
pytest.importorskip("skimage", reason="belongs to training")

from benchmarks import illumination_size
from rtvideo.kernels.cpu import build

if not build.compilers():
    pytest.skip("no compiler: pip install ziglang", allow_module_level=True)


def test_smaller_light_is_further_from_full_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(illumination_size, "SCALES", (1, 2, 8))
    from model.scene.sample import make_photos

    make_photos(tmp_path, 1, size=(160, 120))
    out = tmp_path / "sizes.json"
    folders = ["--low", str(tmp_path / "low"), "--high", str(tmp_path / "high")]
    assert illumination_size.main([*folders, "--size", "64x48", "--rounds", "1", "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["illumination"]["rows"]
    assert [row["choice"] for row in rows] == [
        "full size", "1/2, bilinear", "1/2, guided", "1/8, bilinear", "1/8, guided",
    ]  # fmt: skip
    full, half, guided, eighth, _ = (row["strong"]["full_size"] for row in rows)
    assert full is None
    assert half > eighth > 20
    assert guided != half
    assert all(5 < row["trained"]["reference"] < 60 for row in rows)


def test_what_cannot_be_measured_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert illumination_size.main(["--low", str(tmp_path)]) == 2
    assert "give both" in capsys.readouterr().err
    assert illumination_size.main(["--size", "64x48,32x32"]) == 2
    assert "must be one" in capsys.readouterr().err
