"""Live runs from the command line: pipes, signals, exit codes, what is said and what is kept secret."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av
import pytest

from rtvideo.cli.entry import main
from rtvideo.live.quality import QualityController
from rtvideo.media.network.connect import TIMEOUT
from tests.helpers.servers import CYCLE, Server, Wire, http_video, number, rtsp_video, send_video
from tests.helpers.waiting import grown
from tests.rtvideo.live.test_job import CAMERA, decoded, free_port, numbered

pytestmark = pytest.mark.timeout(90)

RTVIDEO = [sys.executable, "-m", "rtvideo"]
QUICK = ["--denoise", "off", "--no-adapt"]


def start(*words: object, **how: Any) -> subprocess.Popen[bytes]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*RTVIDEO, *map(str, words)], **{**pipes, **how})


def y4m(path: Path, count: int = 20) -> bytes:
    numbered(path.with_suffix(".mkv"), count)
    out = io.BytesIO()
    out.close = lambda: None  # type: ignore[method-assign]
    with av.open(str(path.with_suffix(".mkv"))) as source, av.open(out, "w", format="yuv4mpegpipe") as target:
        stream = target.add_stream("wrapped_avframe", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
    return out.getvalue()


def test_from_stdin_to_stdout(tmp_path: Path) -> None:
    with start("-i", "-", "-o", "-", *QUICK, stdin=subprocess.PIPE) as program:
        data, said = program.communicate(y4m(tmp_path / "in"), timeout=60)
    assert program.returncode == 0, said
    (tmp_path / "out.y4m").write_bytes(data)
    assert len(decoded(tmp_path / "out.y4m")) == 20, "stdout carries the pictures and nothing else"
    assert b"20 frames" in said and b"\x1b" not in said


def test_raw_pictures_of_a_robot(tmp_path: Path) -> None:
    pictures = bytes(range(48)) * 64 * 3 * 5
    words = ["-i", "-", "--input-format", "rawvideo", "--size", "64x48", "--pix-fmt", "rgb24", "--rate", "10"]
    with start(*words, "-o", tmp_path / "out.mkv", "-q", *QUICK, stdin=subprocess.PIPE) as program:
        _, said = program.communicate(pictures, timeout=60)
    assert (program.returncode, said) == (0, b"")
    assert len(decoded(tmp_path / "out.mkv")) == 5


def test_a_reader_of_stdout_that_leaves_is_no_error(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mkv", 400)
    with start("-i", source, "-o", "-", "-q", *QUICK) as program:
        assert program.stdout is not None and program.stderr is not None
        assert program.stdout.read(10_000).startswith(b"YUV4MPEG2 ")
        program.stdout.close()
        assert program.wait(60) == 0
        assert program.stderr.read() == b""


@pytest.mark.slow
@pytest.mark.parametrize("format", ["mpegts", "matroska"])
def test_encoded_with_sound_for_another_program(tmp_path: Path, format: str) -> None:
    source = tmp_path / "in.ts"
    with source.open("wb") as file, Server(lambda connection, server: None) as ends:
        sound = ("aac", 48000, "mono")
        send_video(Wire(file.write), ends, format="mpegts", frames=400, speed=1000, sound=sound)
    with start("-i", source, "-o", "-", "--output-format", format, "--strength", "0", *QUICK) as program:
        assert program.stdout is not None and program.stderr is not None
        with av.open(program.stdout, format=format) as found:
            frames = [frame for _, frame in zip(range(30), found.decode(video=0), strict=False)]
            assert len(found.streams.audio) == 1
        program.stdout.close()
        assert program.wait(60) == 0, "a reader that leaves is no error"
        assert b"error" not in program.stderr.read()
    assert [number(frame) for frame in frames] == [index % CYCLE for index in range(30)]


def wait_for_file(folder: Path, size: int, program: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not grown(folder, ".*.mp4", size):
        assert program.poll() is None and time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_recording_properly(tmp_path: Path, number: int, code: int) -> None:
    words = ["--input-format", "lavfi", "-i", CAMERA, "-o", tmp_path / "out.mp4", "-o", tmp_path / "b.m3u8"]
    with start(*words, *QUICK, "--stats", tmp_path / "stats.json") as program:
        wait_for_file(tmp_path, 3000, program)
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
    assert program.returncode == code, said
    assert len(decoded(tmp_path / "out.mp4")) > 10 and len(decoded(tmp_path / "b.m3u8")) > 10
    assert not list(tmp_path.glob(".*")), "no temporary files are left"
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["frames_out"] > 10 and stats["latency"]["enhanced"]["median"] > 0


def test_ctrl_c_while_a_server_does_not_answer(tmp_path: Path) -> None:
    accepted = threading.Event()

    def talk(connection: socket.socket, server: Server) -> None:
        accepted.set()
        server.stopped.wait()

    with Server(talk) as server:
        words = ["--input-format", "lavfi", "-i", CAMERA, "-o", f"rtsp://127.0.0.1:{server.port}/live"]
        with start(*words, *QUICK) as program:
            assert accepted.wait(60)
            program.send_signal(signal.SIGINT)
            begin = time.monotonic()
            _, said = program.communicate(timeout=60)
    assert program.returncode == 130, said
    assert time.monotonic() - begin < TIMEOUT - 1 and b"Traceback" not in said


def test_a_signal_while_nothing_comes_through_a_pipe() -> None:
    with start("-i", "-", "-o", "-", stdin=subprocess.PIPE) as program:
        assert program.stderr is not None
        time.sleep(1.5)  # there is no event to wait for: it says nothing before it knows what comes
        program.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        program.wait(60)
        assert time.monotonic() - begin < 20 and program.returncode in (143, -15)


@pytest.mark.parametrize(
    ("words", "code", "words_said"),
    [
        ("-i 4711 -o {tmp}/a.mp4", 5, "/dev/video4711: no such camera"),
        ("-i cam -o {tmp}/a.mp4", 5, "cam: no camera is connected"),
        ("-i rtsp://admin:hunter2@127.0.0.1:{port}/x -o {tmp}/a.mp4", 5, "rtsp://***@127.0.0.1"),
        ("-i {tmp}/in.mkv -o rtmp://127.0.0.1:{port}/app/hunter2", 6, "cannot be sent"),
        ("-i {tmp}/in.mkv -o /dev/video4711", 6, "no such virtual camera"),
        ("-i {tmp}/in.mkv -o {tmp}/a.mp4 -o {tmp}/a.mp4", 2, "given twice"),
        ("-i {tmp}/in.mkv -i rtsp://h/x -o {tmp}/a.mp4", 2, "only one at a time"),
        ("-i {tmp}/in.mkv -o - --stats -", 2, "stdout takes one of them"),
        ("-i {tmp}/in.mkv --size 64x48 -o {tmp}/a.mp4", 2, "for cameras and for raw video"),
        ("-i {tmp}/in.mkv --input-format nonsense -o {tmp}/a.mp4", 2, "knows no such format"),
        ("-i rtsp://h/x --size 64 -o {tmp}/a.mp4", 2, "is not a size"),
        ("-i rtsp://h/x --max-fps 0 -o {tmp}/a.mp4", 2, "is not allowed"),
        ("-i {tmp}/in.mkv --segment 5x -o {tmp}/%Y.mp4", 2, "'5x' is not allowed; allowed: a time above 0"),
        ("-i {tmp}/in.mkv --segment 0m -o {tmp}/%Y.mp4", 2, "30s, 10m, 2h or HH:MM:SS"),
        (
            "-i {tmp}/in.mkv --segment 10m -o {tmp}/a.mp4",
            2,
            "--segment 600: needs a recording with a name by",
        ),
        ("-i {tmp}/in.mkv --poll 1 -o {tmp}/a.mp4", 2, "in.mkv is no http:// or https:// address"),
        ("-i nothing://admin:hunter2@h/x -o {tmp}/a.mp4", 7, "does not speak 'nothing'"),
    ],
)
def test_exit_codes(
    words: str, code: int, words_said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    numbered(tmp_path / "in.mkv", 3)
    assert main(words.format(tmp=tmp_path, port=free_port()).split()) == code
    said = capfd.readouterr()
    (line,) = (line for line in said.err.splitlines() if " warning: " not in line)
    assert words_said in line and said.out == ""
    assert "hunter2" not in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize(("words", "steps"), [([], True), (["--no-adapt"], False)])
def test_doing_less_can_be_forbidden(
    words: list[str], steps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(QualityController, "observe", lambda self, *how: seen.append(True))
    camera = ["--input-format", "lavfi", "-i", CAMERA, "-o", str(tmp_path / "a.mkv"), "--denoise", "off"]
    assert main([*camera, "--frames", "3", "-q", *words]) == 0
    assert bool(seen) is steps


@pytest.mark.slow
def test_a_lost_source_is_code_5_and_the_recording_stays(tmp_path: Path) -> None:
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    with Server(http_video(frames=100)) as server:
        url = f"http://me:hunter2@127.0.0.1:{server.port}/live?key=hunter2"
        with start("-i", url, "-o", out, "--stats", stats, "--reconnect", "1", *QUICK) as program:
            end = time.monotonic() + 60
            while not server.accepted:
                assert time.monotonic() < end
                time.sleep(0.01)
            server._listener.socket.close()
            _, said = program.communicate(timeout=60)
    assert program.returncode == 5, said
    assert len(decoded(out)) >= 10 and b"trying again for 1 s" in said and b"source lost" in said
    assert b"hunter2" not in said and "hunter2" not in stats.read_text()
    assert json.loads(stats.read_text())["lost"] is True


@pytest.mark.slow
def test_a_password_need_not_stand_on_the_command_line(tmp_path: Path) -> None:
    with Server(rtsp_video(password="hunter2")) as server:
        (tmp_path / "url").write_text(f"rtsp://admin:hunter2@127.0.0.1:{server.port}/x\n")
        words = ["-i", f"@{tmp_path}/url", "-o", tmp_path / "out.mkv", "--duration", "1", *QUICK]
        with start(*words) as program:
            _, said = program.communicate(timeout=60)
    assert program.returncode == 0 and b"hunter2" not in said
    assert len(decoded(tmp_path / "out.mkv")) > 3


def test_a_network_camera_to_a_list_of_segments(tmp_path: Path) -> None:
    with Server(rtsp_video()) as server:
        words = [
            "-i",
            f"rtsp://127.0.0.1:{server.port}/x",
            "-o",
            str(tmp_path / "live.m3u8"),
            "--duration",
            "1.5",
        ]
        assert main([*words, "-q", *QUICK]) == 0
    assert len(decoded(tmp_path / "live.m3u8")) >= 10


def test_devices_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from rtvideo.media import camera

    found = [
        camera.CameraDevice("/dev/video0", "HD Webcam", True, False),
        camera.CameraDevice("/dev/video9", "l\x1b[31m\n", False, True),
    ]
    monkeypatch.setattr(camera, "devices", lambda: found)
    assert main(["--list-devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cpu  ") and lines[1:3] == [
        "/dev/video0  HD Webcam, camera",
        "/dev/video9  l\\x1b[31m\\n, virtual camera",
    ]


def test_without_a_display_or_an_output_there_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["--input-format", "lavfi", "-i", CAMERA]) == 7
    said = capsys.readouterr().err
    assert "--serve" in said and "--out" in said and said.count("\n") <= 2
