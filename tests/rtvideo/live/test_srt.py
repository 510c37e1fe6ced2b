"""SRT in and out through the program ffmpeg: a double, and the real one where it is there."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from rtvideo.cli.entry import main
from rtvideo.errors import InputError, OutputError, SourceLostError, UnavailableError
from rtvideo.media.network import connect as connect_module
from rtvideo.media.network import push, srt
from rtvideo.media.network.connect import SourceTraits
from tests.helpers.ffmpegs import FakeFFmpeg
from tests.helpers.servers import CYCLE, RATE, number, pictures
from tests.helpers.waiting import wait_until
from tests.rtvideo.cli.test_live import QUICK, start
from tests.rtvideo.live.test_input import frames, opened
from tests.rtvideo.live.test_job import CAMERA, LAVFI, decoded, free_port, live, numbered

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]

SECRET = "correct-horse"
ADDRESS = f"srt://127.0.0.1:9?mode=caller&passphrase={SECRET}"
REFUSED = "die [srt @ 0x55] Connection to ADDRESS failed: nobody there"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFFmpeg:
    if srt._knows("srt"):
        pytest.skip("srt: this FFmpeg speaks it, so no program is needed")
    return FakeFFmpeg(tmp_path / "bin", monkeypatch)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_module, "TIMEOUT", 0.7)
    monkeypatch.setattr(push, "TIMEOUT", 0.7)


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds."""
    path = tmp_path_factory.mktemp("srt") / "clip.ts"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "12"}
        for frame in itertools.islice(pictures(), 2 * RATE):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_what_comes(fake: FakeFFmpeg, clip: Path, stop: threading.Event) -> None:
    fake.will(f"play 2 {clip}", "wait")
    source = opened(ADDRESS, stop)
    assert source.traits == SourceTraits(live=True, lasts=True)
    found = [number(frame) for frame in frames(source, 10)]
    assert len(found) == 10 and all((b - a) % CYCLE == 1 for a, b in itertools.pairwise(found))
    assert ADDRESS in fake.calls[0] and fake.runs()
    source.close()
    assert not fake.runs()


def test_a_stream_that_ends_and_comes_back(fake: FakeFFmpeg, clip: Path, stop: threading.Event) -> None:
    fake.will(f"play 1 {clip}")
    source = opened(ADDRESS, stop, reconnect=20.0)
    assert next(arrival for arrival in source.arrivals() if source.reconnects).connection
    assert source.reconnects == 1 and len(fake.calls) == 2
    source.close()
    assert not fake.runs()


def test_a_stream_that_falls_silent_or_breaks(
    fake: FakeFFmpeg, clip: Path, impatient: None, stop: threading.Event
) -> None:
    for then, reason in ("wait", "no answer within 0.7 s"), ("die ADDRESS: broke", "source lost: broke"):
        fake.will(f"play 1 {clip}", then)
        source = opened(ADDRESS, stop)
        assert frames(source)
        assert source.lost is not None and source.lost.endswith(reason) and SECRET not in source.lost
        assert not fake.runs()
        source.close()


def test_nobody_at_the_address(fake: FakeFFmpeg, impatient: None, stop: threading.Event) -> None:
    for plan, reason in (REFUSED, "failed: nobody there"), ("wait", ": no answer within 0.7 s"):
        fake.will(plan)
        with pytest.raises(SourceLostError) as caught:
            opened(ADDRESS, stop)
        assert str(caught.value).endswith(reason) and SECRET not in str(caught.value)
        assert not fake.runs()


def test_waiting_for_a_stream_can_be_ended(fake: FakeFFmpeg, stop: threading.Event) -> None:
    fake.will("wait")
    threading.Thread(target=lambda: (wait_until(lambda: fake.calls), stop.set())).start()
    with pytest.raises(InputError):
        opened(ADDRESS, stop)
    assert not fake.runs()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_program_ends_with_rtvideo(fake: FakeFFmpeg, clip: Path, tmp_path: Path, number: int) -> None:
    fake.will(*[f"play 2 {clip}"] * 20)
    with start("-i", ADDRESS, "-o", tmp_path / "out.mkv", *QUICK) as program:
        wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".*.mkv")))
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
    wait_until(lambda: not fake.runs())
    assert program.returncode == (130 if number == signal.SIGINT else -9)
    assert b"Traceback" not in said and b"lost" not in said


