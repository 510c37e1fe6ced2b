from search import schedule
from search.config import SearchConfig
from search.objectives import NIGHT
from search.price import Free

SHRINKING = SearchConfig(epochs=20, warm_up=0.2, shrink=True, temperature=0.5)


def test_weights_learn_alone_first_then_options_are_dropped_to_one() -> None:
    assert [schedule.frozen(SHRINKING, n) for n in (0, 3, 4, 19)] == [True, True, False, False]
    left = [schedule.left(SHRINKING, n, 7) for n in range(20)]
    assert left == sorted(left, reverse=True)
    assert left[:8] == [7] * 8 and left[19] == 1 and set(left) == set(range(1, 8))
    assert schedule.temperature(SHRINKING, 10) == 0.75


def test_the_papers_search_moves_from_the_start_and_keeps_all_options() -> None:
    paper = SearchConfig()
    assert not schedule.frozen(paper, 0)
    assert schedule.left(paper, 19, 7) == 7 and schedule.temperature(paper, 19) == 1


def test_a_separate_search_settles_one_module_after_the_other() -> None:
    config = SearchConfig(epochs=20, shrink=True, strategy="separate")
    net = NIGHT.supernet()
    schedule.begin(net, config, 19, Free())
    left = {name: int(choice.active[0].sum()) for name, choice in net.all_choices().items()}
    assert left == {"t": 1, "scales": 1, "n": 4, "channels": 4, "stages": 2}
