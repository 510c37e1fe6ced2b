"""Files on their way to nodes that do not see the driver's disk, and back."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from rtvideo.errors import InputError
from rtvideo.files.finished import ATTRIBUTE
from rtvideo.media.durable import output_errors
from rtvideo.media.partial_file import PartialFile
from rtvideo.system import attribute, set_attribute


@dataclass(frozen=True)
class Content:
    """A file as it travels.

    Attributes:
        data: its bytes; times: of its last access and change, in nanoseconds, by which jobs know it.
        job: what `rtvideo.files.finished` wrote to it.
    """

    data: bytes
    times: tuple[int, int]
    job: bytes = b""

    @classmethod
    def of(cls, path: Path) -> Content:
        """Read a file.

        Raises:
            InputError: it cannot be read.
        """
        try:
            status, job = path.stat(), b""
            with contextlib.suppress(OSError):
                job = attribute(path, ATTRIBUTE)
            return cls(path.read_bytes(), (status.st_atime_ns, status.st_mtime_ns), job)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None

    def write(self, path: Path) -> None:
        """Write it as it was."""
        path.write_bytes(self.data)
        if self.job:
            with contextlib.suppress(OSError):
                set_attribute(path, ATTRIBUTE, self.job)
        os.utime(path, ns=self.times)

    def publish(self, output: Path) -> None:
        """Write it under a temporary name, and give it its own when it is complete.

        Raises:
            OutputError: it cannot be written.
        """
        with output_errors(output), PartialFile(output, {}) as draft:
            self.write(draft.path)
            draft.publish()


def stored(content: Content) -> Any:
    """Return a reference to a file in the object store of the cluster."""
    return ray.put(content)


def all_see(paths: Sequence[Path], folder: Path) -> bool:
    """Whether all nodes see these files of this machine, and what is written to the folder."""

    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    token = folder / f".rtvideo-{secrets.token_hex(8)}"
    try:
        token.touch()
        wanted = [(str(path.absolute()), _print_of(path)) for path in (*paths, token)]
        asked = [
            ray.remote(_sees)
            .options(num_cpus=0, scheduling_strategy=On(node["NodeID"], soft=True))
            .remote(wanted)
            for node in ray.nodes()
            if node["Alive"]
        ]
        return all(ray.get(asked))
    except (OSError, ray.exceptions.RayError):
        return False
    finally:
        with contextlib.suppress(OSError):
            token.unlink()


def _sees(wanted: Sequence[tuple[str, tuple[int, int]]]) -> bool:
    try:
        return all(_print_of(Path(name)) == known for name, known in wanted)
    except OSError:
        return False


def _print_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
