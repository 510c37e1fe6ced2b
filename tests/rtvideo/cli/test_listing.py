"""Inputs of a cluster are looked for while the first ones run, and become what they become without one."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")

from rtvideo.cli.inputs import Task, plan
from rtvideo.cli.listing import Listing
from rtvideo.cli.remote import must_be_listed, plan_listing
from rtvideo.errors import InputError, UsageError


def test_the_first_task_is_there_before_the_second_is_looked_for() -> None:
    taken = threading.Event()

    def found() -> Iterator[Task]:
        yield Task(Path("a.mp4"), Path("lit/a.mp4"))
        assert taken.wait(60)
        yield Task(Path("b.mp4"), Path("lit/b.mp4"), InputError("b.mp4: no such file"))

    listing = Listing(found())
    tasks = iter(listing)
    assert next(tasks) == Task(Path("a.mp4"), Path("lit/a.mp4"))
    assert listing.total is None and listing.count == 1
    taken.set()
    assert str(next(tasks).error) == "b.mp4: no such file"
    assert next(tasks, None) is None and listing.total == 2
    assert not listing.at_least(3)
    assert [task.source.name for task in listing] == ["a.mp4", "b.mp4"]
    listing.close()


def test_what_ends_the_search_is_raised() -> None:
    def found() -> Iterator[Task]:
        yield Task(Path("a.mp4"), Path("lit/a.mp4"))
        raise MemoryError("full")

    tasks = iter(Listing(found()))
    next(tasks)
    with pytest.raises(MemoryError, match="full"):
        next(tasks)


def test_memory_does_not_grow_with_the_tasks() -> None:
    # Texts, not paths: those intern their parts, and once in a while the table of interned texts doubles.
    def found(count: int) -> Iterator[tuple[str, str]]:
        return ((f"archive/{n}.mp4", f"lit/{n}.mp4") for n in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        listing = Listing(found(count))
        assert sum(1 for _ in listing) == listing.count == count
        listing.close()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(10)
    assert peak(5000) < peak(500) + 100_000  # a list of them takes 1 MB more


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.dv", "b.mkv", "deep/c.mp4", "deep/.hidden.mp4", "note.txt", "d.insv", "d.360"):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "archive"


@pytest.mark.parametrize("inputs", ["{}", "{}/**/*", "{}/*.mp4 {}/deep/c.mp4 {}/none.mp4 {}/empty?.mp4"])
def test_the_same_files_as_without_a_cluster(inputs: str, archive: Path) -> None:
    words, out = inputs.replace("{}", str(archive)).split(), f"{archive.parent}/lit/"
    assert must_be_listed(words, out)
    made = plan_listing(words, out)
    assert made.listing is not None
    tasks = list(made.listing)
    assert (archive.parent / "lit").is_dir()
    wanted = plan(words, out)
    assert [(t.source, t.error is None) for t in tasks] == [(t.source, t.error is None) for t in wanted.tasks]
    good = [(t.source, t.target) for t in wanted.tasks if t.error is None]
    assert [(t.source, t.target) for t in tasks if t.error is None] == good
    assert made.left_out == wanted.left_out


def test_outputs_that_cannot_take_them(archive: Path) -> None:
    with pytest.raises(UsageError, match="looks like a file"):
        plan_listing([str(archive)], f"{archive.parent}/lit.mp4")
    (archive.parent / "file").touch()
    with pytest.raises(UsageError, match="is a file; several inputs need a folder"):
        plan_listing([str(archive)], f"{archive.parent}/file")
    made = plan_listing([f"{archive}/a.mp4", f"{archive}/*.mp4"], f"{archive.parent}/lit/")
    assert made.listing is not None
    first, second = made.listing
    assert first.error is None
    assert "another input is written as a.mp4, too" in str(second.error)
