"""One Ray cluster for all tests here: two nodes of one processor each, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rtvideo.cli.entry import main

#: No engine, so that nothing but files is at work.
COPY = ("--strength", "0")


@pytest.fixture(scope="session")
def nodes() -> Iterator[Any]:
    """A cluster of `ray.cluster_utils.Cluster`: nodes can be added to it and killed."""
    pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 << 20}
    try:
        cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        cluster.add_node(**small)
    except Exception as error:  # a node has 30 seconds to start, too little where many tests run
        pytest.skip(f"ray: no cluster started in time ({type(error).__name__})")
    yield cluster
    cluster.shutdown()


@pytest.fixture
def on_cluster(nodes: Any) -> Callable[..., int]:
    """Run the command line on the cluster, and return its exit code."""

    def run(inputs: Sequence[Path | str], out: Path | str, *flags: str) -> int:
        named = [part for name in inputs for part in ("--input", str(name))]
        return main([*named, "--out", str(out), "--cluster", nodes.address, *flags])

    return run
