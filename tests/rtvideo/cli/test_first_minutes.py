"""What a stranger types first: a file alone, two names, a sample, help, half a word and the Tab key."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.cli import main
from rtvideo.media import images
from rtvideo.media.images import Picture
from tests.helpers import clips
from tests.helpers.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


def rtvideo(*words: str | Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | more
    command = [sys.executable, "-m", "rtvideo", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_file_alone_gets_its_result_beside_it(
    gain_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, lit = clips.write(tmp_path / "night.mp4"), tmp_path / "night_lit.mp4"
    words = [str(clip), "--model", str(gain_model)]
    assert main(words) == 0
    assert f"{clip}: no --out, so the result goes to {lit}\n" in capsys.readouterr().err
    assert frames(lit) == 12
    before = lit.read_bytes()
    assert main(words) == 2  # never over anything
    assert f"{lit}: exists already; --overwrite replaces it" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert lit.read_bytes() == before
    assert main([*words, "--overwrite", "--quiet"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night.mp4", "night_lit.mp4"]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("street.mkv", "street_lit.mkv"),
        ("GX010001.360", "GX010001_lit.mp4"),
        ("a.b.webm", "a.b_lit.webm"),
        ("tape.dv", "tape_lit.mkv"),
    ],
)
def test_the_result_has_a_suffix_that_can_be_written(
    name: str, result: str, gain_model: Path, tmp_path: Path
) -> None:
    clips.write(tmp_path / "clip.mkv").rename(tmp_path / name)
    assert main([str(tmp_path / name), "--model", str(gain_model)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, result])


def test_a_photograph_and_a_folder_alone(
    gain_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    images.write(Picture(np.full((8, 8, 3), 20, np.uint8)), folder / "a.png")
    monkeypatch.chdir(tmp_path)
    model = ["--model", str(gain_model)]
    assert main(["photos/", *model]) == 0
    assert main(["photos/a.png", *model]) == 0
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png"))
    assert made == ["photos/a.png", "photos/a_lit.png", "photos_lit/a.png"]
    monkeypatch.chdir(folder)
    assert main([".", *model, "--overwrite"]) == 0  # the folder's name is found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("night.mp4 out.mp4", "no output; did you mean: rtvideo night.mp4 --out out.mp4?"),
        ("night.mp4 night.mp4", "no output for 2 inputs; give a folder: --out FOLDER/"),
        ("*.mp4", "no output for the files of *.mp4; give a folder: --out FOLDER/"),
        ("nihgt.mp4", "nihgt.mp4: no such file; did you mean night.mp4?"),
        ("nihgt.mp4 -o out.mp4", "nihgt.mp4: no such file; did you mean night.mp4?"),
        ("night.mp4 --model nigth", "did you mean night?"),
        ("night.mp4 --model Night", "did you mean night?"),
        ("night.mp4 --compare splitt", "'splitt' is not allowed; allowed: split, side; did you mean split?"),
        ("night.mp4 --vcodec libx265", "did you mean --codec?"),
        ("night.mp4 -ss 5", "did you mean --start?"),
        ("night.mp4 -f", "did you mean --overwrite?"),
        ("night.mp4 --device gpu", "did you mean cuda?"),
        ("help", "help: no such file; did you mean --help?"),
        ("enhance night.mp4", "enhance: no such file"),
        ("-V", "did you mean --version?"),
        ("night.mp4 --gpu", "did you mean --device?"),
        ("night.mp4 --output-dir x", "did you mean --out?"),
        ("night.mp4 --max_fps 5", "did you mean --max-fps?"),
        ("night.mp4 --Denoise off", "did you mean --denoise?"),
        ("--sample night.mp4", "night.mp4: exists already; --overwrite replaces it"),
        ("--sample clip.mp4 night.mp4", "--sample clip.mp4: makes a clip and nothing else"),
        ("--sample clip.txt", "clip.txt"),
        ("--sample clip.mp4 --size 641x360", "--size 641x360: a sample has an even width"),
        ("night.mp4 -o lit.png", "name a video file, or lit_%04d.png for an image a frame"),
        ("night.mp4 -o lit", "lit: a name without an ending is no video format to write"),
        ("", "no input; name a video, an image or a folder, for example: rtvideo night.mp4"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_type(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clips.write(tmp_path / "night.mp4")
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) in (2, 3)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["night.mp4"]


@pytest.mark.parametrize("words", [["", "-o", "lit/"], ["-i", "night.mp4", "-o", ""]])
def test_a_variable_that_is_not_set_enhances_no_folder(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips.write(tmp_path / "night.mp4")
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "was a variable of the shell not set?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["night.mp4"]


def test_a_folder_with_results_beside_their_inputs_is_not_enhanced_twice(
    gain_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    clips.write(folder / "night.mkv")
    clips.write(folder / "was_lit.mkv")  # that another program wrote
    model = ["--model", str(gain_model)]
    assert main([str(folder / "night.mkv"), *model]) == 0
    try:
        os.getxattr(folder / "night_lit.mkv", "user.rtvideo.job")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    assert main([str(folder), *model]) == 0
    made = sorted(path.name for path in (tmp_path / "clips_lit").iterdir())
    assert made == ["night.mkv", "was_lit.mkv"]
    assert "2 inputs: 2 done, 1 left out: 1 result of rtvideo" in capsys.readouterr().err


def test_a_file_that_looks_like_a_flag_is_told_how_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips.write(tmp_path / "-dash.mkv")
    monkeypatch.chdir(tmp_path)
    assert main(["-dash.mkv"]) == 2
    assert "a file of this name is written ./-dash.mkv" in capsys.readouterr().err
    assert main(["./-dash.mkv", "--strength", "0"]) == 0


def test_half_of_full_strength_is_50_percent(gain_model: Path, tmp_path: Path) -> None:
    clip = clips.write(tmp_path / "night.mp4")
    words = ["-i", str(clip), "--model", str(gain_model), "-o"]
    assert main([*words, str(tmp_path / "a.mkv"), "--strength", "0%"]) == 0
    assert main([*words, str(tmp_path / "b.mkv"), "--strength", "0"]) == 0
    assert main([*words, str(tmp_path / "b.mkv"), "--resume", "--strength", "0%"]) == 0  # the same job


def test_the_short_help_is_short_and_the_long_one_has_all(tmp_path: Path) -> None:
    short, long = rtvideo("--help", folder=tmp_path).stdout, rtvideo("--help-all", folder=tmp_path).stdout
    named = [set(re.findall(r"--[a-z][a-z-]*", text)) for text in (short, long)]
    assert {"--out", "--strength", "--denoise", "--serve", "--sample", "--help-all"} <= named[0] < named[1]
    assert {"--video-stream", "--input-format", "--no-adapt", "--serve-token-file", "--stats"} <= named[1]
    assert len(short.splitlines()) < 65 < len(long.splitlines())


@pytest.mark.slow
def test_the_sample_is_a_dark_clip_with_sound_and_needs_no_checkout(tmp_path: Path) -> None:
    blocked = "import sys\nfor n in ('torch', 'cv2', 'model', 'skimage'): sys.modules[n] = None\n"
    code = blocked + "from rtvideo.cli import main; sys.exit(main())"
    words = ["--sample", "night.mp4", "--size", "64x48", "--duration", "0.2"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "night.mp4: done; enhance it with: rtvideo night.mp4\n" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["night.mp4"]
    with av.open(str(tmp_path / "night.mp4")) as clip:
        assert clip.streams.audio
        pictures = [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]
    assert len(pictures) == 6 and 2 < np.mean(pictures) < 40


@pytest.mark.slow
def test_a_sample_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rtvideo", "--sample", "night.mp4"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: list(tmp_path.iterdir()))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert process.stderr is not None and b"Traceback" not in process.stderr.read()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("rtvideo --stre", {"--strength"}),
        ("rtvideo night.mp4 --model ", {"lol", "night", "ruas", "selftaught"}),
        ("rtvideo --compare s", {"split", "side"}),
        ("rtvideo --denoise o", {"off", "on"}),
        ("rtvideo --engine fu", {"fused"}),
        ("rtvideo --codec libx26", {"libx264", "libx265"}),
        ("rtvideo --input", {"--input", "--input-format"}),
    ],
)
def test_the_tab_key(typed: str, offered: set[str], tmp_path: Path) -> None:
    pytest.importorskip("argcomplete", reason="argcomplete is not installed")
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": "bash"}
    line = {"COMP_LINE": typed, "COMP_POINT": str(len(typed)), "_ARGCOMPLETE_STDOUT_FILENAME": "answer"}
    done = rtvideo(folder=tmp_path, **asked, **line)
    assert done.returncode == 0, done.stderr
    answer = (tmp_path / "answer").read_text(encoding="utf-8").split("\n")
    assert {word.strip() for word in answer} == offered


@pytest.mark.slow
def test_a_video_loads_nothing_that_reads_images(gain_model: Path, tmp_path: Path) -> None:
    clips.write(tmp_path / "night.mp4")
    code = (
        "import sys; from rtvideo.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "images = [n for n in sys.modules if n.startswith('rtvideo.media.images.') or n == 'PIL']\n"
        "print(sorted(name.rpartition('.')[2] for name in images))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "night.mp4", "--model", str(gain_model)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.stdout == "['sequence', 'suffixes']\n", done.stderr
