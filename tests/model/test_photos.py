from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from model.photos import make_photos


@pytest.mark.slow
def test_photographs_come_in_pairs(tmp_path: Path) -> None:
    make_photos(tmp_path, count=3, size=(64, 48))
    low, high = sorted((tmp_path / "low").iterdir()), sorted((tmp_path / "high").iterdir())
    assert [p.name for p in low] == [p.name for p in high] == ["000.png", "001.png", "002.png"]
    for dark, lit in zip(low, high, strict=True):
        pictures = [np.asarray(PIL.Image.open(path)) for path in (dark, lit)]
        assert [picture.shape for picture in pictures] == [(48, 64, 3)] * 2
        assert pictures[0].mean() < pictures[1].mean()
