"""One Ray cluster for all tests here: two nodes of one processor each, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtvideo.cli.entry import main
from tests.helpers import clips

#: No engine, so that nothing but files is at work.
COPY = ("--strength", "0")


#: Workers get as much of a processor as other tests do, and not a thirtieth of it. A process that gets none
#: for a while is not dead: it has a minute to answer. One that is dead refuses the connection, at once and
#: five times in a row.
PATIENT = {
    "worker_niceness": 0,
    "health_check_timeout_ms": 60_000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 5,
}


@contextmanager
def in_time() -> Iterator[None]:
    """Skip the test if a node does not start: Ray gives it 30 seconds, too few where many tests run."""
    try:
        yield
    except Exception as error:
        pytest.skip(f"ray: no node started in time ({type(error).__name__})")


@pytest.fixture(scope="session")
def nodes() -> Iterator[Any]:
    """A cluster of `ray.cluster_utils.Cluster`: nodes can be added to it and killed."""
    pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 << 20}
    head = {**small, "include_dashboard": False, "_system_config": PATIENT}
    with in_time():
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**small)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def on_cluster(nodes: Any) -> Callable[..., int]:
    """Run the command line on the cluster, and return its exit code."""

    def run(inputs: Sequence[Path | str], out: Path | str, *flags: str) -> int:
        named = [part for name in inputs for part in ("--input", str(name))]
        return main([*named, "--out", str(out), "--cluster", nodes.address, *flags])

    return run


def assert_same(made: Path, wanted: Path) -> None:
    """Check that two files have the same streams, and the same packets of all that is copied.

    Packets of the video may differ: one small clip that is encoded twice does, by what was in the memory.
    """
    for left, right in zip(clips.streams(made), clips.streams(wanted), strict=True):
        if left.type == "video":
            left, right = (replace(s, hashes=[], times=sorted(s.times, key=str)) for s in (left, right))
        assert left == right


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    clips.write(tmp_path / "in" / "a.mp4", audio=1)
    clips.write(tmp_path / "in" / "deep" / "b.mkv")
    (tmp_path / "in" / "bad.mp4").write_text("no video")
    return tmp_path / "in"


def enhanced_here(folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Enhance it without a cluster, and return the last lines."""
    assert main(["--input", str(folder), "--out", f"{folder.parent}/here/", *COPY, "--threads", "1"]) == 3
    return "\n".join(capfd.readouterr().err.splitlines()[-2:])
