"""Bad input: each a line that says what is wrong, and what can be decoded is."""

from __future__ import annotations

import random
from pathlib import Path

import av
import pytest

from rtvideo.errors import InputError
from rtvideo.files.job import enhance_video
from rtvideo.media.file_input import FileInput
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


def enhance(source: Path, target: Path) -> Report:
    return enhance_video(source, target, Options(preset="ultrafast"), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def without_index(path: Path) -> Path:
    """Write an MP4 that lacks its moov box, as a camera leaves behind whose battery died."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, width=64, height=48)
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(clips.picture(index, 64, 48), "rgb24").reformat(
                format="yuv420p"
            )
            frame.pts = index
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def sound_only(path: Path) -> Path:
    clips.write(path.with_suffix(".mkv"), audio=1)
    with av.open(str(path.with_suffix(".mkv"))) as source, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    path.with_suffix(".mkv").unlink()
    return path


def text(path: Path) -> Path:
    path.write_text("This is no video.\n" * 50)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (lambda p: p, "missing.mp4", "no such file"),
        (empty, "empty.mp4", "the file is empty"),
        (text, "text.mp4", "not a video"),
        (text, "notes.txt", "not a video"),
        (without_index, "in.mp4", r"index \(moov\) is missing"),
        (sound_only, "in.m4a", "no video stream in it, only audio"),
        (lambda p: p.mkdir() or p, "folder", "a folder"),
        (
            lambda p: clips.write(p, codec="png", pix_fmt="rgb24", frames=1, format="image2"),
            "a.png",
            "not a video",
        ),
    ],
)
def test_what_is_no_video_is_named_in_one_line(tmp_path: Path, make, name: str, message: str) -> None:  # type: ignore[no-untyped-def]
    source = make(tmp_path / name)
    with pytest.raises(InputError, match=message) as caught:
        enhance(source, tmp_path / "out.mp4")
    assert "\n" not in str(caught.value) and str(source) in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_file_is_delivered_as_far_as_it_goes(tmp_path: Path, ending: str, share: float) -> None:
    source = clips.write(tmp_path / f"in{ending}", frames=100, audio=1, options={"g": "10"})
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    report = enhance(source, tmp_path / f"out{ending}")
    assert report.incomplete is not None and "cut short" in report.incomplete
    frames = clips.frames(tmp_path / f"out{ending}")
    assert 100 * share - 40 < len(frames) == report.frames_out < 100


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".avi", ".ts", ".webm"])
def test_a_whole_file_is_not_called_incomplete(tmp_path: Path, ending: str) -> None:
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(ending, "libx264")
    source = FileInput(clips.write(tmp_path / f"in{ending}", frames=60, audio=1, codec=codec))
    for _ in source.read():
        pass
    source.close()
    assert source.incomplete is None and source.damaged == 0


def sizes_of(path: Path) -> list[tuple[int, int]]:
    """Return where in the file each video packet lies, and how long it is."""
    with av.open(str(path)) as container:
        return [(p.pos or 0, p.size) for p in container.demux(video=0) if p.size]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts"])
def test_corrupt_packets_are_skipped_and_counted(tmp_path: Path, ending: str) -> None:
    source = clips.write(tmp_path / f"in{ending}", frames=100, audio=1, options={"g": "10", "bf": "0"})
    data = bytearray(source.read_bytes())
    noise = random.Random(1)
    for position, size in sizes_of(source)[40:46]:
        # In a transport stream the damage must break its own packets of 188 bytes to be noticed.
        start, end = (0, 200) if ending == ".ts" else (12, size - 2)
        data[position + start : position + end] = noise.randbytes(end - start)
    source.write_bytes(bytes(data))
    report = enhance(source, tmp_path / f"out{ending}")
    assert report.damaged > 0
    assert any("damaged" in w for w in report.warnings)
    assert 85 <= len(clips.frames(tmp_path / f"out{ending}")) == report.frames_out <= 100


@pytest.mark.slow
def test_random_damage_never_breaks_the_run(tmp_path: Path) -> None:
    whole = clips.write(tmp_path / "in.mkv", frames=40, audio=1, subtitles=1).read_bytes()
    for seed in range(12):
        noise = random.Random(seed)
        data = bytearray(whole)
        for _ in range(20):
            data[noise.randrange(len(data))] = noise.randrange(256)
        (tmp_path / "bad.mkv").write_bytes(bytes(data))
        (tmp_path / "out.mkv").unlink(missing_ok=True)
        try:
            report = enhance(tmp_path / "bad.mkv", tmp_path / "out.mkv")
        except InputError:
            assert not list(tmp_path.glob("*out*"))
            continue
        assert len(clips.frames(tmp_path / "out.mkv")) == report.frames_out
