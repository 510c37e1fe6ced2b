"""Units of work on the processors of a cluster: so many at once as it has room for, and no more."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import exceptions

from rtvideo.cluster.board import Standing, new_board
from rtvideo.cluster.connection import INSTALL, Cluster
from rtvideo.cpus import limit_cpus
from rtvideo.errors import UnavailableError
from rtvideo.version import __version__

#: How often Ray begins a unit again after what ran it was lost: a process, a node, an object.
RETRIES = 3

#: What it raises where the fault may be the node's, so that it is begun again, too.
_OF_THE_NODE = [OSError, MemoryError]

#: What Ray calls each unit. A name of its own for each would cost memory for as long as the run lasts: Ray
#: counts by names.
_NAME = "rtvideo unit"

#: Units for each processor that are under way: one runs, and the next one is there when it ends.
_AHEAD = 2

#: Part of the object stores that the data of units under way may take: results need room, too.
_SHARE = 0.5

#: Seconds for which the head may refuse connections. Ray ends the process of the command after 60, without a
#: word to it.
_WITHOUT_HEAD = 25.0

#: Seconds between two looks whether it is there.
_LOOK_FOR_HEAD = 5.0

#: Seconds for which the driver waits at most before it looks for signals.
_INTERVAL = 0.2

#: Seconds between two looks at the board, where each unit notes how far it is twice a second.
_LOOK_AT_BOARD = 0.5


class LostError(Exception):
    """A unit did not come to its end: what ran it was lost again and again, or it cannot run there at all."""


@dataclass(frozen=True)
class Unit:
    """Something to do on a node.

    Attributes:
        key: its own name.
        work: a function of a module. On the node it is called with the board, the key, whether it has a GPU
            to itself, and ``arguments``. (Of these, references to objects of the store become the objects.)
        done: called here with what ``work`` returned.
        failed: called here with what it raised, or a `LostError`.
        size: bytes that travel with it.
        gpu: whether it must have a GPU; None takes one where one is free.
    """

    key: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    size: int = 0
    gpu: bool | None = None


class Scheduler:
    """Runs the units of one call.

    Attributes:
        board: where they write how far they are.
        slots: how many run at once.
        gpus: how many of them have a GPU.
    """

    def __init__(self, cluster: Cluster, *, device: str = "auto", threads: int = 0) -> None:
        """Prepare.

        Args:
            device: as ``--device`` takes it; with ``cuda`` there are no units without a GPU.
            threads: processors for each unit; 0 is one.

        Raises:
            UnavailableError: there is no GPU.
        """
        self._threads = max(1, threads)
        self.gpus = 0 if device == "cpu" else cluster.gpus
        if device.startswith("cuda") and not self.gpus:
            raise UnavailableError(f"--device {device}: the cluster has no GPU ({cluster})")
        processors = 0 if device.startswith("cuda") else max(1, cluster.cpus // self._threads)
        self.slots = max(self.gpus, processors)
        self.board = new_board()
        # One for all units: Ray keeps each that it is told of, here, at the head and on the nodes.
        self._on_node = ray.remote(_on_node)
        self._budget = int(cluster.memory * _SHARE)
        self._running: dict[Any, tuple[Unit, bool]] = {}
        self._only_gpus = not processors
        self._asked: Any = None
        self._asked_at = 0.0
        self._head, self._heard = _head(), time.monotonic()
        self._looked = self._heard
        self._standing = Standing()

    def run(self, units: Iterator[Unit], tick: Callable[[Standing], bool]) -> None:
        """Run units until there are no more.

        Args:
            units: asked for the next one when there is room for it.
            tick: called several times a second with how far all are. It returns whether to stop: then no
                further unit begins, and those that run are told so.

        Raises:
            UnavailableError: the cluster is gone.
        """
        stopped = False
        try:
            while True:
                while not stopped and self._has_room() and (unit := next(units, None)) is not None:
                    self._submit(unit)
                if not self._running:
                    return
                ready, _ = ray.wait(list(self._running), num_returns=1, timeout=_INTERVAL)
                for reference in ready:
                    self._collect(reference)
                stopped = tick(self._look(stopped)) or stopped
                self._look_for_head()
        except (ConnectionError, exceptions.RaySystemError) as error:
            raise UnavailableError(
                f"the cluster is gone ({_first_line(error)}); the same command with --resume goes on"
            ) from None

    def _look_for_head(self) -> None:
        """Raise an error if the head has been away for long."""
        now = time.monotonic()
        if self._head is None or now - self._looked < _LOOK_FOR_HEAD:
            return
        self._looked = now
        try:
            socket.create_connection(self._head, timeout=_LOOK_FOR_HEAD).close()
            self._heard = now
        except OSError as error:
            if now - self._heard > _WITHOUT_HEAD:
                raise ConnectionError(f"its head: {error.strerror or error}") from None

    def abort(self) -> None:
        """End all that runs, at once."""
        for reference in self._running:
            ray.cancel(reference, force=True)
        self._running.clear()

    def _has_room(self) -> bool:
        size = sum(unit.size for unit, _ in self._running.values())
        return len(self._running) < _AHEAD * self.slots and size <= self._budget

    def _submit(self, unit: Unit) -> None:
        gpu = unit.gpu
        if gpu is None:
            taken = sum(with_gpu for _, with_gpu in self._running.values())
            gpu = self._only_gpus or taken < self.gpus
        work = self._on_node.options(
            num_cpus=self._threads,
            num_gpus=int(gpu),
            max_retries=RETRIES,
            retry_exceptions=_OF_THE_NODE,
            name=_NAME,
        )
        reference = work.remote(
            __version__, unit.work, self._threads, self.board, unit.key, gpu, *unit.arguments
        )
        self._running[reference] = unit, gpu

    def _collect(self, reference: Any) -> None:
        unit, _ = self._running.pop(reference)
        try:
            result = ray.get(reference)
        except exceptions.RayTaskError as error:
            unit.failed(_raised(error))
        except exceptions.RaySystemError:
            raise
        except exceptions.RayError as error:
            unit.failed(LostError(f"what ran it was lost {RETRIES + 1} times ({type(error).__name__})"))
        else:
            unit.done(result)

    def _look(self, stopped: bool) -> Standing:
        """Return how far all are, as it was a moment ago: nobody waits for the board. It is told to stop."""
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            with contextlib.suppress(exceptions.RayError):  # it is being started anew
                self._standing = ray.get(self._asked)
            self._asked = None
        if self._asked is None and (now := time.monotonic()) - self._asked_at >= _LOOK_AT_BOARD:
            self._asked_at, self._asked = now, self.board.standing.remote(stopped)
        return self._standing


def _on_node(
    version: str, work: Callable[..., Any], threads: int, board: Any, key: str, gpu: bool, *arguments: Any
) -> Any:
    """Run a unit, with so many processors as Ray counts for it."""
    if version != __version__:
        raise LostError(f"a node has rtvideo {__version__}, and this is {version}: install the same on all")
    limit_cpus(threads)
    return work(board, key, gpu, *arguments)


def _head() -> tuple[str, int] | None:
    """Return where the head answers; None where this process does not speak to it itself (``ray://``)."""
    if ray.util.client.ray.is_connected():
        return None
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def _raised(error: exceptions.RayTaskError) -> Exception:
    """Return what a unit raised."""
    cause = error.cause
    if isinstance(cause, Exception) and not isinstance(cause, exceptions.RayError):
        return cause
    if "No module named" in str(error):
        return LostError(f"a node lacks a package ({_last_line(error)}); on each: {INSTALL}")
    return LostError(_last_line(error))


def _first_line(error: Exception) -> str:
    return _lines(error)[0]


def _last_line(error: Exception) -> str:
    return _lines(error)[-1]


def _lines(error: Exception) -> Sequence[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
