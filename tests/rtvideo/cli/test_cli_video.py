"""The command line on real videos: every way to end that the README names, and a signal from outside."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.cli.entry import main
from tests.helpers.users import without_privileges
from tests.helpers.waiting import grown, wait_until

FRAMES = 60


def make_clip(path: Path, frames: int = FRAMES, size: tuple[int, int] = (64, 48)) -> Path:
    """Noise in motion, so that every packet has content worth damaging; each frame can be decoded alone."""
    rng = np.random.default_rng(0)
    still = rng.integers(0, 60, (size[1], size[0], 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30, bit_rate=2_000_000)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.gop_size = 1
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(still, number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def repeat(clip: Path, path: Path, frames: int) -> Path:
    """Make a long clip in no time: the first packet again and again."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        data = bytes(next(source.demux(video=0)))
        for number in range(frames):
            packet = av.Packet(data)
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number
            packet.duration, packet.time_base = 1, Fraction(1, 30)
            container.mux(packet)
    return path


def make_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for number in range(8):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 8000, 1024 * number
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def mean_of(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(np.mean([frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]))


@pytest.fixture
def run(
    gain_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Run ``rtvideo`` and give its exit code and what it said; ``{}`` stands for the test's folder."""

    def do(*words: object) -> tuple[int, list[str]]:
        filled = [str(word).replace("{}", str(tmp_path)) for word in words]
        code = main(
            [*filled, "--model", str(gain_model), "--threads", "1"] if "--model" not in words else filled
        )
        out, err = capsys.readouterr()
        assert out == ""
        return code, err.splitlines()

    return do


Run = Callable[..., tuple[int, list[str]]]


def refused(run: Run, folder: Path, code: int, says: str, *words: object, target: str = "lit.mp4") -> None:
    """Expect one line, the exit code, and nothing new in the folder."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    got, said = run(*words, "--out", f"{folder}/{target}")
    (line,) = said
    assert line.startswith("rtvideo: error: ")
    assert re.search(says, line), line
    assert got == code
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.slow
def test_done(run: Run, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "night.mp4")
    code, said = run("--input", clip, "--out", "{}/lit.mp4", "--stats", "{}/stats.json")
    assert code == 0
    assert re.fullmatch(
        rf"lit\.mp4: {FRAMES} frames in [\d.]+ s, [\d.]+ frames/s, noise removal off, "
        r"smoothing over time off, model .*, engine onnx",
        said[-1],
    )
    assert frames_of(tmp_path / "lit.mp4") == FRAMES
    assert mean_of(tmp_path / "lit.mp4") > 1.8 * mean_of(clip)
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["frames_in"], stats["frames_out"], stats["dropped"], stats["damaged"]) == (
        FRAMES,
        FRAMES,
        0,
        0,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lit.mp4", "night.mp4", "stats.json"]


def test_several_videos_and_an_image(run: Run, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mkv"):
        make_clip(tmp_path / name, 3)
    code, said = run("{}/a.mp4", "{}/b.mkv", "{}/none.mp4", "-o", "{}/out")
    assert code == 3
    *each, head, row = said
    starts = [line.split()[:4] for line in each]
    assert starts == [["1", "of", "3:", "a.mp4:"], ["2", "of", "3:", "b.mkv:"], each[2].split()[:4]]
    assert each[2].startswith("rtvideo: error: ")
    assert head == "3 inputs: 2 done, 1 failed" and "none.mp4" in row
    assert [frames_of(tmp_path / "out" / name) for name in ("a.mp4", "b.mkv")] == [3, 3]


def test_frames_and_comparison(run: Run, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4")
    assert run("{}/a.mp4", "-o", "{}/b.mkv", "--frames", 7, "--compare", "side", "--codec", "ffv1")[0] == 0
    assert frames_of(tmp_path / "b.mkv") == 7
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.video[0].width == 128


def test_missing(run: Run, tmp_path: Path) -> None:
    refused(run, tmp_path, 3, r"none\.mp4", "--input", "{}/none.mp4")


def test_folder_without_images(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    refused(run, tmp_path, 3, "without images", "--input", "{}/in", target="out")


@pytest.mark.parametrize("content", [b"", b"This is no video.\n" * 50], ids=["empty", "text"])
def test_no_video(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    refused(run, tmp_path, 3, r"a\.mp4", "--input", "{}/a.mp4")


def test_without_index(run: Run, tmp_path: Path) -> None:
    data = make_clip(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: data.rindex(b"moov") - 4])
    refused(run, tmp_path, 3, r"a\.mp4", "--input", "{}/a.mp4")


def test_sound_alone(run: Run, tmp_path: Path) -> None:
    make_sound(tmp_path / "a.m4a")
    refused(run, tmp_path, 3, "no video", "--input", "{}/a.m4a")


@pytest.mark.parametrize(
    "link", [None, Path.symlink_to, Path.hardlink_to], ids=["itself", "symlink", "hard link"]
)
def test_output_is_the_input(run: Run, tmp_path: Path, link: Callable[[Path, Path], None] | None) -> None:
    clip = make_clip(tmp_path / "a.mp4", 3)
    if link is not None:
        link(tmp_path / "lit.mp4", clip)
    refused(run, tmp_path, 2, "input", "-y", "--input", clip, target="a.mp4" if link is None else "lit.mp4")


def test_existing_output(run: Run, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4", 3)
    (tmp_path / "lit.mp4").write_text("precious")
    refused(run, tmp_path, 2, "exists", "--input", "{}/a.mp4")
    assert run("--input", "{}/a.mp4", "--out", "{}/lit.mp4", "-y")[0] == 0
    assert frames_of(tmp_path / "lit.mp4") == 3


def test_read_only_folder(
    run: Run, tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(tmp_path / "a.mp4", 3)
    assert run("--input", "{}/a.mp4", "--out", "{}/lit.mp4")[0] == 0
    model = gain_model.read_bytes()
    with without_privileges() as folder:
        clip, locked = make_clip(folder / "a.mp4", 3), folder / "locked"
        (folder / "gain.onnx").write_bytes(model)
        locked.mkdir(mode=0o555)
        assert main([str(clip), "-o", f"{locked}/lit.mp4", "--model", f"{folder}/gain.onnx"]) == 6
        assert not list(locked.iterdir())
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{locked}/lit.mp4: no permission to write there" in line


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where not even root may make files")
def test_unwritable_folder(run: Run, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", 3)
    code, said = run("--input", clip, "--out", "/proc/lit.mp4")
    assert (code, len(said)) == (6, 1)


def test_missing_folder(run: Run, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4", 3)
    refused(run, tmp_path, 6, "none", "--input", "{}/a.mp4", target="none/lit.mp4")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("--model dusk", 2, "'dusk'"),
        ("--codec x266", 2, "x266"),
        ("--codec aac", 2, "aac"),
        ("--engine warp", 2, "'warp'"),
        ("--device tpu", 2, "'tpu'"),
        ("--device cuda", 7, "cuda"),
        ("--denoise 0.5", 2, "no noise removal"),
        ("--temporal 0.5", 2, "temporal 0.5: this engine looks at each frame alone"),
        ("--strength 0.5", 2, "strength"),
        ("--video-stream 3", 2, "video stream 3"),
    ],
)
def test_wishes_that_cannot_be_met(run: Run, tmp_path: Path, words: str, code: int, says: str) -> None:
    make_clip(tmp_path / "a.mp4", 3)
    refused(run, tmp_path, code, says, "--input", "{}/a.mp4", *words.split())


def test_a_container_that_is_none(run: Run, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4", 3)
    refused(run, tmp_path, 2, r"\.docx", "--input", "{}/a.mp4", target="lit.docx")
    refused(run, tmp_path, 2, r"lit\.png", "--input", "{}/a.mp4", target="lit.png")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_truncated(run: Run, tmp_path: Path, suffix: str) -> None:
    clip = make_clip(tmp_path / f"a{suffix}")
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    code, said = run("--input", clip, "--out", "{}/lit.mkv")
    assert code == 4
    assert "incomplete" in said[-1]
    assert FRAMES // 4 < frames_of(tmp_path / "lit.mkv") < FRAMES


@pytest.mark.slow
def test_damaged_in_the_middle(run: Run, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    clip.write_bytes(data)
    code, said = run("--input", clip, "--out", "{}/lit.mp4", "--stats", "{}/stats.json")
    assert code in (0, 4)
    assert frames_of(tmp_path / "lit.mp4") >= FRAMES - 10
    assert json.loads((tmp_path / "stats.json").read_text())["damaged"] > 0
    assert any("damaged" in line for line in said)


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtvideo", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "times"), [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 1), (signal.SIGTERM, 143, 2)]
)
def test_signal(tmp_path: Path, gain_model: Path, number: signal.Signals, code: int, times: int) -> None:
    clip = repeat(make_clip(tmp_path / "one.mp4", 1, (640, 480)), tmp_path / "a.mp4", 5000)
    process = start("--input", clip, "--out", tmp_path / "lit.mp4", "--model", gain_model)
    while not list(tmp_path.glob(".*")) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.5)  # well into the work, far from its end
    for _ in range(times):  # `timeout` sends SIGTERM to the process, and then to its group
        process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert 0 < frames_of(tmp_path / "lit.mp4") < 5000
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lit.mp4.job", "a.mp4", "lit.mp4", "one.mp4"]
    again = start("--input", clip, "--out", tmp_path / "lit.mp4", "--model", gain_model)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 2
    assert "an earlier run was stopped before its end; --resume goes on, --overwrite starts anew" in err


@pytest.mark.slow
def test_nobody_reads_stdout() -> None:
    done = subprocess.run(
        f"{sys.executable} -m rtvideo --list-devices | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.slow
def test_without_opencv_and_torch(tmp_path: Path, gain_model: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", 3)
    code = (
        "import sys\n"
        "sys.modules['cv2'] = sys.modules['torch'] = None\n"
        "from rtvideo.cli.entry import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, clip, "-o", tmp_path / "b.mp4", "--model", gain_model]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


JOB = """
import sys
from rtvideo.cli import main
code = main(sys.argv[1:])
print([name for name in sys.modules if name.startswith(("rtvideo.live", "rtvideo.viewers", "cv2"))])
sys.exit(code)
"""


def test_a_file_job_loads_nothing_of_live_input(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 3)
    words = ["-i", clip, "-o", tmp_path / "out.mp4", "--denoise", "off"]
    done = subprocess.run([sys.executable, "-c", JOB, *words], capture_output=True, text=True, timeout=250)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.slow
def test_how_many_processors_there_are_changes_no_picture(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.mkv", "b.mkv"):
        make_clip(folder / name, 3, (1280, 720))
    pictures = []
    for number, words in enumerate((["--threads", "1"], ["--threads", "3"], ["--jobs", "2"])):
        out, stats = tmp_path / f"out{number}", tmp_path / f"{number}.json"
        common = ["--codec", "ffv1", "--device", "cpu", "--stats", str(stats), *words]
        assert main(["-i", str(folder), "-o", str(out), *common]) == 0
        assert [report["denoise"] for report in json.loads(stats.read_text())] == [1.0, 1.0]
        with av.open(str(out / "b.mkv")) as container:
            pictures.append([frame.to_ndarray() for frame in container.decode(video=0)])
    for other in pictures[1:]:
        assert len(other) == 3 and all(map(np.array_equal, pictures[0], other))


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3, 0.5, 0.7])
def test_a_signal_at_once_leaves_nothing_or_a_film(tmp_path: Path, gain_model: Path, delay: float) -> None:
    clip = repeat(make_clip(tmp_path / "one.mp4", 1, (640, 480)), tmp_path / "a.mp4", 5000)
    process = start("--input", clip, "--out", tmp_path / "lit.mp4", "--model", gain_model)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    if (tmp_path / "lit.mp4").exists():
        assert frames_of(tmp_path / "lit.mp4") > 0 and "stopped at" in err
    else:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "one.mp4"]
        assert process.returncode != 0  # 130, or what Python ends with before rtvideo runs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "goes_on"), [("lit.mkv", True), ("lit.ts", False), ("lit_%05d.png", False)])
def test_after_a_signal_what_is_advised_is_possible(tmp_path: Path, name: str, goes_on: bool) -> None:
    clip = repeat(make_clip(tmp_path / "one.mp4", 1, (640, 480)), tmp_path / "a.mp4", 5000)
    words = ["--input", str(clip), "--out", str(tmp_path / name), "--strength", "0"]
    process = start(*words)
    wait_until(lambda: grown(tmp_path, "*lit*"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped at" in err
    advice = "--resume" if goes_on else "--overwrite"
    assert f"; the same command with {advice}" in err
    assert main([*words, advice, "--frames", "20"]) == (2 if goes_on else 0)  # other frames are another job
