"""What files, patterns and folders become: the tree, the names, the dates, and a word of what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.cli import main
from rtvideo.cli.inputs import plan
from rtvideo.errors import InputError, UsageError
from tests.helpers import clips
from tests.helpers.users import without_privileges


def picture(path: Path, level: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(path)
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def targets(text: str, out: Path) -> list[str]:
    return [str(task.target.relative_to(out)) for task in plan([text], str(out)).tasks]


def empty(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_folders_keep_their_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, level in (("100GOPRO/a.png", 10), ("101GOPRO/a.png", 20), ("b.png", 30)):
        picture(tmp_path / "in" / place, level)
    empty(tmp_path / "in", "100GOPRO/a.THM", "101GOPRO/notes.txt", "c.thm", ".hidden/d.png", "._b.png")
    words = ["-i", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--strength", "0"]
    assert main(words) == 0
    assert files(tmp_path / "out") == ["100GOPRO/a.png", "101GOPRO/a.png", "b.png"]
    with Image.open(tmp_path / "out" / "101GOPRO" / "a.png") as image:
        assert image.getpixel((0, 0)) == (20, 20, 20)
    assert capsys.readouterr().err.splitlines()[-1].endswith("3 inputs: 3 done, 3 left out: 2 .thm, 1 .txt")


def test_one_file_of_a_folder_is_enhanced_and_the_others_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "in" / "a.png")
    empty(tmp_path / "in", "README", "a.X3F", "b.x3f")
    words = ["-i", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--strength", "0"]
    assert main(words) == 0
    assert files(tmp_path / "out") == ["a.png"]
    assert "1 input: 1 done, 3 left out: 2 .x3f, 1 without a suffix" in capsys.readouterr().err


def test_a_folder_of_other_files_says_how_many(tmp_path: Path) -> None:
    empty(tmp_path / "in", "a.x3f", "b.txt")
    with pytest.raises(InputError, match=r"2 files of other kinds"):
        raise plan([str(tmp_path / "in")], str(tmp_path / "out")).tasks[0].error  # type: ignore[misc]


def test_suffixes_of_cameras(tmp_path: Path) -> None:
    names = (
        *(
            "GX01.MP4",
            "GL01.LRV",
            "DJI.LRF",
            "VID.insv",
            "G.360",
            "MOV001.MOD",
            "00001.TOD",
            "c.WMV",
            "d.vob",
        ),
        *("e.flv", "f.mxf", "g.GIF", "h.BMP", "i.avif", "j.divx", "k.M2TS"),
    )
    empty(tmp_path / "in", *names)
    got = targets(str(tmp_path / "in"), tmp_path / "out")
    assert sorted(got) == sorted(
        (
            *(
                "GX01.MP4",
                "GL01.mp4",
                "DJI.mp4",
                "VID.mp4",
                "G.mp4",
                "MOV001.mpg",
                "00001.ts",
                "c.WMV",
                "d.vob",
            ),
            *("e.flv", "f.mxf", "g.GIF", "h.BMP", "i.avif", "j.avi", "k.M2TS"),
        )
    )


def test_a_renamed_output_takes_no_other_name(tmp_path: Path) -> None:
    empty(tmp_path / "in", "VID.insv", "VID.lrv", "VID.mp4")
    got = targets(str(tmp_path / "in"), tmp_path / "out")
    assert sorted(got) == ["VID.insv.mp4", "VID.lrv.mp4", "VID.mp4"]


def test_a_low_resolution_clip_of_a_camera_becomes_mp4(tmp_path: Path) -> None:
    clips.write(tmp_path / "clip.mp4", frames=2)
    (tmp_path / "GL010001.LRV").write_bytes((tmp_path / "clip.mp4").read_bytes())
    (tmp_path / "out").mkdir()
    words = ["-i", str(tmp_path / "GL010001.LRV"), "-o", str(tmp_path / "out"), "--strength", "0"]
    assert main(words) == 0
    assert len(clips.frames(tmp_path / "out" / "GL010001.mp4")) == 2


def test_heic_is_left_out_by_name_where_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    empty(tmp_path / "in", "a.HEIC", "b.png")
    planned = plan([str(tmp_path / "in")], str(tmp_path / "out"))
    (kind,) = planned.left_out
    assert kind.startswith(".heic") and "pip install 'rtvideo[photos]'" in kind


def test_links(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "x.png")
    picture(tmp_path / "in" / "sub" / "a.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nothing")
    planned = plan([str(tmp_path / "in")], str(tmp_path / "out"))
    got = [str(task.target.relative_to(tmp_path / "out")) for task in planned.tasks]
    assert got == ["b.png", "gone.png", "sub/a.png"]
    assert planned.left_out == {"linked folder": 2}


def test_the_output_inside_the_input_is_no_input(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    words = ["-i", str(tmp_path / "in"), "-o", str(tmp_path / "in" / "lit"), "--strength", "0", "-y"]
    assert main(words) == main(words) == 0
    assert files(tmp_path / "in") == ["a.png", "lit/a.png"]


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    def errors(folder: Path) -> list[bool]:
        picture(folder / "in" / "a.png")
        (folder / "in" / "locked").mkdir(mode=0)
        planned = plan([str(folder / "in")], str(folder / "out"))
        (folder / "in" / "locked").chmod(0o700)
        return [task.error is not None for task in planned.tasks]

    errors(tmp_path)
    with without_privileges() as folder:
        assert errors(folder) == [False, True]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a.png"]),
        ("1*/*.png", ["100/a.png", "101/a.png"]),
        ("**/*.png", ["100/a.png", "101/a.png", "a.png"]),
        ("100/?.png", ["a.png"]),
    ],
)
def test_patterns_keep_what_lies_below_their_fixed_part(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    for place in ("a.png", "100/a.png", "101/a.png"):
        picture(tmp_path / "in" / place)
    assert targets(f"{tmp_path}/in/{pattern}", tmp_path / "out") == expected


def test_files_of_one_name_are_still_refused(tmp_path: Path) -> None:
    names = [str(picture(tmp_path / place / "a.png")) for place in ("x", "y")]
    with pytest.raises(UsageError, match="give the folder that holds both"):
        plan(names, str(tmp_path / "out"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".mp4"])
def test_names_of_255_bytes(tmp_path: Path, suffix: str) -> None:
    name = "é" * ((255 - len(suffix)) // 2)
    name += "x" * (255 - len(suffix) - 2 * len(name)) + suffix
    source = tmp_path / "in" / name
    if suffix == ".mp4":
        source.parent.mkdir()
        clips.write(tmp_path / "clip.mp4", frames=2)
        (tmp_path / "clip.mp4").rename(source)
    else:
        picture(source)
    assert len(os.fsencode(name)) == 255
    assert main(["-i", str(source), "-o", f"{tmp_path}/out/", "--strength", "0"]) == 0
    assert files(tmp_path / "out") == [name]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.mp4"])
def test_the_date_of_a_file_is_kept(tmp_path: Path, name: str) -> None:
    source = clips.write(tmp_path / name, frames=2) if name == "a.mp4" else picture(tmp_path / name)
    os.utime(source, ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    target = tmp_path / f"lit{source.suffix}"
    assert main(["-i", str(source), "-o", str(target), "--strength", "0"]) == 0
    assert target.stat().st_mtime_ns == 1_500_000_000_987_654_321
