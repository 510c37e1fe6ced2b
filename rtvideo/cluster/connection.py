"""A connection to a Ray cluster: one that runs already, or one that is started on this machine alone."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rtvideo.cpus import usable_cpus
from rtvideo.errors import UnavailableError, UsageError

#: What brings Ray.
INSTALL = "pip install 'rtvideo[ray]'"

#: Seconds that a machine has to accept a connection.
_PATIENCE = 5.0

_ADDRESS = re.compile(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[^\s/:@\[\]]+):(?P<port>\d{1,5})")

#: Settings of Ray's processes, unless the user has set them: nothing is sent to its makers, and nothing said
#: that a user of rtvideo cannot act on. Those that it starts here are as urgent as the command; by Ray's
#: own choice they are 15 steps less so, and stand still on a busy machine.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_worker_niceness": "0",
}


#: Settings of a cluster that is started here. Its head keeps no history: no dashboard is there to show it.
_SETTINGS = {"task_events_report_interval_ms": 0}


@dataclass(frozen=True)
class Cluster:
    """What there is to run on.

    Attributes:
        address: as it was given.
        alone: it is this machine alone, started for this run.
        cpus, gpus: of all nodes, when the run began.
        nodes: how many.
        memory: bytes of the object stores.
    """

    address: str
    alone: bool
    cpus: int
    gpus: int
    nodes: int
    memory: int

    def __str__(self) -> str:
        parts = [f"{self.nodes} node{'s' * (self.nodes != 1)}", f"{self.cpus} CPU{'s' * (self.cpus != 1)}"]
        if self.gpus:
            parts.append(f"{self.gpus} GPU{'s' * (self.gpus != 1)}")
        return ", ".join(parts)


def check_address(address: str) -> None:
    """Refuse what is no address of a cluster.

    Raises:
        UsageError: it is none.
        UnavailableError: Ray is not installed.
    """
    found = _ADDRESS.fullmatch(address)
    if address not in ("auto", "local") and not (found and 0 < int(found["port"]) < 65536):
        raise UsageError(
            f"--cluster {address!r} is not allowed; allowed: auto, local, ray://HEAD:10001, "
            "or HEAD:6379 on a node of the cluster"
        )
    _ray()


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a cluster, and leave it in the end; one that was started for this run ends with it.

    Args:
        address: ``local`` starts one here; ``auto`` joins one that runs on this machine, or that
            ``RAY_ADDRESS`` names, and else starts one; ``ray://HEAD:10001`` or ``HEAD:6379``.

    Raises:
        UsageError, UnavailableError: see `check_address`; nothing answers there.
    """
    check_address(address)
    ray = _ray()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    alone = address == "local"
    with _own_signals():
        if address == "auto":
            alone = not _join_running(ray)
        elif not alone:
            _join(ray, address)
        if alone:
            _start(ray)
    try:
        resources = ray.cluster_resources()
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if not resources.get("CPU"):
            raise UnavailableError(f"--cluster {address}: no node of it has CPUs; start some with: ray start")
        yield Cluster(
            address,
            alone,
            int(resources["CPU"]),
            int(resources.get("GPU", 0)),
            len(nodes),
            int(resources.get("object_store_memory", 0)),
        )
    finally:
        with _own_signals():
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        missing = "" if isinstance(error, ModuleNotFoundError) and error.name == "ray" else f" ({error})"
        raise UnavailableError(f"--cluster needs Ray, which is not installed{missing}: {INSTALL}") from None
    return ray


def _start(ray: Any) -> None:
    _init(ray, "local", num_cpus=usable_cpus(), include_dashboard=False, _system_config=_SETTINGS)


def _join_running(ray: Any) -> bool:
    """Join the cluster that runs here or that ``RAY_ADDRESS`` names; return whether there is one."""
    if named := os.environ.get("RAY_ADDRESS"):
        if named == "local":
            return False
        if named != "auto":
            check_address(named)
            _join(ray, named)
            return True
    from ray._private.services import find_gcs_addresses

    running = sorted(find_gcs_addresses())
    if running:
        _join(ray, running[0])
    return bool(running)


def _join(ray: Any, address: str) -> None:
    found = _ADDRESS.fullmatch(address)
    assert found is not None
    host, port = found["host"].strip("[]"), int(found["port"])
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(
            f"--cluster {address}: nothing answers there ({reason}); is the cluster running, "
            "and is this the address of its head?"
        ) from None
    _init(ray, address)


def _init(ray: Any, address: str, **settings: Any) -> None:
    settings["log_to_driver"] = False
    if address.startswith("ray://"):
        logging.getLogger("ray.client_builder").setLevel(logging.CRITICAL)
    else:
        settings["logging_level"] = logging.CRITICAL
    try:
        with warnings.catch_warnings(action="ignore"):
            ray.init(address, **settings)
    except Exception as error:  # Ray raises what it likes: ConnectionError, RuntimeError, ValueError
        text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UnavailableError(f"--cluster {address}: Ray cannot connect: {text}") from None


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of signals, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