def test_ctrl_c_before_anything_comes(fake: FakeFFmpeg, tmp_path: Path) -> None:
    fake.will("wait")
    with start("-i", ADDRESS, "-o", tmp_path / "out.mkv", *QUICK) as program:
        wait_until(lambda: fake.calls)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (130, b"") and not fake.runs()


def test_ctrl_c_while_nobody_takes_what_is_sent(fake: FakeFFmpeg) -> None:
    fake.will("wait")
    with start("--input-format", "lavfi", "-i", CAMERA, "-o", ADDRESS, *QUICK) as program:
        wait_until(lambda: fake.calls)
        program.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, said = program.communicate(timeout=60)
    assert program.returncode == 130 and b"Traceback" not in said and not fake.runs()
    assert time.monotonic() - begin < push.TIMEOUT - 1


def test_ctrl_c_in_a_terminal_is_for_rtvideo_alone(fake: FakeFFmpeg, tmp_path: Path) -> None:
    sent = tmp_path / "sent.ts"
    fake.will("answer", f"record {sent}")
    words = ["--input-format", "lavfi", "-i", CAMERA, "-o", ADDRESS, *QUICK]
    with start(*words, start_new_session=True) as program:
        wait_until(lambda: sent.exists() and sent.stat().st_size > 3000)
        os.killpg(program.pid, signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 130, said
    assert len(decoded(sent)) > 2


def test_what_is_sent(fake: FakeFFmpeg, tmp_path: Path) -> None:
    fake.will("answer", f"record {tmp_path / 'sent.ts'}")
    report = live(str(numbered(tmp_path / "in.mkv")), ADDRESS)
    assert [number(frame) for frame in decoded(tmp_path / "sent.ts")] == [i % CYCLE for i in range(30)]
    assert fake.calls[0][-1] == "srt://127.0.0.1:9?mode=caller" and not fake.runs()
    assert SECRET not in report.output


def test_nobody_takes_what_is_sent(fake: FakeFFmpeg, tmp_path: Path, impatient: None) -> None:
    other = tmp_path / "other.mkv"
    for plan, reason in (REFUSED, "failed: nobody there"), ("wait", "no answer within 0.7 s"):
        fake.will(plan)
        with pytest.raises(OutputError, match=rf"^srt://.*: cannot be sent: .*{reason}$") as caught:
            live(CAMERA, other, ADDRESS, how=LAVFI)
        assert SECRET not in str(caught.value) and not fake.runs()
        assert not other.exists(), "as if nothing had begun"


def test_a_receiver_that_goes_away(fake: FakeFFmpeg, tmp_path: Path) -> None:
    fake.will("answer", "read 5000", "read 5000", "die connection lost")
    with pytest.raises(OutputError, match="cannot be sent: connection lost"):
        live(CAMERA, tmp_path / "other.mkv", ADDRESS, how=LAVFI, frames=150)
    assert decoded(tmp_path / "other.mkv"), "the recording stays"


def test_a_receiver_that_takes_nothing_more(fake: FakeFFmpeg, tmp_path: Path, impatient: None) -> None:
    fake.will("answer", "wait")
    camera = "nullsrc=size=320x240:rate=50,noise=alls=100:allf=t,realtime"
    with pytest.raises(OutputError, match=r"cannot be sent: no answer within 0\.7 s"):
        live(camera, ADDRESS, how=LAVFI)
    assert not fake.runs()


def test_the_end_was_not_sent(fake: FakeFFmpeg, tmp_path: Path, impatient: None) -> None:
    source = str(numbered(tmp_path / "in.mkv", 3))
    for plan, reason in ("die too late", "too late"), ("wait", "no answer"):
        fake.will("answer", f"record {tmp_path / 'sent.ts'}", plan)
        with pytest.raises(OutputError, match=f"cannot be sent: {reason}"):
            live(source, ADDRESS)
        assert not fake.runs()


@pytest.mark.parametrize(
    "words", [["-i", ADDRESS, "-o", "{tmp}/a.mkv"], ["-i", "{tmp}/in.mkv", "-o", ADDRESS]]
)
def test_nothing_here_speaks_it(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if srt._knows("srt"):
        pytest.skip("srt: this FFmpeg speaks it")
    numbered(tmp_path / "in.mkv", 3)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([word.format(tmp=tmp_path) for word in words]) == 7
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "apt-get install ffmpeg" in said and SECRET not in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_programs_that_are_of_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if srt._knows("srt"):
        pytest.skip("srt: this FFmpeg speaks it")
    FakeFFmpeg(tmp_path / "other", monkeypatch, protocols="srtp")
    with pytest.raises(UnavailableError):
        srt.program_for(ADDRESS)
    FakeFFmpeg(tmp_path / "broken", monkeypatch)
    (tmp_path / "broken" / "ffmpeg").write_text("no program")
    with pytest.raises(UnavailableError):
        srt.program_for(ADDRESS)
    assert srt.program_for("rtsp://h/x") is None


@pytest.mark.parametrize("line", ["x ADDRESS y", f"Option passphrase: {SECRET}"])
def test_no_line_of_the_program_tells_a_secret(fake: FakeFFmpeg, line: str) -> None:
    fake.will(f"die {line}")
    path = srt.program_for(ADDRESS)
    assert path is not None
    said = srt.FFmpegProcess(path, [ADDRESS], ADDRESS, stdin=subprocess.DEVNULL).failed(30.0)
    assert said == line.replace("ADDRESS", "srt://127.0.0.1:9?mode=***&passphrase=***").replace(SECRET, "***")


def test_the_passphrase_of_an_output_is_in_no_list_of_processes(fake: FakeFFmpeg) -> None:
    fake.will("wait")
    path = srt.program_for(ADDRESS)
    assert path is not None
    sender = srt.Sender(path, f"{ADDRESS}&latency=9", 1.0)
    wait_until(lambda: fake.calls)
    sender.close()
    (words,) = fake.calls
    assert SECRET not in " ".join(words) and words[-1] == "srt://127.0.0.1:9?mode=caller&latency=9"
    assert words[-3] == "-fpre"


@pytest.fixture
def real() -> str:
    path = shutil.which("ffmpeg")
    if path is None or "srt" not in srt._protocols(path):
        pytest.skip("srt: no program ffmpeg that speaks it")
    return path


def test_a_real_camera_calls(real: str, clip: Path, stop: threading.Event) -> None:
    address = f"srt://127.0.0.1:{free_port()}"
    words = ["-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy", "-f", "mpegts"]
    camera = [real, "-nostdin", "-loglevel", "quiet", *words, f"{address}?passphrase={SECRET}"]
    calling = threading.Thread(target=lambda: run_until(stop, camera))
    calling.start()
    source = opened(f"{address}?mode=listener&passphrase={SECRET}", stop)
    assert len(frames(source, 10)) >= 10
    source.close()
    stop.set()
    calling.join()


def run_until(stop: threading.Event, words: list[str]) -> None:
    """Run a program, again and again if it ends."""
    while not stop.is_set():
        with subprocess.Popen(words) as program:
            while program.poll() is None and not stop.wait(0.05):
                pass
            program.kill()


def test_a_real_receiver_listens(real: str, tmp_path: Path) -> None:
    address, sent = f"srt://127.0.0.1:{free_port()}", tmp_path / "sent.ts"
    words = ["-i", f"{address}?mode=listener&passphrase={SECRET}", "-c", "copy", str(sent)]
    with subprocess.Popen([real, "-nostdin", "-loglevel", "quiet", *words]) as receiver:
        report = live(CAMERA, f"{address}?passphrase={SECRET}", how=LAVFI, duration=2.0)
        receiver.wait(30)
    assert report.incomplete is None and len(decoded(sent)) > 20


def test_nobody_at_a_real_address(real: str, stop: threading.Event) -> None:
    address = f"srt://127.0.0.1:{free_port()}?connect_timeout=300&passphrase={SECRET}"
    with pytest.raises(SourceLostError, match=r"passphrase=\*\*\*: the connection failed"):
        opened(address, stop)
