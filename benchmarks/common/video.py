"""The pictures of a clip, for benchmarks that look at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from rtvideo.errors import InputError
from rtvideo.sample.encoder import rgb


def decoded(path: Path) -> Iterator[av.VideoFrame]:
    """Yield the frames of a clip. Raises InputError where it is no clip."""
    with _opened(path) as (container, stream):
        yield from container.decode(stream)


def pictures(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of a clip as (H, W, 3) RGB. Raises InputError where it is no clip."""
    return map(rgb, decoded(path))


def length(path: Path) -> int:
    """Return how many frames a clip has, without decoding it. Raises InputError where it is no clip."""
    with _opened(path) as (container, stream):
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    try:
        with av.open(str(path)) as container:
            yield container, container.streams.video[0]
    except (av.FFmpegError, IndexError) as error:
        raise InputError(f"{path}: not a readable clip: {error}") from None
