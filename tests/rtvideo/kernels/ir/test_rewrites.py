"""Each rewrite against what it replaces, in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the reference is a torch module")

from model.cell import DistillationCell  # noqa: E402
from model.operations import OPERATIONS  # noqa: E402
from rtvideo.kernels.ir import rewrites  # noqa: E402
from rtvideo.kernels.ir.lower import lower  # noqa: E402
from rtvideo.kernels.ir.program import Fusion, Program, Skip  # noqa: E402
from rtvideo.models.description import Description, Genotype, Illumination  # noqa: E402
from rtvideo.models.shapes import shapes  # noqa: E402

LN2 = math.log(2)


def near(a: object, b: object) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-13)


def image(channels: int) -> torch.Tensor:
    return torch.randn(1, channels, 9, 11, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("name", ["conv1", "conv3", "resconv1", "resconv3", "dil3", "resdil3"])
@pytest.mark.parametrize("remaining", [False, True])
def test_identity_folds_into_the_centre_tap(name: str, remaining: bool) -> None:
    operation = OPERATIONS[name](5).double()
    x = image(5)
    wanted = operation(x) + x if remaining else operation(x)
    op = operation.op
    with torch.no_grad():
        op.weight.copy_(
            torch.from_numpy(
                rewrites.fold_identity(op.weight.detach().numpy(), name.startswith("res") + remaining)
            )
        )
        near(op(x), wanted.detach())


def cell(genotype: Genotype) -> DistillationCell:
    torch.manual_seed(5)
    return DistillationCell(3, genotype).double()


def test_a_cell_in_log2_is_the_cell_in_natural_logarithms() -> None:
    net = cell(Genotype("skip", "resconv1", "resdil3", "conv3", "dil3", "skip", "conv3"))
    x = image(3)
    with torch.no_grad():
        wanted = net(x) / LN2
        biases = {k: v.numpy() for k, v in net.named_parameters() if k.endswith("bias")}
        for name, bias in rewrites.cell_in_log2(biases).items():
            net.get_parameter(name).copy_(torch.from_numpy(bias))
        near(net(x / LN2), wanted)


def test_the_inverse_sigmoid_is_a_bare_exp2() -> None:
    rng = np.random.default_rng(0)
    weight, bias, d = rng.normal(size=(3, 12, 1, 1)), rng.normal(size=3), rng.normal(size=(12, 50))
    z = weight[..., 0, 0] @ d + bias[:, None]
    w, b = rewrites.negate_in_log2(weight, bias)
    near(1 + np.exp2(w[..., 0, 0] @ d + b[:, None]), 1 / (1 / (1 + np.exp(-z))))
    w, b = rewrites.negate(weight, bias)
    near(w[..., 0, 0] @ d + b[:, None], -z)


def test_shares_of_details_are_a_bare_exp2_and_the_noise_of_means_stays() -> None:
    rng = np.random.default_rng(3)
    weight, bias, x = rng.normal(size=(5, 8, 3, 3)), rng.normal(size=5), rng.normal(size=(8, 3, 3))
    z = np.tensordot(weight, x, 3) + bias
    w, b = rewrites.shares_in_log2(weight, bias)
    made = np.tensordot(w, x, 3) + b
    near(made[:3], z[:3])
    near(1 / (1 + np.exp2(made[3:])), 1 / (1 + np.exp(-z[3:])))


def test_exposure_in_log2() -> None:
    rng = np.random.default_rng(1)
    weight, bias, g = rng.normal(size=(3, 5)), rng.normal(size=3), rng.normal(size=5)
    drift, log_contrast, logit = weight @ g + bias
    w, b = rewrites.exposure_in_log2(weight, bias)
    out = w @ (g / np.array([LN2, LN2, 1, LN2, LN2])) + b
    near(out[0] * LN2, drift)
    near(np.exp2(out[1]), np.exp(log_contrast))
    near(1 / (1 + np.exp2(out[2])), 1 / (1 + np.exp(-logit)))


def skips(program: Program) -> list[bool]:
    layers = [e for x in program.lit.layers for e in (x.edges if isinstance(x, Fusion) else (x,))]
    return [layer.leaky for layer in layers if isinstance(layer, Skip)]


def lowered(**illumination: object) -> Program:
    description = Description(name="t", illumination=Illumination(**illumination))  # type: ignore[arg-type]
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes(description).items()}
    return lower(description, zeros)


def test_a_leaky_relu_goes_only_where_its_input_cannot_be_negative() -> None:
    edges = Genotype("skip", "skip", "skip", "conv1", "skip", "skip", "skip")
    # d1, r1, d2 see the warm start, doubled at most; behind conv1 anything is possible.
    assert sum(skips(lowered(genotype=edges, scales=(1,)))) == 3
    assert len(skips(lowered(genotype=edges, scales=(1,)))) == 6
    # Equation 2 may go below zero, so the second cell keeps all; what the released form sees is a maximum.
    assert sum(skips(lowered(genotype=edges, scales=(1, 1)))) == 3 + 6
    assert sum(skips(lowered(genotype=edges, scales=(1, 1), parameterisation="released"))) == 3 + 3
    logs = lowered(genotype=edges, scales=(8,), domain="log", warm_start="previous", floor=0.01)
    stage = [e for x in logs.stages[0].layers if isinstance(x, Fusion) for e in x.edges]
    assert all(e.leaky for e in stage)


def test_bf16_is_rounded_to_nearest_even() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(size=1000), [0.0, -0.0, 1.00390625, 1.01171875, 3e38]])
    bits = torch.from_numpy(values.astype(np.float32)).to(torch.bfloat16).view(torch.int16).numpy()
    assert np.array_equal(rewrites.bfloat16(values), bits.view(np.uint16))


def test_pairs_hold_two_channels_of_one_tap() -> None:
    weight = np.arange(2 * 3 * 3 * 3, dtype=np.float64).reshape(2, 3, 3, 3)
    made = rewrites.taps_in_pairs(weight, np.array([5.0, 7.0]))
    words = made[2:].view(np.uint32).reshape(3, 3, 2, 2)
    low, high = (words << 16).view(np.float32), (words & 0xFFFF0000).view(np.float32)
    assert list(made[:2]) == [5, 7]
    assert np.array_equal(low[2, 1, :, 1], weight[1, 0::2, 2, 1])
    assert np.array_equal(high[2, 1, :, 1], [weight[1, 1, 2, 1], 0])
