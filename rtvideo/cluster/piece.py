"""A piece of a film, as it travels to a node, and as it comes back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.media.codecs import Encoding
from rtvideo.media.tags import Tags
from rtvideo.media.timing import Packet
from rtvideo.options import Options


@dataclass(frozen=True)
class Film:
    """What all pieces of a film have in common.

    Attributes:
        name: for messages.
        options: how it is enhanced.
        container: FFmpeg's short name of the output's format.
        encoding: what every piece is encoded with.
        time_base: seconds of a tick of the input; all times of pieces are in such ticks.
        phase: by which times move before they are rounded to ticks of the encoder.
        tags: the input's colour tags; lossless: its codec lost nothing.
    """

    name: str
    options: Options
    container: str
    encoding: Encoding
    time_base: Fraction
    phase: Fraction
    tags: Tags
    lossless: bool


@dataclass(frozen=True)
class Piece:
    """The frames of a film from one key frame to another, and what goes before.

    Attributes:
        number: from 0.
        begin, end: its own frames are shown from ``begin`` on and before ``end``; None is that of the film.
        warm_up: frames from there on are shown to the engine first.
        origin: the time at which the times in ``video`` begin.
        durations: of each packet's frame that is to be shown, by its time.
        video: the compressed frames in a NUT file, from a key frame at or before ``warm_up`` on.
    """

    number: int
    begin: int | None
    end: int | None
    warm_up: int
    origin: int
    durations: Mapping[int, int]
    video: bytes

    @property
    def frames(self) -> int:
        """How many of its own it should have."""
        return sum(self.begin is None or time >= self.begin for time in self.durations)


@dataclass
class EncodedPiece:
    """The packets of a piece, in the order of decoding; all arrays have one entry for each.

    Attributes:
        data: the bytes of all packets; sizes: how many are of each.
        pts, dts, durations: in ticks of the encoding.
        keys: which are key frames.
        extradata: the header that its encoder made.
        facts: what it was enhanced with, and the figures of the report.
    """

    data: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int64]
    pts: npt.NDArray[np.int64]
    dts: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bool_]
    extradata: bytes
    facts: dict[str, Any]

    @classmethod
    def of(cls, packets: list[Packet], extradata: bytes, facts: dict[str, Any]) -> EncodedPiece:
        """Return the packets of an encoder, which all have times."""
        columns = [[packet.size, packet.pts, packet.dts, packet.duration or 0] for packet in packets]
        sizes, pts, dts, durations = np.array(columns, np.int64).reshape(-1, 4).T
        data = np.frombuffer(b"".join(map(bytes, packets)), np.uint8)
        keys = np.array([packet.is_keyframe for packet in packets], np.bool_)
        return cls(data, sizes, pts, dts, durations, keys, extradata, facts)

    def packets(self, time_base: Fraction) -> Iterator[Packet]:
        """Yield the packets."""
        ends = np.cumsum(self.sizes)
        for index, end in enumerate(ends):
            packet = Packet(self.data[end - self.sizes[index] : end].tobytes())
            packet.time_base, packet.is_keyframe = time_base, bool(self.keys[index])
            packet.pts, packet.dts = int(self.pts[index]), int(self.dts[index])
            packet.duration = int(self.durations[index])
            yield packet

    def to_bytes(self) -> bytes:
        """Return it as a file of numpy's."""
        file = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {"extradata": np.frombuffer(self.extradata, np.uint8), "facts": _encoded(self.facts)}
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def load(cls, path: Path) -> EncodedPiece:
        """Read what `to_bytes` gave.

        Raises:
            ValueError, OSError: it is damaged, or not there.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _ARRAYS}
                return cls(**arrays, extradata=file["extradata"].tobytes(), facts=_decoded(file["facts"]))
        except (zipfile.BadZipFile, KeyError, EOFError) as error:
            raise ValueError(f"{path}: {error}") from None


_ARRAYS = ("data", "sizes", "pts", "dts", "durations", "keys")


def _encoded(facts: dict[str, Any]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _decoded(data: npt.NDArray[np.uint8]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data.tobytes())
    return found
