"""The command line in process: arguments, outputs, exit codes; videos are a double here, images are real."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rtvideo.api  # noqa: F401 - before anything is patched, because it keeps what it finds
from rtvideo import values
from rtvideo.cli.entry import main
from rtvideo.cli.progress import Bar, Lines, Silent, clock, progress
from rtvideo.errors import InputError, SourceLostError
from rtvideo.options import Options, Report

EnhanceVideo = Callable[..., Report]


@pytest.fixture
def video(monkeypatch: pytest.MonkeyPatch) -> Callable[[EnhanceVideo], list[Options]]:
    """Put a double in the place of `rtvideo.files.job`; any model name is fine then."""
    seen: list[Options] = []

    def install(do: EnhanceVideo) -> list[Options]:
        def enhance_video(source: Path, target: Path, options: Options, **rest: Any) -> Report:
            seen.append(options)
            return do(source, target, **rest)

        double = ModuleType("rtvideo.files.job")
        double.enhance_video = enhance_video  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "rtvideo.files.job", double)
        monkeypatch.setattr("rtvideo.cli.files.find", lambda name: name)
        return seen

    return install


def done(source: Path, target: Path, **rest: Any) -> Report:
    return Report(
        input=str(source),
        output=str(target),
        engine="onnx cpu, 2 threads",
        engine_name="onnx",
        model="night",
        denoise=1.0,
        temporal=0.25,
        frames_out=1110,
        seconds=12.3,
        fps=90.24,
    )


def picture(path: Path, level: int = 20) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((4, 6, 3), level, np.uint8)).save(path)
    return path


def level(path: Path) -> int:
    with Image.open(path) as image:
        return int(np.asarray(image).mean().round())


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_every_option_has_its_flag(video: Any) -> None:
    seen = video(done)
    words = (
        "--input a.mp4 -o b.mp4 -y --model dusk --strength 0.5 --denoise 0.25 --temporal 0.75 --deband 0.5 "
        "--compare side --device cpu --engine onnx --threads 3 --codec libx265 --crf 20.5 "
        "--preset fast --start 1:02:03.5 --duration 90 --frames 7 --video-stream 1 --max-fps 12.5 "
        "--framerate 30 --resume --deinterlace field --hdr sdr --transfer slog3 "
        "--brightness 0.25 --flicker off --for analysis --log log.jsonl"
    )
    assert main(words.split()) == 0
    want = Options(
        deinterlace="field",
        hdr="sdr",
        transfer="slog3",
        brightness=0.25,
        flicker="off",
        purpose="analysis",
        model="dusk",
        engine="onnx",
        device="cpu",
        threads=3,
        strength=0.5,
        denoise=0.25,
        temporal=0.75,
        deband=0.5,
        overwrite=True,
        codec="libx265",
        crf=20.5,
        preset="fast",
        start=3723.5,
        duration=90.0,
        frames=7,
        max_fps=12.5,
        framerate=30,
        video_stream=1,
        compare="side",
        resume=True,
        log="log.jsonl",
    )
    assert seen == [want]
    usual = Options()
    assert all(getattr(want, field.name) != getattr(usual, field.name) for field in fields(Options))


def test_defaults_are_those_of_the_options(video: Any) -> None:
    seen = video(done)
    assert main(["a.mp4", "-o", "b.mp4"]) == 0
    assert main(["a.mp4", "-o", "b.mp4", "--denoise", "auto"]) == 0
    assert main(["a.mp4", "-o", "b.mp4", "--denoise", "off", "--temporal", "off"]) == 0
    assert seen == [Options(), Options(), Options(denoise=0.0, temporal=0.0)]


@pytest.mark.parametrize(
    "words",
    [
        "--strength 2",
        "--strength nan",
        "--strength dark",
        "--denoise yes",
        "--denoise 1.1",
        "--temporal 2",
        "--threads -1",
        "--threads 1.5",
        "--crf -1",
        "--crf inf",
        "--frames 0",
        "--frames inf",
        "--start -1",
        "--start 1:60",
        "--start 1:2:3:4",
        "--start soon",
        "--start :5",
        "--start ²:5",
        "--duration 0",
        "--compare diagonal",
        "--frobnicate 1",
        "--out",
        "--over",
    ],
)
def test_wrong_arguments(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.mp4", "--out", "b.mp4", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = lines(err)
    assert line.startswith("rtvideo: error: ")
    flag, _, value = words.partition(" ")
    assert flag in line
    assert value in line


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("-i a.mp4 --output b.mp4", "did you mean --out?"),
        ("-i a.mp4 -o b.mp4 --end 5", "did you mean --duration?"),
        ("-i a.mp4 -o b.mp4 --denoice off", "did you mean --denoise?"),
        ("-i a.mp4 -o b.mp4 --device CPU", "did you mean cpu?"),
        ("-i a.mp4 -o b.mp4 --engine Onnx", "did you mean onnx?"),
        ("-i a.mp4 -o b.mp4 --strength 50", "a number from 0 to 1, or 0% to 100%"),
        ("-i a.mp4 -o b.mp4 --temporal 150%", "off, on, auto, a number from 0 to 1, or 0% to 100%"),
        ("-i a.mp4 -o one.mp4 -i b.mp4 -o two.mp4", "2 inputs and 2 outputs: give one folder with --out"),
        ("-i ~/a.mp4 -o b.mp4", f"write {Path.home()}/a.mp4"),
        ("-i a.mp4 -o ~/b.mp4", f"write {Path.home()}/b.mp4"),
    ],
)
def test_typical_mistakes_are_answered_with_what_is_meant(
    words: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    (line,) = lines(err)
    assert out == "" and advice in line


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90.5", 90.5), ("1:30", 90), ("00:01:30.250", 90.25), ("100:00", 6000)],
)
def test_times(text: str, seconds: float) -> None:
    assert values.time(text) == seconds


def test_version_and_help_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("rtvideo 0.")
    assert "--strength" in out
    assert err == ""


def test_last_line(video: Any, capsys: pytest.CaptureFixture[str]) -> None:
    video(done)
    assert main(["night.mp4", "-o", "out/lit.mp4"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    words = "1110 frames in 12.3 s, 90.2 frames/s, noise removal on, smoothing over time 0.25, model night"
    assert err == f"lit.mp4: {words}, engine onnx\n"
    assert main(["night.mp4", "-o", "out/lit.mp4", "-v"]) == 0
    assert capsys.readouterr().err == f"lit.mp4: {words}, onnx cpu, 2 threads\n"
    assert main(["night.mp4", "-o", "lit.mp4", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_unknown_model_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(picture(tmp_path / name)) for name in ("a.png", "b.png")]
    assert main([*paths, "-o", str(tmp_path / "out"), "--model", "dusk"]) == 2
    (line,) = lines(capsys.readouterr().err)
    assert "'dusk'" in line
    assert not (tmp_path / "out").exists()


def test_one_image(tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    words = ["--input", str(source), "--out", str(target), "--model", str(gain_model), "--threads", "1"]
    assert main(words) == 0
    assert level(target) == 60
    said = capsys.readouterr().err
    assert re.fullmatch(rf"b.png: \d+\.\d s, noise removal off, model {gain_model}, engine onnx\n", said)
    assert main(words) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*words, "-y", "--strength", "0"]) == 0
    assert level(target) == 20


def test_into_an_existing_folder(tmp_path: Path, gain_model: Path) -> None:
    source = picture(tmp_path / "a.png")
    for name in ("here", "made/"):
        (tmp_path / "here").mkdir(exist_ok=True)
        assert main([str(source), "-o", f"{tmp_path}/{name}", "--model", str(gain_model)]) == 0
        assert level(tmp_path / name / "a.png") == 60


def test_folder_of_images(tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("a.png", "B.PNG", "c.jpeg", "d.tif", "e.webp"), start=1):
        picture(tmp_path / "in" / name, 10 * number)
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    (tmp_path / "in" / "sub.png").mkdir()
    assert main([str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", str(gain_model)]) == 0
    got = {path.name: level(path) for path in (tmp_path / "out").iterdir()}
    assert got == {"a.png": 30, "B.PNG": 60, "c.jpeg": 90, "d.tif": 120, "e.webp": 150}
    *each, last = lines(capsys.readouterr().err)
    assert len(each) == 5 and last == "5 inputs: 5 done, 1 left out: 1 .txt"


def test_pattern(tmp_path: Path, gain_model: Path) -> None:
    for name in ("n1.png", "n2.png", "x.png", "odd[1].png"):
        picture(tmp_path / name)
    model = ["--model", str(gain_model)]
    assert main(["-i", f"{tmp_path}/n*.png", "-o", str(tmp_path / "out"), *model]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["n1.png", "n2.png"]
    assert main(["-i", f"{tmp_path}/odd[1].png", "-o", str(tmp_path / "file.png"), *model]) == 0
    assert (tmp_path / "file.png").is_file()
    assert main(["-i", f"{tmp_path}/z*.png", "-o", str(tmp_path / "z"), *model]) == 3


def test_a_folder_onto_itself_changes_nothing(tmp_path: Path, gain_model: Path) -> None:
    source = picture(tmp_path / "in" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for out in ("in", "link"):
        assert main([str(tmp_path / "in"), "-o", f"{tmp_path}/{out}", "--model", str(gain_model), "-y"]) == 2
    assert level(source) == 20


def test_several_inputs_end_with_the_worst_code(
    tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, text = picture(tmp_path / "a.png"), tmp_path / "text.png"
    text.write_text("hello")
    (tmp_path / "empty").mkdir()
    words = [str(good), str(text), f"{tmp_path}/empty", f"{tmp_path}/none*.png", "-o", f"{tmp_path}/out"]
    assert main([*words, "--model", str(gain_model)]) == 3
    err = lines(capsys.readouterr().err)
    assert [line.startswith("rtvideo: error: ") for line in err[:4]] == [False, True, True, True]
    assert err[4] == "4 inputs: 1 done, 3 failed"
    assert [line.split()[-4:] for line in err[5:]] == [["failed", "exit", "code", "3"]] * 3
    assert str(text) in err[5] and "none*.png" in err[7]
    assert level(tmp_path / "out" / "a.png") == 60
    assert main([*words, "--model", str(gain_model)]) == 3  # not 2, though a.png exists by now


def test_two_inputs_of_one_name(tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(picture(tmp_path / folder / "a.png")) for folder in ("x", "y")]
    assert main([*names, "-o", f"{tmp_path}/out", "--model", str(gain_model)]) == 2
    assert "both" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["there.png", "new.png"])
def test_several_inputs_need_a_folder(tmp_path: Path, gain_model: Path, out: str, capsys: Any) -> None:
    names = [str(picture(tmp_path / name)) for name in ("a.png", "b.png", "there.png")][:2]
    assert main([*names, "-o", f"{tmp_path}/{out}", "-y", "--model", str(gain_model)]) == 2
    assert "folder" in capsys.readouterr().err
    assert level(tmp_path / "there.png") == 20


def test_a_folder_without_images(
    tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "-o", f"{tmp_path}/out", "--model", str(gain_model)]) == 3
    (line,) = lines(capsys.readouterr().err)
    assert "without images" in line
    assert not (tmp_path / "out").exists()


def test_warnings_are_printed_once_even_if_quiet(video: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def warn(source: Path, target: Path, *, on_warning: Callable[[str], None], **rest: Any) -> Report:
        report = done(source, target)
        report.warnings = ["subtitles are dropped"]
        on_warning(report.warnings[0])
        return report

    video(warn)
    assert main(["a.mp4", "-o", "b.mp4", "-q"]) == 0
    assert capsys.readouterr().err == "rtvideo: warning: subtitles are dropped\n"


def test_incomplete_input(video: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def cut(source: Path, target: Path, **rest: Any) -> Report:
        report = done(source, target)
        report.incomplete, report.damaged = "the input ends early", 3
        return report

    video(cut)
    assert main(["a.mp4", "-o", "b.mp4"]) == 4
    first, second = lines(capsys.readouterr().err)
    assert "3 damaged" in first
    assert second == "rtvideo: error: b.mp4: incomplete: the input ends early"


@pytest.mark.parametrize(("error", "code"), [(InputError("a.mp4: no"), 3), (SourceLostError("gone"), 5)])
def test_errors_of_the_job(
    video: Any, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def fail(source: Path, target: Path, **rest: Any) -> Report:
        raise error

    video(fail)
    assert main(["a.mp4", "-o", "b.mp4"]) == code
    assert capsys.readouterr().err == f"rtvideo: error: {error}\n"


def test_a_defect_is_one_line_with_a_hint(
    video: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def crash(source: Path, target: Path, **rest: Any) -> Report:
        raise ZeroDivisionError("two\nlines")

    video(crash)
    assert main(["a.mp4", "b.mp4", "-o", f"{tmp_path}/out"]) == 1
    first, *rest = lines(capsys.readouterr().err)
    assert "ZeroDivisionError: two lines" in first
    assert "-v" in first
    assert [line.split()[0] for line in rest] == ["2", "a.mp4", "b.mp4"]
    assert main(["a.mp4", "-o", "c.mp4", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_stats(tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = picture(tmp_path / "a.png"), picture(tmp_path / "b.png")
    stats, model = tmp_path / "stats.json", ["--model", str(gain_model), "-y"]
    assert main([str(a), "-o", f"{tmp_path}/c.png", "--stats", str(stats), *model]) == 0
    one = json.loads(stats.read_text())
    assert (one["input"], one["frames_out"], one["model"]) == (str(a), 1, str(gain_model))
    assert one["milliseconds"]["enhance"]["p95"] > 0
    capsys.readouterr()
    assert main([str(a), str(b), "-o", f"{tmp_path}/out", "--stats", "-", *model]) == 0
    out, _ = capsys.readouterr()
    assert [report["input"] for report in json.loads(out)] == [str(a), str(b)]
    assert list(tmp_path.glob(".*")) == []


def test_stats_that_are_refused(tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, other = picture(tmp_path / "a.png"), picture(tmp_path / "other.json.png")
    words = [str(source), "-o", f"{tmp_path}/c.png", "--model", str(gain_model), "--stats"]
    assert main([*words, str(other)]) == 2
    (tmp_path / "link").symlink_to(source)
    assert main([*words, f"{tmp_path}/link", "-y"]) == 2
    assert main([*words, f"{tmp_path}/c.png"]) == 2
    assert main([*words, str(tmp_path)]) == 2
    assert main([*words, f"{tmp_path}/none/stats.json"]) == 6
    assert len(lines(capsys.readouterr().err)) == 5
    assert level(source) == 20
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_early_but_properly(video: Any, tmp_path: Path, number: int, code: int) -> None:
    def wait(source: Path, target: Path, *, stop: threading.Event, **rest: Any) -> Report:
        os.kill(os.getpid(), number)
        assert stop.wait(5)
        report = done(source, target)
        report.incomplete = "interrupted"
        return report

    seen = video(wait)
    before = signal.getsignal(number)
    assert main(["a.mp4", "b.mp4", "-o", f"{tmp_path}/out"]) == code
    assert len(seen) == 1  # the second input is not begun
    assert signal.getsignal(number) is before


def test_a_second_signal_aborts(video: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def wait(source: Path, target: Path, *, stop: threading.Event, **rest: Any) -> Report:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        return done(source, target)

    video(wait)
    assert main(["a.mp4", "-o", "b.mp4"]) == 143
    assert "aborted" in capsys.readouterr().err


def test_lists(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--list-devices"]) == 0
    out, err = capsys.readouterr()
    assert out.split()[0] == "cpu"
    assert err == ""
    monkeypatch.setattr("rtvideo.models.names", lambda: ["day", "night"])
    monkeypatch.setattr("rtvideo.models.find", lambda name: _Card(name))
    assert main(["--list-models"]) == 0
    assert [line.split()[0] for line in lines(capsys.readouterr().out)] == ["day", "night"]


class _Card:
    def __init__(self, name: str) -> None:
        self.name, self.card, self.has_denoise = name, {"summary": "for streets"}, True


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_fits_the_stream() -> None:
    assert type(progress("a", Terminal(), quiet=True)) is Silent
    assert type(progress("a", Terminal(), quiet=False)) is Bar
    assert type(progress("a", io.StringIO(), quiet=False)) is Lines


def test_progress_in_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    now, stream = [0.0], io.StringIO()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress("night.mp4", stream, quiet=False) as show:
        for done_, total in ((0, 400), (50, 400), (100, 400), (150, None), (200, None)):
            show(done_, total)
            now[0] += 5
    assert lines(stream.getvalue()) == [
        "night.mp4: 100 of 400 frames, 25 %, 10.0 frames/s, 0:00:30 left",
        "night.mp4: 200 frames, 10.0 frames/s",
    ]
    assert clock(3725.4) == "1:02:05"


def test_the_time_that_is_left_does_not_count_what_came_before_the_first_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, stream = [0.0], io.StringIO()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress("night.mp4", stream, quiet=False) as show:
        for seconds, done_ in ((0, 0), (8, 0), (18, 100)):
            now[0] = seconds
            show(done_, 400)
    assert lines(stream.getvalue()) == ["night.mp4: 100 of 400 frames, 25 %, 10.0 frames/s, 0:00:30 left"]


@pytest.mark.parametrize("total", [400, None])
def test_progress_bar(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    colours = []
    for no_colour in (False, True):
        monkeypatch.setenv("NO_COLOR", "1") if no_colour else monkeypatch.delenv("NO_COLOR", raising=False)
        stream = Terminal()
        with progress("[night].mp4", stream, quiet=False) as show:
            show(100, total)
        assert "[night].mp4" in stream.getvalue()
        assert "100 frames" in stream.getvalue()
        colours.append("\x1b[38;" in stream.getvalue() or "\x1b[3" in stream.getvalue())
    assert colours == [True, False]


def test_a_folder_counts_its_files_and_says_equal_errors_once(
    tmp_path: Path, gain_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(7):
        picture(tmp_path / "in" / f"{number}.png")
    words = [f"{tmp_path}/in", "-o", f"{tmp_path}/out", "--model", str(gain_model)]
    assert main(words) == 0
    err = lines(capsys.readouterr().err)
    assert [line.partition(": ")[0] for line in err] == [*(f"{n} of 7" for n in range(1, 8)), "7 inputs"]
    (tmp_path / "out/6.png").unlink()
    assert main(words) == 2
    error, note, head, row = lines(capsys.readouterr().err)
    assert error.startswith("rtvideo: error: ") and "0.png: exists already" in error
    assert note.startswith("7 of 7: 6.png: ")
    assert head == "7 inputs: 1 done, 6 failed"
    assert row.split() == [f"{tmp_path}/in/0.png", "and", "5", "more", "failed", "exit", "code", "2"]
