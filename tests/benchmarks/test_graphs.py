"""A plain graph in the place of the models, and the table of both graphs."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from benchmarks import graphs
from benchmarks.training.plain import FoldedConvolution, plain
from model.recipes import NIGHT
from rtvideo.errors import ExitCode


def test_branches_fold_into_one_convolution() -> None:
    layer, x = FoldedConvolution(12, 12), torch.rand(1, 12, 9, 7)
    branches = layer.three(x) + layer.one(x) + x
    with torch.no_grad():
        folded = functional.conv2d(x, layer.folded(), layer.three.bias, padding=1)
        torch.testing.assert_close(folded, branches, rtol=0, atol=1e-5)


def test_a_part_of_a_frame_is_lit_as_the_frame_is() -> None:
    torch.manual_seed(0)
    net, y = plain(NIGHT.description), torch.rand(1, 3, 30, 40)
    part = (slice(3, 20), slice(12, 40))
    with torch.no_grad():
        assert (net(y, brightness=0.5) - net(y)).abs().max() > 0
        torch.testing.assert_close(net.trace(y, part=part).image, net(y)[(..., *part)], rtol=0, atol=1e-5)


def test_each_graph_learns_from_each_set(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("night", "lit", "wide", "lol"):
        for number in range(2):
            high = random.integers(0, 256, (24, 32, 3)).astype(np.uint8)
            for side, image in (("low", high // 6), ("high", high)):
                (tmp_path / name / side).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(tmp_path / name / side / f"{number}.png"), image)
    free = [str(tmp_path / name) for name in ("night", "lit", "wide")]
    lol = str(tmp_path / "lol")
    words = ["--free", *free, "--lol", lol, "--pairs", lol, "--foreign", free[2], "--lit", f"{lol}/high"]
    out = tmp_path / "graphs.json"
    words += ["--steps", "1", "--runs", str(tmp_path / "runs"), "--json", str(out)]
    assert graphs.main(words) == ExitCode.DONE
    rows = json.loads(out.read_text())["rows"]
    assert [row["weights"] for row in rows] == [3346, 3387] * 2
    assert len({row["pairs"]["psnr"] for row in rows}) == 4
