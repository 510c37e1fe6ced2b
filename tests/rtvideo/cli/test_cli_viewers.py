"""``--serve`` and ``--preview`` from the command line to the pictures that somebody sees."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.helpers import clips
from tests.rtvideo.viewers.test_window import FAKE

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.timeout(100)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds, which no test waits for."""
    return clips.write(tmp_path_factory.mktemp("clip") / "night.mp4", frames=500)


@contextmanager
def rtvideo(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "rtvideo", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{FAKE}:{ROOT}"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_page_shows_the_run_and_its_slider_changes_it(clip: Path, gain_model: Path) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="websockets: not installed")
    with rtvideo("-i", clip, "--serve", "0", "--model", gain_model, "--engine", "onnx") as process:
        assert process.stderr is not None
        found = re.search(r"http://(127\.0\.0\.1:\d+/)", process.stderr.readline())
        assert found
        data = b""

        def ratio() -> float:
            """Return how much brighter the right half of the last picture is."""
            with av.open(io.BytesIO(data)) as container:
                luma = clips.planes(list(container.decode(video=0))[-1])[0] - 16.0
            return float(luma[:, luma.shape[1] // 2 :].mean() / luma[:, : luma.shape[1] // 2].mean())

        with client.connect(f"ws://{found[1]}live", proxy=None, max_size=None) as socket:
            seen: list[float] = []
            end = time.monotonic() + 60
            while not seen or seen[-1] > 1.2:
                assert time.monotonic() < end, seen
                message = socket.recv(timeout=30)
                if isinstance(message, str):
                    continue
                data += message
                if message[4:8] != b"moof":
                    continue
                seen.append(ratio())
                if len(seen) == 5:
                    assert min(seen) > 1.8
                    socket.send(json.dumps({"strength": 0}))
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 130


@pytest.mark.slow
def test_a_file_begins_to_play_when_somebody_looks(gain_model: Path, tmp_path: Path) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="websockets: not installed")
    short = clips.write(tmp_path / "short.mp4", frames=6)
    with rtvideo("-i", short, "--serve", "0", "--model", gain_model, "--engine", "onnx") as process:
        assert process.stderr is not None
        found = re.search(r"http://(127\.0\.0\.1:\d+/)", process.stderr.readline())
        assert found
        time.sleep(1)  # much longer than the clip
        with client.connect(f"ws://{found[1]}live", proxy=None, max_size=None) as socket:
            assert any(isinstance(message, bytes) for message in socket)
        assert process.wait(40) == 0


@pytest.mark.slow
def test_a_file_waits_for_a_visitor_and_says_so(gain_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("websockets", reason="websockets: not installed")
    short = clips.write(tmp_path / "short.mp4", frames=6)
    with rtvideo("-i", short, "--serve", "0", "--model", gain_model, "--engine", "onnx") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("rtvideo: watch at http://127.0.0.1:")
        assert process.stderr.readline() == f"rtvideo: {short}: waiting for somebody to open the page\n"


@pytest.mark.slow
def test_an_image_is_shown_upright_until_the_run_is_stopped(gain_model: Path, tmp_path: Path) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="websockets: not installed")
    photo = tmp_path / "100%d night.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(clips.picture(0, 64, 48)).save(photo, exif=exif)
    with rtvideo("-i", photo, "--serve", "0", "--model", gain_model, "--engine", "onnx") as process:
        assert process.stderr is not None
        found = re.search(r"http://(127\.0\.0\.1:\d+/)", process.stderr.readline())
        assert found
        pictures, state = 0, None
        with client.connect(f"ws://{found[1]}live", proxy=None, max_size=None) as socket:
            while pictures < 8 or state is None:
                message = socket.recv(timeout=30)
                pictures += isinstance(message, bytes)
                if isinstance(message, str) and json.loads(message).get("frame"):
                    state = json.loads(message)["frame"]
        assert state["turn"] == 90 and state["latency"] is None
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 130


@pytest.mark.slow
def test_a_token_file_lets_the_same_address_in_after_a_restart(
    clip: Path, gain_model: Path, tmp_path: Path
) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="websockets: not installed")
    file = tmp_path / "token"
    given = ("--serve", "0.0.0.0:0", "--serve-token-file", file, "--model", gain_model, "--engine", "onnx")
    for _ in range(2):
        with rtvideo("-i", clip, *given) as process:
            assert process.stderr is not None
            printed = process.stderr.readline()
            found = re.search(r":(\d+)/\?token=\*\*\*", printed)
            assert found and file.read_text().strip() not in printed and str(file) in printed
            url = f"ws://127.0.0.1:{found[1]}/live?token="
            token = file.read_text().strip()
            with client.connect(url + token, proxy=None, max_size=None) as socket:
                assert socket.recv(timeout=30)


def test_a_token_in_the_environment_is_used(clip: Path, gain_model: Path) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="websockets: not installed")
    token = "a-token-for-the-tests"
    given = ("--serve", "0", "--model", gain_model, "--engine", "onnx")
    with rtvideo("-i", clip, *given, RTVIDEO_TOKEN=token) as process:
        assert process.stderr is not None
        printed = process.stderr.readline()
        found = re.search(r"http://(127\.0\.0\.1:\d+)/\?token=\*\*\*", printed)
        assert found and token not in printed
        with client.connect(f"ws://{found[1]}/live?token={token}", proxy=None, max_size=None) as socket:
            assert socket.recv(timeout=30)


