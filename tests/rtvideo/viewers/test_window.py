"""The window against a double of OpenCV; `test_window_real` has a real one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.errors import UnavailableError
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.window import Window

pytestmark = pytest.mark.timeout(60)

FAKE = Path(__file__).with_name("fake_cv2")
INFO = FrameInfo("fake engine", fps=24.96, latency=0.0414, dropped=3, note="half of the frames")
WIDTH, HEIGHT = 64, 48


def grey(level: int, width: int = WIDTH, height: int = HEIGHT) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), level, np.uint8), "rgb24")
    return frame.reformat(format="yuv420p")


class User:
    """Looks at a window and uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.events = folder, 0

    def does(self, **event: object) -> None:
        unfinished = self.folder / "unfinished.json"
        unfinished.write_text(json.dumps(event))
        os.replace(unfinished, self.folder / f"event-{self.events}.json")
        self.events += 1

    def presses(self, key: str) -> None:
        self.does(key=key)

    def drags_to(self, share: float, width: int = WIDTH) -> None:
        self.does(mouse=[1, 0, 0, 1])
        self.does(mouse=[0, round(share * width), 5, 1])

    def count(self) -> int:
        return len(list(self.folder.glob("[0-9]*.npy")))

    def sees(self) -> np.ndarray:
        return np.load(sorted(self.folder.glob("[0-9]*.npy"))[-1])

    def reads(self) -> str:
        return sorted(self.folder.glob("[0-9]*.txt"))[-1].read_text()


def eventually(happened: Callable[[], object], between: Callable[[], object] = lambda: None) -> None:
    end = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        between()
        time.sleep(0.005)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    folder = tmp_path / "screen"
    folder.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("DISPLAY", ":fake")
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.setenv("RTVIDEO_FAKE_CV2", str(folder))
    return User(folder)


@pytest.fixture
def controls() -> ViewerControls:
    return ViewerControls(strength=0.5, denoise=0.4)


@pytest.fixture
def window(user: User, controls: ViewerControls) -> Iterator[Window]:
    window = Window(controls, "night.mp4")
    yield window
    window.close()
    assert window._process.poll() is not None


