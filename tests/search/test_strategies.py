from collections import Counter

import pytest

from search.config import SearchConfig
from search.strategies import beta, passes, steps


def test_cooperative_alternates_inner_loops() -> None:
    settings = SearchConfig(strategy="cooperative", inner=2)
    light, noise = "light", "noise"
    assert steps(settings, 0, [5, 7, 9]) == [
        *[(light, (5,)), (light, (7,)), (noise, (5,)), (noise, (7,))],
        *[(light, (9,)), (noise, (9,))],
    ]


def test_a_batch_is_one_step() -> None:
    settings = SearchConfig(strategy="joint", batch=2)
    assert steps(settings, 0, [5, 7, 9]) == [("both", (5, 7)), ("both", (9,))]


def test_separate_ends_one_before_it_begins_the_other() -> None:
    settings = SearchConfig(strategy="separate", epochs=3)
    kinds = [{kind for kind, _ in steps(settings, number, [1, 2])} for number in range(passes(settings))]
    assert kinds == [{"light"}] * 3 + [{"noise"}] * 3


def test_joint_moves_all_at_once() -> None:
    assert steps(SearchConfig(strategy="joint"), 4, [3, 1]) == [("both", (3,)), ("both", (1,))]


@pytest.mark.parametrize("strategy", ["cooperative", "separate", "joint"])
def test_every_strategy_shows_each_module_as_many_images(strategy: str) -> None:
    settings = SearchConfig(strategy=strategy, epochs=2, inner=3)
    seen = Counter(step for number in range(passes(settings)) for step in steps(settings, number, range(5)))
    for kind in ["both"] if strategy == "joint" else ["light", "noise"]:
        assert [seen[kind, (image,)] for image in range(5)] == [2] * 5


def test_only_the_cooperative_illumination_hears_of_noise() -> None:
    assert [beta(SearchConfig(strategy=s, beta=0.5)) for s in ("cooperative", "separate")] == [0.5, 0.0]
