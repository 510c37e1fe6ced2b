"""Scales, channels and stages: a supernet whose choices are settled computes what its description says."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from model.iem import IEM
from model.nrm import NRM
from rtvideo.models.description import OPERATIONS
from search.mixed import EDGES, MixedCell
from search.objectives import NIGHT
from search.scales import OFF, ScaledStage
from search.supernet import Supernet


def settle(net: Supernet, **options: list[int]) -> None:
    """Make each choice certain."""
    with torch.no_grad():
        for name, choice in net.all_choices().items():
            choice.alpha.zero_()
            for row, option in enumerate(options.get(name, [0] * len(choice.alpha))):
                choice.alpha[row, option] = 1
            choice.shrink(1)


def test_the_derived_network_has_the_chosen_options() -> None:
    net = NIGHT.supernet()
    cell = [OPERATIONS.index("resconv3")] * EDGES
    settle(net, n=cell, scales=[1, 3, 2], channels=[2], stages=[1])
    found = net.derived()
    assert found.illumination.scales == (8, 16)
    assert found.noise is not None
    assert (found.noise.channels, found.noise.stages) == (8, 2)
    assert set(found.noise.genotype) == {"resconv3"}
    assert replace(
        found.illumination, scales=(8, 8, 8), genotype=NIGHT.description.illumination.genotype
    ) == (NIGHT.description.illumination)


def test_a_network_without_stages_gets_the_coarsest() -> None:
    net = NIGHT.supernet()
    settle(net, scales=[3, 3, 3])
    assert net.derived().illumination.scales == (16,)


def narrow(cell: MixedCell, channels: int) -> MixedCell:
    """Return a cell of the first channels of another."""
    small = MixedCell(channels, cell.shares)
    wide = cell.channels
    kept = torch.arange(wide) < channels
    pairs = (kept[:, None] & kept).flatten()
    with torch.no_grad():
        small.kernels.copy_(cell.kernels[:, pairs])
        small.biases.copy_(cell.biases[:, kept])
        small.c5.weight.copy_(cell.c5.weight[kept][:, kept.repeat(4)])
        assert small.c5.bias is not None and cell.c5.bias is not None
        small.c5.bias.copy_(cell.c5.bias[kept])
    return small


def test_a_masked_cell_is_a_narrower_one() -> None:
    torch.manual_seed(0)
    shares = torch.rand(EDGES, len(OPERATIONS)).softmax(1)
    cell = MixedCell(6, lambda: shares, lambda: (torch.arange(6) < 4).float())
    x = torch.rand(1, 6, 9, 8)
    found = cell(x)
    torch.testing.assert_close(found[:, :4], narrow(cell, 4)(x[:, :4]))
    assert found[:, 4:].abs().max() == 0


class Halve(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def stage(*shares: float) -> ScaledStage:
    return ScaledStage(Halve(), (4, 8, OFF), 4, lambda: torch.tensor(shares))


def test_a_stage_at_a_coarser_scale_sees_means_and_one_that_is_off_does_nothing() -> None:
    x = torch.rand(1, 3, 5, 7)  # odd: edges are repeated
    torch.testing.assert_close(x - stage(1, 0, 0)(x), x / 2)
    assert torch.equal(stage(0, 0, 1)(x), torch.zeros_like(x))
    flat = torch.full_like(x, 0.8)
    torch.testing.assert_close(flat - stage(0, 1, 0)(flat), flat / 2)
    assert (x - stage(0, 1, 0)(x)).std() < (x / 2).std()


def test_the_stages_of_noise_removal_are_weighed() -> None:
    net = NIGHT.supernet()
    first, second = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    settle(net, stages=[1])
    assert torch.equal(net.denoised([first, second]), second)
    settle(net, stages=[0])
    net = NIGHT.supernet()
    assert net.denoised([first, second]).mean().item() == pytest.approx(0.5, abs=0.01)


def test_weights_that_the_recipe_fixes_do_not_learn() -> None:
    net = NIGHT.supernet()
    knee = net.iem.chroma_knee
    assert knee.item() == pytest.approx(NIGHT.fixed["illumination.chroma_knee"])
    assert all(weight is not knee for weight in net.weights_t())
    assert isinstance(net.iem, IEM) and isinstance(net.nrm, NRM)
