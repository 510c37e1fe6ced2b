"""The course of a training in the released form: what is kept of it, and what is read off it."""

import numpy as np
import torch

from benchmarks.paper import exposure
from model import data
from model.ruas import RUAS


def row(step: int, t: float, psnr: float) -> dict[str, float]:
    return {"step": step, "t": t, "t_spread": 0.0, "psnr": psnr, "ssim": 0.5, "matched": 18.0}


COURSE = [row(0, 0.45, 9.0), row(50, 0.3, 11.0), row(100, 0.17, 12.0), row(150, 0.05, 8.0)]


def test_the_best_and_the_passing_row() -> None:
    assert exposure.best(COURSE)["step"] == 100
    passing = exposure.passing(COURSE)
    assert passing is not None and passing["step"] == 100
    assert exposure.passing(COURSE[:2]) is None  # t has not come so far
    assert exposure.cells(None) == [""] * 4
    assert exposure.cells(COURSE[1]) == ["50", "0.300 ± 0.000", "11.00 / 0.500", "18.00"]


def test_a_course_is_scored_before_and_in_the_training_and_follows_from_the_seed() -> None:
    torch.set_num_threads(1)
    low = np.random.default_rng(0).integers(0, 40, (70, 80, 3)).astype(np.uint8)
    items = [data.Item("a", "a", low)]

    def score(net: RUAS) -> dict[str, float]:
        with torch.no_grad():
            return {"t": net.trace(torch.from_numpy(data.planes(low[None]))).t.mean().item()}

    runs = [exposure.train(items, 0.01, 3e-3, 0, 4, 2, score) for _ in range(2)]
    assert [kept["step"] for kept in runs[0]] == [0, 2, 4]
    assert runs[0] == runs[1]
    assert len({kept["t"] for kept in runs[0]}) == 3
