"""Files made wrong in many ways, and flags in any combination: every end is one that the README names."""

from __future__ import annotations

import contextlib
import io
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rtvideo.cli.entry import main
from rtvideo.errors import ExitCode
from tests.helpers import clips
from tests.helpers.fuzz import fuzz
from tests.helpers.mutations import mutate

VALUES = {
    "--strength": ["0", "0.5", "1", "2", "nan", ""],
    "--denoise": ["off", "auto", "0.3", "-1", "on"],
    "--compare": ["split", "side", "both"],
    "--codec": ["libx264", "mpeg4", "ffv1", "libx265", "aac", "none", "../x"],
    "--crf": ["0", "23", "63", "64", "x"],
    "--preset": ["ultrafast", "medium", "fastest"],
    "--start": ["0", "0.1", "1:00", "9e9", "-1"],
    "--duration": ["0.1", "0", "100000000000", "inf"],
    "--frames": ["1", "3", "0", "1e6", "-2"],
    "--max-fps": ["10", "0", "1000"],
    "--video-stream": ["0", "1", "99"],
    "--model": ["night", "dusk", "/dev/null", "\x00"],
    "--engine": ["auto", "fused", "onnx", "warp"],
    "--device": ["auto", "cpu", "cuda", "cuda:7", "tpu"],
    "--threads": ["0", "1", "3", "-1", "1e30"],
    "--jobs": ["1", "0", "x"],
    "--stats": ["-", "{}/stats.json", "{}/none/stats.json", "{}/a.mp4"],
}
FLAGS = ["--resume", "-y", "-q", "-v", "--list-models", "--version", "--help", "--unknown"]
INPUTS = ["{}/a.mp4", "{}/b.png", "{}/text.mp4", "{}/none.mp4", "{}", "{}/*.mp4", "", "-", "\ud800", "cam"]
OUTPUTS = [
    "{}/out/lit.mp4",
    "{}/out/lit.mkv",
    "{}/out/lit.png",
    "{}/out/",
    "{}/none/lit.mp4",
    "{}/a.mp4",
    "",
    "x",
]

options = st.lists(
    st.one_of(
        st.sampled_from(sorted(VALUES)).flatmap(
            lambda flag: st.tuples(st.just(flag), st.sampled_from(VALUES[flag]))
        ),
        st.tuples(st.sampled_from(FLAGS)),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good video, a good image and a bad file."""
    path = tmp_path_factory.mktemp("files")
    clips.write(path / "a.mp4", frames=4, audio=1)
    clips.first(path / "a.mp4").to_image().save(path / "b.png")
    (path / "text.mp4").write_text("no video")
    (path / "out").mkdir()
    return path


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=options,
    inputs=st.lists(st.sampled_from(INPUTS), max_size=2),
    out=st.one_of(st.none(), st.sampled_from(OUTPUTS)),
)
@example(words=[("--stats", "-"), ("-y",)], inputs=["{}/a.mp4"], out="{}/out/lit.mp4")
@example(words=[], inputs=["{}/b.png"], out="{}/out/")
def test_any_combination_of_flags_ends_as_documented(
    folder: Path, words: list[tuple[str, ...]], inputs: list[str], out: str | None
) -> None:
    given_words = [word for pair in words for word in pair]
    given_words += [word for name in inputs if name not in ("-", "cam") for word in ("--input", name)]
    given_words += [] if out is None else ["--out", out]
    filled = [word.replace("{}", str(folder)) for word in given_words]
    before = {name: (folder / name).read_bytes() for name in ("a.mp4", "b.png", "text.mp4")}
    said, written = io.StringIO(), io.StringIO()
    here = Path.cwd()
    os.chdir(folder / "out")
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(written):
            code = main([*filled, "--threads", "1"] if "--threads" not in filled else filled)
    finally:
        os.chdir(here)
    assert code in list(ExitCode) and code != ExitCode.INTERNAL, (code, said.getvalue())
    assert "Traceback" not in said.getvalue()
    assert code == 0 or said.getvalue().strip(), "whatever fails says why"
    assert {name: (folder / name).read_bytes() for name in before} == before, "no input is ever written"
    assert not [path for path in folder.rglob(".*partial*")]


@pytest.mark.slow
def test_files_made_wrong_end_as_documented(tmp_path: Path) -> None:
    tally = fuzz(range(140), tmp_path)
    assert tally.finds == {}
    assert sum(tally.codes.values()) == 140
    assert len(tally.codes) >= 3, "some are done, some are refused"


def test_a_case_can_be_made_again() -> None:
    data = bytes(range(256)) * 8
    first = [mutate(data, random.Random(seed), [data]) for seed in range(50)]
    assert first == [mutate(data, random.Random(seed), [data]) for seed in range(50)]
    assert sum(wrong != data for wrong in first) > 45


def test_the_harness_finds_what_is_there_to_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash and a hang of the program under test are reported, and the cases after them still run."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if '--child' in sys.argv:\n"
        "    import rtvideo.cli.entry, tests.helpers.fuzz\n"
        "    from itertools import count\n"
        "    calls = count()\n"
        "    def main(words):\n"
        "        number = next(calls)\n"
        "        if number == 1: os.abort()\n"
        "        return 1 if number == 2 else 0\n"
        "    rtvideo.cli.entry.main = main\n"
    )
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{root}")
    (tmp_path / "work").mkdir()
    tally = fuzz(range(6), tmp_path / "work")
    assert "-6" in tally.finds[1], tally
    assert sum(tally.codes.values()) + sum("process" in text for text in tally.finds.values()) == 6
