"""``--when dark``: lit parts are copied, dark ones encoded; each picture is recorded once."""

from __future__ import annotations

import io
import socket
import threading
import time
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.live import adaptive, darkness
from rtvideo.live.job import enhance_live
from rtvideo.options import LiveOptions, Options
from tests.helpers.servers import Server, read_request

pytestmark = [pytest.mark.timeout(90), pytest.mark.slow, pytest.mark.network]

RATE, WIDTH, HEIGHT, SAMPLES = 25, 192, 96, 48_000

#: Pictures that are lit, dark, and lit again.
PARTS = (80, 40, 40)

#: Side of a block of the picture's number, a bit each; two more say what black and white are.
SIDE, BITS = 16, 8


def draw(luma: np.ndarray, number: int) -> None:
    for place, bit in enumerate([0, 1, *(number >> k & 1 for k in range(BITS))]):
        luma[:SIDE, place * SIDE : (place + 1) * SIDE] = 200 if bit else 20


def number(frame: av.VideoFrame) -> int:
    luma = frame.to_ndarray(format="gray")
    means = [luma[4:12, k * SIDE + 4 : (k + 1) * SIDE - 4].mean() for k in range(BITS + 2)]
    return sum(int(mean > (means[0] + means[1]) / 2) << k for k, mean in enumerate(means[2:]))


@pytest.fixture(scope="module")
def clip() -> bytes:
    """H.264 with frames that are shown in another order than they come, and sound, as MPEG-TS."""
    file, random = io.BytesIO(), np.random.default_rng(1)
    levels = [level for count, level in zip(PARTS, (130, 25, 130), strict=True) for _ in range(count)]
    with av.open(file, "w", format="mpegts") as out:
        video = out.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        video.codec_context.options = {"preset": "fast", "g": "10", "x264-params": "bframes=2:open-gop=1"}
        sound = out.add_stream("aac", rate=SAMPLES, layout="mono")
        size = SAMPLES // RATE
        for index, level in enumerate(levels):
            planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            planes[:HEIGHT] = np.clip(random.normal(level, 4, (HEIGHT, WIDTH)), 16, 235)
            draw(planes[:HEIGHT], index)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            tone = np.sin((np.arange(size) + index * size) * 2 * np.pi * 440 / SAMPLES).astype(np.float32)
            voice = av.AudioFrame.from_ndarray(tone[None] / 4, "fltp", "mono")
            voice.pts, voice.sample_rate = index * size, SAMPLES
            out.mux([*video.encode(frame), *sound.encode(voice)])
        out.mux([*video.encode(None), *sound.encode(None)])
    return file.getvalue()


def playing(clip: bytes) -> Server:
    """Return a server that sends the clip as it would come from a camera."""

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        packets = [clip[k : k + 7 * 188] for k in range(0, len(clip), 7 * 188)]
        began, seconds = time.monotonic(), sum(PARTS) / RATE
        for index, packet in enumerate(packets):
            due = began + seconds * index / len(packets)
            if server.stopped.wait(max(0.0, due - time.monotonic())):
                return
            connection.sendall(packet)

    return Server(talk)


def slices(data: bytes) -> list[bytes]:
    """Return the coded pictures of H.264 with start codes, without what muxers put between them."""
    units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [unit.rstrip(b"\0") for unit in units if unit and unit[0] & 31 in (1, 5)]


def coded(path: str | io.BytesIO) -> list[bytes]:
    with av.open(path) as file:
        stream = file.streams.video[0]
        annexb = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        filtered = (each for packet in file.demux(stream) for each in annexb.filter(packet))
        return [each for packet in filtered for each in slices(bytes(packet))]


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_each_picture_is_recorded_once_and_lit_ones_as_they_came(
    clip: bytes, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(darkness, "_PATIENCE", 0.2)
    monkeypatch.setattr(adaptive, "_LOOK", 0.05)
    said: list[str] = []
    with playing(clip) as server:
        report = enhance_live(
            f"http://127.0.0.1:{server.port}/",
            [str(tmp_path / f"%Y%m%d-%H%M%S.{ending}")],
            Options(denoise=0.0, model="night"),
            LiveOptions(when="dark", adapt=False, reconnect=0.0),
            say=said.append,
            stop=threading.Event(),
        )
    assert not report.dropped and not said, said
    original = coded(io.BytesIO(clip))
    numbers: list[int] = []
    copied: list[bool] = []
    # What comes before the first key frame is encoded. One picture that was decoded in the middle of others
    # may have gone into opening the source.
    for name in report.recordings[coded(report.recordings[0])[0] not in original :]:
        with av.open(name) as file:
            shown = [number(frame) for frame in file.decode(video=0)]
        pictures = coded(name)
        assert len(pictures) == len(shown)
        same = [picture in original for picture in pictures]
        assert len(set(same)) == 1, f"{name} is copied in part"
        copied += same
        numbers += shown
        with av.open(name) as file:
            lasts = len(shown) / RATE
            heard = sum(frame.samples for frame in file.decode(audio=0)) / SAMPLES
            assert heard == pytest.approx(lasts, abs=0.3)
    assert numbers == list(range(numbers[0], sum(PARTS))), "none is lost or doubled"
    assert [kind for kind, _ in groupby(copied)] == [True, False, True]


def test_it_says_where_lit_pictures_are_encoded_again(clip: bytes, tmp_path: Path) -> None:
    said: list[str] = []
    with playing(clip) as server:
        options = Options(denoise=0.0, frames=3)
        how = LiveOptions(when="dark", adapt=False, reconnect=0.0)
        enhance_live(
            f"http://127.0.0.1:{server.port}/", [str(tmp_path / "a.mkv")], options, how, say=said.append
        )
    assert (
        len(said) == 1 and "lit pictures are encoded again: only a recording with a name by time" in said[0]
    )