def test_it_shows_the_lit_frame_and_the_original_left_of_the_mouse(user: User, window: Window) -> None:
    def show() -> None:
        window.show(grey(40), grey(200), INFO)

    eventually(lambda: user.sees().shape == (HEIGHT, WIDTH, 3), show)
    assert abs(user.sees().astype(int) - 200).max() <= 2
    user.drags_to(0.25)
    eventually(lambda: user.sees()[0, 0, 0] < 50)
    picture = user.sees()
    assert abs(picture[:, : WIDTH // 4].astype(int) - 40).max() <= 2
    assert abs(picture[:, WIDTH // 4 + 1 :].astype(int) - 200).max() <= 2


def test_the_overlay_says_what_runs_and_can_be_hidden(user: User, window: Window) -> None:
    eventually(lambda: "fake engine" in user.reads(), lambda: window.show(grey(1), grey(2), INFO))
    text = user.reads()
    for part in (
        "25.0 frames/s",
        "41 ms",
        "3 dropped",
        "strength 0.50",
        "denoise 0.40",
        "half of the frames",
        "q: quit",
    ):
        assert part in text
    user.presses("i")
    eventually(lambda: user.reads() == "")


def test_keys_change_strength_and_noise_removal(user: User, window: Window, controls: ViewerControls) -> None:
    for key, strength, denoise in [
        ("+", 0.6, 0.4),
        ("=", 0.7, 0.4),
        ("-", 0.6, 0.4),
        ("d", 0.6, 0.0),
        ("d", 0.6, 0.4),
        *(("+", min(1.0, s / 10), 0.4) for s in range(7, 13)),
    ]:
        user.presses(key)
        eventually(lambda s=strength, d=denoise: (controls.strength, controls.denoise) == (s, d))
    for _ in range(12):
        user.presses("_")
    eventually(lambda: controls.strength == 0)
    user.presses("[")
    eventually(lambda: controls.brightness == -0.1)
    user.presses("]")
    eventually(lambda: controls.brightness == 0)
    assert not controls.stop.is_set()


def test_without_noise_removal_in_the_model_d_changes_nothing(
    user: User, window: Window, controls: ViewerControls, capsys: pytest.CaptureFixture[str]
) -> None:
    controls.removes_noise = False
    user.presses("d")
    user.presses("+")
    eventually(lambda: controls.strength == 0.6)
    assert controls.denoise == 0.4 and "removes no noise" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["q", "Q", "\x1b"])
def test_q_ends_the_run(user: User, window: Window, controls: ViewerControls, key: str) -> None:
    user.presses(key)
    assert controls.stop.wait(30)
    window.show(grey(1), grey(2), INFO)


def test_closing_the_window_ends_the_run(user: User, window: Window, controls: ViewerControls) -> None:
    (user.folder / "closed").touch()
    assert controls.stop.wait(30)
    window._reader.join(30)
    window.show(grey(1), grey(2), INFO)


def test_space_holds_the_picture_and_lets_go(user: User, window: Window) -> None:
    eventually(lambda: user.sees().mean() > 150, lambda: window.show(grey(40), grey(200), INFO))
    user.presses(" ")
    eventually(lambda: not window.watched)
    for _ in range(5):
        window.show(grey(40), grey(100), INFO)
    user.presses("i")
    eventually(lambda: user.reads() == "paused")
    assert user.sees().mean() > 150
    user.presses(" ")
    eventually(lambda: window.watched)
    eventually(lambda: abs(user.sees().mean() - 100) < 3, lambda: window.show(grey(40), grey(100), INFO))


def test_s_saves_what_is_shown_and_never_overwrites(user: User, window: Window) -> None:
    eventually(lambda: user.sees().mean() > 150, lambda: window.show(grey(40), grey(200), INFO))
    user.drags_to(0.5)
    eventually(lambda: user.sees().mean() < 150)
    for _ in range(3):
        user.presses("s")
    eventually(lambda: len(list(Path().glob("*.png"))) == 3)
    names = sorted(path.name for path in Path().glob("*.png"))
    assert all(name.startswith(time.strftime("rtvideo-%Y")) for name in names)
    eventually(lambda: f"saved as {names[-1][:15]}" in user.reads())
    eventually(lambda: min(path.stat().st_size for path in Path().glob("*.png")) == 3 * WIDTH * HEIGHT)
    for name in names:
        saved = np.frombuffer(Path(name).read_bytes(), np.uint8).reshape(HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(saved, user.sees())


def test_a_snapshot_that_cannot_be_saved_is_told_in_the_window(
    user: User, window: Window, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "work")
    user.presses("s")
    eventually(lambda: "not saved: No such file or directory" in user.reads())


def test_a_window_that_hangs_delays_nobody_and_then_shows_the_newest(user: User, window: Window) -> None:
    eventually(lambda: user.count() > 2, lambda: window.show(grey(10), grey(10), INFO))
    pid = int((user.folder / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        for level in range(20, 30):
            window.show(grey(level), grey(level), INFO)
    finally:
        os.kill(pid, signal.SIGCONT)
    before = user.count()
    eventually(lambda: abs(user.sees().mean() - 200) < 3, lambda: window.show(grey(200), grey(200), INFO))
    assert user.count() <= before + 4


def test_pictures_that_change_size_follow(user: User, window: Window) -> None:
    for width, height, seen in (
        (64, 48, (48, 64)),
        (96, 50, (50, 96)),
        (3840, 100, (50, 1920)),
        (33, 17, (16, 32)),
    ):
        eventually(
            lambda s=seen: user.sees().shape[:2] == s,
            lambda w=width, h=height: window.show(grey(50, w, h), grey(90, w, h), INFO),
        )
        assert abs(user.sees().astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    ("turn", "dark"), [(0, np.s_[:, :20]), (90, np.s_[:20]), (180, np.s_[:, -20:]), (270, np.s_[-20:])]
)
def test_pictures_are_turned_upright_and_their_pixels_made_square(
    user: User, window: Window, turn: int, dark: tuple[slice, ...]
) -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    pixels[:, : WIDTH // 2] = 30
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
    info = replace(INFO, turn=turn, aspect=1.5)
    seen = (HEIGHT, 96, 3) if turn % 180 == 0 else (96, HEIGHT, 3)
    eventually(lambda: user.sees().shape == seen, lambda: window.show(frame, frame, info))
    assert user.sees()[dark].max() < 50 and user.sees().max() > 190


@pytest.mark.parametrize("paused", [False, True])
def test_a_window_that_crashes_is_an_error_that_says_why(user: User, window: Window, paused: bool) -> None:
    if paused:
        user.presses(" ")
        eventually(lambda: not window.watched)
    (user.folder / "crash").touch()
    window._reader.join(30)
    assert window.watched, "or no frame would come, and nobody would hear of it"
    with pytest.raises(
        UnavailableError, match=r"ended by itself: qt\.qpa\.xcb: could not connect to display"
    ):
        window.show(grey(1), grey(2), INFO)


def test_without_a_screen_the_error_names_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(UnavailableError, match=r"DISPLAY is not set.*--serve.*--out") as told:
        Window(ViewerControls(), "x")
    assert told.value.exit_code == 7


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("missing", r"libGL.so.1.*pip install opencv-python"),
        ("headless", r"has no windows; run: pip uninstall"),
    ],
)
def test_without_opencv_windows_the_error_says_what_to_install(
    user: User, monkeypatch: pytest.MonkeyPatch, mode: str, message: str
) -> None:
    monkeypatch.setenv("RTVIDEO_FAKE_CV2_MODE", mode)
    with pytest.raises(UnavailableError, match=message) as told:
        Window(ViewerControls(), "x")
    assert "\n" not in str(told.value)


def test_the_window_does_not_outlive_a_job_that_is_killed(user: User) -> None:
    script = (
        "import os, signal\n"
        "from rtvideo.viewers.base import ViewerControls\n"
        "from rtvideo.viewers.window import Window\n"
        "window = Window(ViewerControls(), 'x')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {"PYTHONPATH": f"{FAKE}:{root}"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, timeout=50, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int((user.folder / "pid").read_text())
    eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())
