"""A checkpoint in the authors' layout, run by `load_released` and by a plain second implementation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model import load_released
from rtvideo.errors import UnavailableError

IEM = ["skip", "resconv1", "resdil3", "conv3", "conv3", "skip", "conv3"]
NRM = ["resconv1", "resconv1", "resdil3", "skip", "resconv1", "resconv1", "skip"]
EDGES = ["c1_d", "c1_r", "c2_d", "c2_r", "c3_d", "c3_r", "c4"]
Weights = dict[str, torch.Tensor]


def checkpoint(stages: int = 3, channels: int = 6, noise: bool = True) -> Weights:
    random = np.random.default_rng(3)
    weights: Weights = {}

    def convolution(name: str, inputs: int, outputs: int, kernel: int) -> None:
        # Large enough that t varies from pixel to pixel, small enough that the image stays near 0..1.
        bound = (1.5 if name.startswith("enhance") else 0.7) / np.sqrt(inputs * kernel**2)
        for suffix, shape in ((".weight", (outputs, inputs, kernel, kernel)), (".bias", (outputs,))):
            weights[name + suffix] = torch.from_numpy(random.uniform(-bound, bound, shape)).float()

    def cell(prefix: str, width: int, genotype: list[str]) -> None:
        for edge, operation in zip(EDGES, genotype, strict=True):
            if operation != "skip":
                convolution(f"{prefix}.{edge}.op", width, width, int(operation[-1]))
        convolution(f"{prefix}.c5", 4 * width, width, 1)

    for k in range(stages):
        cell(f"enhance_net.iems.{k}.cell", 3, IEM)
    if noise:
        convolution("denoise_net.stem", 3, channels, 3)
        for k in range(3):
            cell(f"denoise_net.nrms.{k}", channels, NRM)
        convolution("denoise_net.activate.0", channels, 3, 3)
    return weights


class Plain:
    """The released network, channels last, in float64, one tap of one convolution at a time."""

    def __init__(self, weights: Weights) -> None:
        self.weights = {name: w.double().numpy() for name, w in weights.items()}

    def convolve(self, x: np.ndarray, name: str, step: int = 1) -> np.ndarray:
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        height, width, _ = x.shape
        reach = weight.shape[-1] // 2
        out = np.zeros((height, width, len(bias))) + bias
        for i in range(height):
            for j in range(width):
                for a in range(-reach, reach + 1):
                    for b in range(-reach, reach + 1):
                        row, column = i + a * step, j + b * step
                        if 0 <= row < height and 0 <= column < width:
                            out[i, j] += weight[:, :, a + reach, b + reach] @ x[row, column]
        return out

    def operate(self, x: np.ndarray, prefix: str, edge: int, operation: str) -> np.ndarray:
        if operation == "skip":
            return x
        out = self.convolve(x, f"{prefix}.{EDGES[edge]}.op", 2 if "dil" in operation else 1)
        return out + x if operation.startswith("res") else out

    def cell(self, x: np.ndarray, prefix: str, genotype: list[str]) -> np.ndarray:
        def lrelu(z: np.ndarray) -> np.ndarray:
            return np.where(z < 0, 0.05 * z, z)

        distilled = []
        for node in range(3):
            distilled.append(lrelu(self.operate(x, prefix, 2 * node, genotype[2 * node])))
            x = lrelu(self.operate(x, prefix, 2 * node + 1, genotype[2 * node + 1]) + x)
        distilled.append(lrelu(self.operate(x, prefix, 6, genotype[6])))
        return self.convolve(np.concatenate(distilled, axis=2), f"{prefix}.c5")

    @staticmethod
    def window(x: np.ndarray) -> np.ndarray:
        wide = np.zeros((x.shape[0] + 1, x.shape[1] + 1, 3))
        wide[:-1, :-1] = x
        return np.max([wide[:-1, :-1], wide[:-1, 1:], wide[1:, :-1], wide[1:, 1:]], axis=0)

    def run(self, y: np.ndarray, stages: int) -> tuple[list[np.ndarray], np.ndarray]:
        lit, u = [], y
        for k in range(stages):
            t_hat = self.window(u) - 0.5 * (u - y)  # at k = 0, u is y and the residual is zero
            c = self.cell(t_hat, f"enhance_net.iems.{k}.cell", IEM)
            t = np.clip(1 / (1 + np.exp(-c)), 0.001, 1)
            u = np.clip(y / t, 0, 1)
            lit.append(u)
        if "denoise_net.stem.weight" not in self.weights:
            return lit, u
        features = self.convolve(u, "denoise_net.stem")
        for k in range(3):
            features = self.cell(features, f"denoise_net.nrms.{k}", NRM)
        return lit, u - self.convolve(features, "denoise_net.activate.0")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(("stages", "channels", "noise"), [(3, 6, True), (2, 8, True), (3, 6, False)])
def test_agrees_with_the_plain_implementation(
    tmp_path: Path, suffix: str, stages: int, channels: int, noise: bool
) -> None:
    weights = checkpoint(stages, channels, noise)
    path = tmp_path / f"released{suffix}"
    if suffix == ".pt":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    net = load_released(path)
    assert len(net.illumination.cells) == stages
    assert (net.noise is None) != noise
    y = np.random.default_rng(0).random((7, 6, 3)) ** 3
    lit, expected = Plain(weights).run(y, stages)
    with torch.no_grad():
        single = net.trace(torch.from_numpy(y.transpose(2, 0, 1)[None]).float())
        double = net.double().trace(torch.from_numpy(y.transpose(2, 0, 1)[None]))
    for trace, tolerance in ((single, 1e-6), (double, 1e-12)):
        for stage, u in zip(trace.stages, lit, strict=True):
            np.testing.assert_allclose(stage.u[0].permute(1, 2, 0), u, atol=tolerance)
        result = trace.x[-1] if noise else trace.u
        np.testing.assert_allclose(result[0].permute(1, 2, 0), expected, atol=tolerance)
        np.testing.assert_allclose(trace.image[0].permute(1, 2, 0), expected.clip(0, 1), atol=tolerance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: w.pop("enhance_net.iems.1.cell.c4.op.bias"),
            r"'illumination.cells.1.c4.op.bias' is missing",
        ),
        (lambda w: w.update({"enhance_net.other": torch.ones(1)}), "unknown key 'enhance_net.other'"),
        (lambda w: w.update({"denoise_net.stem.bias": torch.ones(5)}), r"has shape \(5,\)"),
        (lambda w: w.clear(), "no key starts with"),
        (lambda w: w.update({"enhance_net.iems.0.cell.c1_d.op.bias": torch.ones(3)}), "is unknown"),
    ],
)
def test_a_bad_key_gives_one_clear_line(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    weights = checkpoint()
    change(weights)
    torch.save(weights, tmp_path / "bad.pt")
    with pytest.raises(UnavailableError, match=message) as caught:
        load_released(tmp_path / "bad.pt")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    for name, content in (("text.pt", b"hello"), ("text.safetensors", b"hello"), ("empty.pt", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnavailableError, match="cannot be read"):
            load_released(tmp_path / name)
    with pytest.raises(UnavailableError, match="cannot be read"):
        load_released(tmp_path / "missing.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UnavailableError, match="dictionary of tensors"):
        load_released(tmp_path / "list.pt")
