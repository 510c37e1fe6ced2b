"""Searches on a few tiny images: the same outcome whether they run through, run twice, or are stopped."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from rtvideo.errors import InputError, OutputError, UnavailableError, UsageError
from search.config import SearchConfig
from search.photos import Photos
from search.price import Free
from search.searcher import STATE, Record, Searcher

TINY = SearchConfig(epochs=2, crop=12, inner=1)


def start(out: Path, photos: Path, settings: SearchConfig = TINY) -> Searcher:
    run = Searcher(out, settings, Photos.read(photos, settings.split, settings.seed), Free())
    run.resume()
    return run


def go(run: Searcher, stop_after: int = 99) -> Searcher:
    class Stop(Exception):
        pass

    def on_pass(record: Record) -> None:
        if record["pass"] == stop_after:
            raise Stop

    with suppress(Stop):
        run.go(lambda done: None, on_pass)
    return run


def outcome(run: Searcher) -> dict[str, Any]:
    """Return all that a search computed, its optimisers' memory included."""
    optimisers = {
        f"{name} {key} {kind}": value
        for name, optimiser in run.updates.optimisers.items()
        for key, kinds in optimiser.state_dict()["state"].items()
        for kind, value in kinds.items()
    }
    return {**run.net.state_dict(), **optimisers}


def same(a: Searcher, b: Searcher) -> bool:
    first, second = outcome(a), outcome(b)
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first) and a.history == b.history


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["cooperative", "separate", "joint"])
def test_a_stopped_search_goes_on_to_the_same_end(strategy: Any, photos: Path, tmp_path: Path) -> None:
    settings = SearchConfig(epochs=2 - (strategy == "separate"), crop=12, inner=1, strategy=strategy)
    whole = go(start(tmp_path / "whole", photos, settings))
    assert go(start(tmp_path / "parts", photos, settings), stop_after=1).done == 1
    resumed = start(tmp_path / "parts", photos, settings)
    assert resumed.done == 1
    assert same(go(resumed), whole)
    assert same(start(tmp_path / "whole", photos, settings), whole)  # nothing left to do


@pytest.mark.slow
def test_the_seed_decides(photos: Path, tmp_path: Path) -> None:
    runs = [
        go(start(tmp_path / str(i), photos, SearchConfig(epochs=1, crop=12, seed=seed)))
        for i, seed in enumerate([0, 0, 1])
    ]
    assert same(runs[0], runs[1])
    assert not torch.equal(runs[0].net.alpha_t, runs[2].net.alpha_t)
    assert [item.name for item in runs[0].photos.train] == [item.name for item in runs[1].photos.train]


def test_each_training_image_is_seen_once_a_pass(photos: Path) -> None:
    images = Photos.read(photos, 0.5, 0)
    orders = [images.order(0, number) for number in range(9)]
    assert all(sorted(order) == list(range(len(images.train))) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert not {i.name for i in images.train} & {i.name for i in images.val}
    assert len(images.train) == len(images.val) == 2


def test_every_step_has_its_own_crops(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, seen, counted = Photos.pair, [], []

    def watched(self: Photos, images: tuple[int, ...], crop: int, seed: int, step: int) -> Any:
        seen.append(step)
        return pair(self, images, crop, seed, step)

    monkeypatch.setattr(Photos, "pair", watched)
    run = start(tmp_path, photos)
    run.go(counted.append, lambda record: None)
    assert seen == list(range(run.steps))
    assert counted == [step + 1 for step in seen]
    crops = [[e.low.numpy().tobytes() for e in run.photos.pair((0,), 12, 0, s)] for s in range(6)]
    assert all(len(set(kind)) > 3 for kind in zip(*crops, strict=True))


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_state_whole(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = go(start(tmp_path / "whole", photos))
    run = go(start(tmp_path / "full", photos), stop_after=1)
    before = (tmp_path / "full" / STATE).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match=r"state\.pt: cannot be written: .*No space left"):
            go(run)
    assert (tmp_path / "full" / STATE).read_bytes() == before
    assert [p.name for p in (tmp_path / "full").iterdir()] == [STATE]
    assert same(go(start(tmp_path / "full", photos)), whole)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, "its seed is 0 there, 1 here"),
        ({"crop": 16}, "its crop is 12"),
        ({"beta": 9.0}, "its beta"),
    ],
)
def test_another_search_is_not_continued(
    changes: dict[str, Any], named: str, photos: Path, tmp_path: Path
) -> None:
    base: dict[str, Any] = {"epochs": 1, "crop": 12}
    go(start(tmp_path, photos, SearchConfig(**base)))
    with pytest.raises(UsageError, match=named):
        start(tmp_path, photos, SearchConfig(**base | changes))


def test_other_images_are_not_continued_on(photos: Path, tmp_path: Path) -> None:
    settings = SearchConfig(epochs=1, crop=12)
    go(start(tmp_path / "out", photos, settings))
    other = tmp_path / "other"
    other.mkdir()
    for path in sorted(photos.iterdir())[1:]:
        (other / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="its data differs"):
        start(tmp_path / "out", other, settings)


def test_a_damaged_state_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / STATE).write_bytes(b"PK\x03\x04 not a state")
    with pytest.raises(UnavailableError, match="not the state of a search; start again with --overwrite"):
        start(tmp_path, photos)


def test_somebodys_results_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "genotype.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"genotype\.txt exists"):
        start(tmp_path, photos)


def test_a_search_that_diverges_says_so(photos: Path, tmp_path: Path) -> None:
    run = start(tmp_path, photos)
    with torch.no_grad():
        run.net.weights_t()[0].fill_(torch.nan)
    with pytest.raises(UsageError, match="train_t is nan in pass 1"):
        go(run)


def test_one_image_is_too_few(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes((photos / "0.png").read_bytes())
    with pytest.raises(InputError, match="1 usable image in it; a search needs two"):
        Photos.read(tmp_path, 0.5, 0)


def test_fewer_images_are_taken_evenly(photos: Path) -> None:
    images = Photos.read(photos, 0.5, 0, most=2)
    assert sorted(i.name for i in (*images.train, *images.val)) == ["0.png", "2.png"]


@pytest.mark.gpu
def test_a_search_runs_on_cuda(photos: Path, tmp_path: Path) -> None:
    settings = SearchConfig(epochs=1, crop=12)
    run = Searcher(tmp_path, settings, Photos.read(photos, 0.5, 0), Free(), "cuda")
    run.resume()
    assert go(run).net.alpha_t.is_cuda
    assert run.history[-1]["losses"]["val_n"] > 0
