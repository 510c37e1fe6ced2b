from pathlib import Path

import cv2
import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Undo what the command sets: threads that wait for each other are slow where cores are few."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of dark images of different sizes, one grey and one with alpha."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number, shape in enumerate([(40, 32, 3), (10, 30, 3), (33, 20), (25, 25, 4)]):
        cv2.imwrite(str(folder / f"{number}.png"), (60 * rng.random(shape) ** 2).astype(np.uint8))
    return folder
