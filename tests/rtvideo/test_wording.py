"""Messages name arguments in Python, and flags on the command line."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

import rtvideo
from rtvideo.errors import UsageError
from rtvideo.options import Options, flags_of
from rtvideo.wording import in_python
from tests.helpers import clips


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("exists already; --overwrite replaces it", "exists already; overwrite=True replaces it"),
        ("model x has none; use --denoise off", 'model x has none; use denoise="off"'),
        ("no memory for --temporal; use --temporal off", 'no memory for temporal; use temporal="off"'),
        ("device 'cuda:1': use --device cpu", "device 'cuda:1': use device=\"cpu\""),
        ("--crf 99: codec libx264 takes 0 to 51", "crf 99: codec libx264 takes 0 to 51"),
        ("choose another with --codec or rename it", "choose another with codec or rename it"),
        ("give the earlier ones, or leave --resume out", "give the earlier ones, or leave resume=True out"),
        ("see: v4l2-ctl -d x --list-formats-ext", "see: v4l2-ctl -d x --list-formats-ext"),
        ("output is the input; give another --out", "output is the input; give another output"),
    ],
)  # fmt: skip
def test_flags_become_arguments(message: str, shown: str) -> None:
    assert in_python(message) == shown


def test_every_option_has_a_word_in_python() -> None:
    for name, _, flag in flags_of(Options):
        assert in_python(f"--{flag.name or name.replace('_', '-')}").removesuffix("=True") == name


def test_what_python_is_told_names_no_flag(gain_model: Path, tmp_path: Path) -> None:
    clip, lit = clips.write(tmp_path / "night.mp4"), tmp_path / "lit.mp4"
    rtvideo.enhance_file(clip, lit, model=str(gain_model))
    for wrong, said in (
        ({}, "exists already; overwrite=True replaces it"),
        ({"resume": True, "strength": 0.5}, "overwrite=True replaces it"),
        ({"overwrite": True, "start": "1:00"}, r"start 60\S*: no frame there"),
        ({"overwrite": True, "crf": 63}, "crf 63: codec libx264 takes"),
        ({"overwrite": True, "denoise": 1}, 'use denoise="off"'),
    ):
        with pytest.raises(UsageError, match=said) as met:
            rtvideo.enhance_file(clip, lit, **{"model": str(gain_model), **wrong})  # type: ignore[arg-type]
        assert "--" not in str(met.value) and "\n" not in str(met.value)


def test_the_words_of_the_command_line(gain_model: Path, tmp_path: Path) -> None:
    clip, told = clips.write(tmp_path / "night.mp4", frames=50), []
    report = rtvideo.enhance_file(
        str(clip),
        tmp_path / "lit.mkv",
        model=gain_model,
        denoise="off",
        temporal="off",
        start="0:01",
        duration="0:00.4",
        strength="100%",
        threads="1",
        progress=lambda done, total: told.append((done, total)),
    )
    assert (report.frames_out, report.denoise, report.temporal) == (10, 0.0, 0.0)
    assert told and told[-1][0] <= 10
    with av.open(str(tmp_path / "lit.mkv")) as made:
        assert sum(1 for _ in made.decode(video=0)) == 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"denoise": "strong"},
        {"denoise": False},
        {"strength": "150%"},
        {"strength": "50%%"},
        {"start": "1:75"},
        {"start": -1},
        {"duration": 0},
        {"frames": "ten"},
        {"frames": 0},
        {"crf": "best"},
        {"compare": "split-screen"},
        {"overwrite": "yes"},
        {"codec": 264},
        {"model": None},
        {"device": "gpu"},
        {"engine": "cpu"},
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_value_is_one_line_before_anything_is_opened(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="allowed:") as met:
        rtvideo.enhance_file(tmp_path / "no.mp4", tmp_path / "lit.mp4", **wrong)
    ((name, value),) = wrong.items()
    assert name in str(met.value) and str(value) in str(met.value) and "\n" not in str(met.value)


def test_what_the_callback_raises_ends_the_work_and_leaves_nothing(gain_model: Path, tmp_path: Path) -> None:
    clip = clips.write(tmp_path / "night.mp4")

    def stop(done: int, total: int | None) -> None:
        raise StopIteration("enough")

    with pytest.raises(StopIteration, match="enough"):
        rtvideo.enhance_file(clip, tmp_path / "lit.mp4", model=str(gain_model), progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["night.mp4"]
