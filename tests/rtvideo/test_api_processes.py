"""One enhancer in several threads, forks and pickles: the same frames, and nothing hangs."""

from __future__ import annotations

import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rtvideo import Enhancer

FRAMES = [np.random.default_rng(k).integers(0, 60, (48 + 8 * (k % 3), 64, 3), np.uint8) for k in range(12)]


@pytest.fixture
def enhancer() -> Enhancer:
    return Enhancer(denoise=0.0, threads=2)


def test_threads_take_turns(enhancer: Enhancer) -> None:
    expected = [enhancer(frame) for frame in FRAMES]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            made = list(pool.map(enhancer, FRAMES))
            assert all((a == b).all() for a, b in zip(made, expected, strict=True))


def in_a_fork(work: object) -> int:
    """Return the exit code of a fork that does some work; -14 where it hangs."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            work()  # type: ignore[operator]
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_fork_enhances_and_lets_go(enhancer: Enhancer) -> None:
    expected = enhancer(FRAMES[0])

    def work() -> None:
        assert (enhancer(FRAMES[0]) == expected).all()
        enhancer.close()

    assert in_a_fork(work) == 0
    assert in_a_fork(lambda: delattr(enhancer, "_sessions")) == 0  # drops it
    assert (enhancer(FRAMES[0]) == expected).all()


def test_a_pickled_enhancer_is_the_same_enhancer(enhancer: Enhancer) -> None:
    expected = enhancer(FRAMES[0])
    copy = pickle.loads(pickle.dumps(enhancer))
    assert (copy(FRAMES[0]) == expected).all()
    assert copy.settings is copy._sessions.settings