@pytest.mark.parametrize(
    ("flags", "environment", "complaint"),
    [
        (("--serve-url", "https://cam.example/"), {}, "add --serve"),
        (("--serve", "0", "--serve-url", "cam.example"), {}, "such as https://cam.example/cam1/"),
        (("--serve", "0"), {"RTVIDEO_TOKEN": "short"}, "RTVIDEO_TOKEN is no token"),
        (("--serve", "0", "--serve-token-file", "/"), {}, "--serve-token-file /: "),
    ],
)
def test_what_cannot_be_served_is_one_line(
    clip: Path, flags: tuple[str, ...], environment: dict[str, str], complaint: str
) -> None:
    with rtvideo("-i", clip, *flags, **environment) as process:
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 2 and complaint in printed and printed.count("\n") == 1


def test_a_name_cannot_steer_the_terminal(gain_model: Path, tmp_path: Path) -> None:
    steering = clips.write(tmp_path / "night\x1b[31m.mp4", frames=6)
    out = tmp_path / "lit.m3u8"
    with rtvideo("-i", steering, "--out", out, "--model", gain_model, "--engine", "onnx") as process:
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 0 and "night\\x1b[31m.mp4" in printed and "\x1b" not in printed


@pytest.mark.slow
def test_q_in_the_window_ends_the_run_and_completes_the_recording(
    clip: Path, gain_model: Path, tmp_path: Path
) -> None:
    out, screen = tmp_path / "lit.mkv", tmp_path / "screen"
    screen.mkdir()
    options = ("--model", gain_model, "--engine", "onnx", "--preview", "--out", out)
    with rtvideo("-i", clip, *options, DISPLAY=":fake", RTVIDEO_FAKE_CV2=str(screen)) as process:
        end = time.monotonic() + 60
        while len(list(screen.glob("[0-9]*.npy"))) < 4:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.01)
        shown = np.load(screen / "0003.npy")
        (screen / "event-0.json").write_text('{"key": "q"}')
        assert process.wait(40) == 0
    assert shown.shape == (48, 64, 3) and shown.mean() > 1.8 * clips.picture(0, 64, 48).mean()
    assert len(clips.frames(out)) > 0


@pytest.mark.slow
def test_a_phone_that_was_held_upright_is_shown_so(gain_model: Path, tmp_path: Path) -> None:
    wide = clips.write(tmp_path / "wide.mp4", frames=100, rotation=-90, sample_aspect_ratio=Fraction(3, 2))
    screen = tmp_path / "screen"
    screen.mkdir()
    options = ("--model", gain_model, "--engine", "onnx", "--preview")
    with rtvideo("-i", wide, *options, DISPLAY=":fake", RTVIDEO_FAKE_CV2=str(screen)) as process:
        process.wait(60)
    with av.open(str(wide)) as container:
        # FFmpeg counts the other way round: a player turns this by 90 degrees clockwise.
        clockwise = -next(container.decode(video=0)).rotation % 360
    shown = np.load(max(screen.glob("[0-9]*.npy"))).astype(float)
    assert shown.shape == (96, 48, 3)
    # The scene grows brighter to the right, which is down after a turn clockwise, and up after one back.
    top, bottom = shown[:32].mean(), shown[64:].mean()
    assert (top < bottom) == (clockwise == 90)


@pytest.mark.parametrize("others", [(), ("--out",)])
def test_without_a_screen_the_rest_goes_on_if_there_is_any(
    clip: Path, gain_model: Path, tmp_path: Path, others: tuple[str, ...]
) -> None:
    out = [text for flag in others for text in (flag, tmp_path / "lit.mkv")]
    options = ("--model", gain_model, "--engine", "onnx", "--frames", 5, "--preview")
    with rtvideo("-i", clip, *options, *out, DISPLAY="") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == (0 if others else 7)
    assert said.splitlines()[0].startswith(
        f"rtvideo: {'warning' if others else 'error'}: no window: DISPLAY is not set"
    )
    assert (tmp_path / "lit.mkv").exists() == bool(others)
