"""Sound of a live source that is of another kind when the source comes back."""

from __future__ import annotations

import socket
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.live import connection
from rtvideo.options import LiveOptions
from tests.helpers.servers import Server, Wire, http_video, read_request, send_video
from tests.rtvideo.live.test_job import decoded, live

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(60)]

AAC = ("aac", 48000, "mono")


class ChangingCamera:
    """Sends 1.2 seconds with each kind of sound, one a connection; then the last one for ever."""

    def __init__(self, format: str, *sounds: tuple[str, int, str] | None) -> None:
        self._format, self._sounds = format, sounds

    def __call__(self, viewer: socket.socket, server: Server) -> None:
        place = min(server.accepted, len(self._sounds))
        read_request(viewer)
        viewer.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        frames = 30 if place < len(self._sounds) else None
        wire = Wire(viewer.sendall)
        send_video(wire, server, format=self._format, frames=frames, sound=self._sounds[place - 1])


def recorded(camera: ChangingCamera, *outputs: Path, frames: int = 45) -> list[str]:
    """Record, and return the lines about it."""
    said: list[str] = []
    with Server(camera) as server:
        how = LiveOptions(adapt=False, reconnect=20.0)
        report = live(f"http://127.0.0.1:{server.port}/", *outputs, how=how, frames=frames, say=said.append)
    assert report.reconnects >= 1
    return said


def heard(path: Path) -> tuple[str, list[float]]:
    """Return the codec of the sound, and its loudness in each frame; fail if a packet cannot be decoded."""
    levels = []
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        for packet in file.demux(stream):
            for frame in packet.decode():
                assert frame.sample_rate == stream.rate and frame.layout.nb_channels == stream.channels
                levels.append(float(np.abs(frame.to_ndarray().astype(np.float64)).max()))
        return stream.codec_context.name, levels


@pytest.mark.parametrize(
    ("other", "words"),
    [(("mp2", 44100, "stereo"), "mp2, 44100 Hz, stereo"), (("aac", 16000, "mono"), "aac, 16000 Hz, mono")],
    ids=["codec", "rate"],
)
def test_sound_of_another_kind_is_converted_for_each_output(
    tmp_path: Path, other: tuple[str, int, str], words: str
) -> None:
    outputs = [tmp_path / f"out.{suffix}" for suffix in ("mp4", "mkv", "ts", "m3u8")]
    said = recorded(ChangingCamera("mpegts", AAC, other), *outputs)
    for out in outputs:
        assert said.count(f"{out}: sound is {words}, and is converted to aac, 48000 Hz, mono") == 1
        codec, levels = heard(out)
        assert codec == "aac" and len(levels) > 60
        parts = levels[5:20], levels[-10:-3]  # an encoder begins softly
        assert all(sorted(part)[len(part) // 2] > 0.1 for part in parts), "the tone is in both"


@pytest.mark.parametrize("patience", [1.0, 0.0])
def test_aac_with_headers_that_begins_after_the_picture(
    tmp_path: Path, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_SOUND", patience)
    outputs = [tmp_path / f"out.{suffix}" for suffix in ("mp4", "mkv", "ts")]
    options = {"max_interleave_delta": "1", "muxdelay": "0"}
    with Server(http_video(sound=AAC, mute=10, options=options)) as server:
        live(f"http://127.0.0.1:{server.port}/", *outputs, frames=50)
    for out in outputs:
        codec, levels = heard(out)
        assert codec == "aac" and max(levels) > 0.2


def test_sound_that_comes_back_as_it_was_is_copied_again(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    said = recorded(ChangingCamera("mpegts", AAC, ("mp2", 48000, "mono"), AAC), out, frames=70)
    assert sum("sound is" in line for line in said) == 1
    codec, levels = heard(out)
    assert codec == "aac" and min(levels[-10:-3]) > 0.2


def test_sound_that_is_converted_anyway_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    alaw, mulaw = ("pcm_alaw", 8000, "mono"), ("pcm_mulaw", 16000, "mono")
    said = recorded(ChangingCamera("nut", alaw, mulaw), out)
    assert any(line.endswith("pcm_mulaw, 16000 Hz, mono, and is converted as before") for line in said)
    codec, levels = heard(out)
    assert codec == "aac" and min(levels[-10:-3]) > 0.2


@pytest.mark.parametrize(
    ("sounds", "words"),
    [((AAC, None), "without its sound"), ((None, AAC), "with sound that was not there before")],
    ids=["vanishes", "appears"],
)
def test_sound_that_vanishes_or_appears(
    tmp_path: Path, sounds: tuple[tuple[str, int, str] | None, ...], words: str
) -> None:
    out = tmp_path / "out.mkv"
    said = recorded(ChangingCamera("mpegts", *sounds), out)
    assert sum(line.endswith(words) for line in said) == 1
    assert len(decoded(out)) > 30


def test_sound_that_no_encoder_can_continue_is_left_out(tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    said = recorded(ChangingCamera("nut", ("vorbis", 48000, "stereo"), AAC), out)
    (line,) = (line for line in said if "sound" in line)
    assert "sound is aac, 48000 Hz, mono, and is left out: " in line
    assert heard(out)[0] == "vorbis"
