"""A choice: shares that are probabilities, or one option that was drawn by them; options that are dropped."""

import pytest
import torch

from search.choice import Choice


def choice(*rows: list[float]) -> Choice:
    """Return a choice of these logits."""
    made = Choice(len(rows), len(rows[0]))
    with torch.no_grad():
        made.alpha.copy_(torch.tensor(rows))
    return made


def drawn(made: Choice, seed: int) -> torch.Tensor:
    made.draw(torch.Generator().manual_seed(seed))
    return made.shares()


def test_a_draw_is_one_option_of_each_row() -> None:
    made = choice([0.0, 1.0, 2.0], [3.0, 0.0, 0.0])
    for seed in range(5):
        shares = drawn(made, seed).detach()
        assert shares.sum(1).tolist() == pytest.approx([1, 1])
        assert sorted(shares[0].round(decimals=5).tolist()) == [0, 0, 1]


def test_options_are_drawn_as_often_as_they_are_probable() -> None:
    made = choice([0.0, 1.0, 2.0])
    counts = sum(drawn(made, seed).detach() for seed in range(4000)) / 4000
    torch.testing.assert_close(counts, made.probabilities().detach(), atol=0.03, rtol=0)


def test_a_draw_has_a_slope_along_every_option() -> None:
    made = choice([0.0, 1.0, 2.0])
    (drawn(made, 0) @ torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert made.alpha.grad is not None and made.alpha.grad.abs().min() > 0


def test_the_same_generator_draws_the_same_and_none_goes_back() -> None:
    made = choice([0.0, 0.1, 0.2])
    assert torch.equal(drawn(made, 3), drawn(made, 3))
    made.draw(None)
    assert torch.equal(made.shares(), made.probabilities())


def test_what_is_dropped_is_never_drawn_and_never_comes_back() -> None:
    made = choice([0.0, 1.0, 2.0], [5.0, 4.0, 3.0])
    made.shrink(2)
    assert made.active.tolist() == [[False, True, True], [True, True, False]]
    with torch.no_grad():
        made.alpha[0, 0] = 99
    assert made.chosen() == [2, 0]
    made.shrink(3)
    assert made.active.sum(1).tolist() == [2, 2]
    made.shrink(0)
    assert made.probabilities().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert all(drawn(made, seed)[0].argmax() == 2 for seed in range(20))


def test_entropy_is_one_where_nothing_is_preferred_and_zero_where_one_is_left() -> None:
    made = choice([0.0, 0.0, 0.0])
    assert made.entropy().item() == pytest.approx(1)
    made.shrink(1)
    assert made.entropy().item() == pytest.approx(0, abs=1e-6)
