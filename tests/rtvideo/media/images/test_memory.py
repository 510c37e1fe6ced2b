"""Large images: read whatever Pillow's own limit is, if there is room for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.errors import InputError
from rtvideo.media import images
from rtvideo.media.images import memory
from rtvideo.media.images.picture import Picture


@pytest.mark.parametrize(("suffix", "dtype"), [(".png", np.uint8), (".tif", np.uint8), (".tif", np.uint16)])
def test_images_beyond_the_limit_of_pillow(
    tmp_path: Path, suffix: str, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.arange(60 * 40 * 3).astype(dtype).reshape(60, 40, 3)
    images.write(Picture(pixels), tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(images.read(tmp_path / f"a{suffix}").pixels, pixels)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_an_image_for_which_there_is_no_room(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.write(Picture(np.zeros((1000, 2000, 3), np.uint8)), tmp_path / f"a{suffix}")
    monkeypatch.setattr(memory, "free_memory", lambda: 20_000_000)
    with pytest.raises(InputError, match=r"2 megapixels need about 0\.0 GB .* smaller") as caught:
        images.read(tmp_path / f"a{suffix}")
    assert "\n" not in str(caught.value)


def test_free_memory_is_that_of_the_cgroup_too(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    4000 kB\n")
    assert memory.free_memory(tmp_path, tmp_path) == 4_096_000
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert memory.free_memory(tmp_path, tmp_path) == 600_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory(tmp_path, tmp_path) == 4_096_000
