from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from model.neighbours import _pair, neighbour_to_neighbour

HEIGHT, WIDTH = 33, 26  # an odd last row has no partner


def rows_and_columns() -> Tensor:
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    return torch.stack((y, x)).float()[None]


def test_pairs_are_neighbours_of_one_cell_in_every_direction() -> None:
    first, second = _pair(rows_and_columns())
    assert first.shape == second.shape == (1, 2, HEIGHT // 2, WIDTH // 2)
    assert torch.equal(first // 2, second // 2)
    steps = (second - first)[0].flatten(1).T
    assert (steps.abs().sum(1) == 1).all()
    assert {tuple(step) for step in steps.int().tolist()} == {(0, 1), (0, -1), (1, 0), (-1, 0)}


def test_channels_and_images_are_drawn_alike() -> None:
    image = rows_and_columns().expand(2, 2, HEIGHT, WIDTH)
    for half, alone in zip(_pair(image), _pair(image[:1, :1]), strict=True):
        assert torch.equal(half[0], half[1])
        assert torch.equal(half[:1, :1], alone)


def blend(share: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a noise removal that replaces a share of each pixel by the mean around it."""

    def remove(u: Tensor, t: Tensor) -> Tensor:
        assert u.shape[2:] == t.shape[2:]
        return (1 - share) * u + share * functional.avg_pool2d(u, 5, 1, 2, count_include_pad=False)

    return remove


def value(share: float, u: Tensor, gamma: float) -> float:
    t = torch.full_like(u[:, :1], 0.5)
    remove = blend(share)
    return neighbour_to_neighbour(remove, u, t, remove(u, t), gamma).item()


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_noise_is_better_removed(gamma: float) -> None:
    noise = 0.5 + 0.1 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    values = [value(share, noise, gamma) for share in (0.0, 0.5, 1.0)]
    assert values[0] > 1.1 * max(values[1:])


def test_the_second_term_keeps_what_neighbours_do_not_share() -> None:
    # Sharp columns without noise: neighbours differ by as much as noise would make them.
    columns = torch.tensor([0.4, 0.6]).repeat(32).expand(1, 3, 64, 64)
    alone, both = (value(1.0, columns, gamma) - value(0.0, columns, gamma) for gamma in (0.0, 1.0))
    assert alone < both  # smoothing pays less


def test_the_result_is_a_constant_of_the_second_term() -> None:
    u = torch.rand(1, 3, 16, 16)
    x = u.clone().requires_grad_()
    scale = torch.ones(1, requires_grad=True)
    neighbour_to_neighbour(lambda u, t: scale * u, u, u[:, :1], x).backward()  # type: ignore[no-untyped-call]
    assert x.grad is None and scale.grad is not None
