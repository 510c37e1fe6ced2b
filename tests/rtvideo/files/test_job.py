"""File to file: everything that must survive does, on files made here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from rtvideo.errors import OutputError, UsageError
from rtvideo.files.job import enhance_video
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening
from tests.helpers.users import without_privileges

VFR = [0, 1001, 2002, 5005, 6006, 9009, 9100, 12012, 15015, 20020, 30030, 31031]


def enhance(source: Path, target: Path, session: FakeSession | None = None, **options: Any) -> Report:
    if "codec" not in options and target.suffix in (".mp4", ".mov", ".mkv"):
        options = {"preset": "ultrafast", **options}
    return enhance_video(
        source,
        target,
        Options(**options),
        open_engine=opening(session or FakeSession()),  # type: ignore[arg-type]
    )


def chapters(container: Any) -> list[tuple[Fraction, Fraction, dict[str, str]]]:
    return [
        (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]) for c in container.chapters()
    ]


@pytest.mark.parametrize("delay", [0, 3])
@pytest.mark.parametrize(
    ("ending", "changes", "tolerance"),
    [
        (".mp4", {"time_base": Fraction(1, 30000), "pts": VFR}, 0),
        (
            ".mkv",
            {
                "time_base": Fraction(1, 1000),
                "pts": [0, 40, 80, 200, 210, 500, 777, 778, 800, 900, 910, 1033],
            },
            0,
        ),
        (
            ".mp4",
            {"codec": "mpeg4", "time_base": Fraction(1, 12800), "pts": [13763 + 512 * i for i in range(12)]},
            0,
        ),
        (".mov", {"time_base": Fraction(1001, 30000)}, 0),
        (
            ".mp4",
            {"options": {"bf": "0"}, "pts": [5 * i for i in range(12)], "time_base": Fraction(1, 90)},
            0,
        ),
    ],
    ids=["vfr mp4", "vfr mkv", "delayed start", "ntsc", "slow"],
)
def test_times_pass_through_to_the_tick(
    tmp_path: Path, ending: str, changes: dict[str, Any], tolerance: float, delay: int
) -> None:
    source = clips.write(tmp_path / f"in{ending}", **changes)
    report = enhance(source, tmp_path / f"out{ending}", FakeSession(delay=delay))
    assert clips.times(tmp_path / f"out{ending}") == clips.times(source)
    assert report.frames_in == report.frames_out == 12
    assert report.warnings == [] and report.incomplete is None


def test_the_engine_sees_the_times(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", time_base=Fraction(1, 30000), pts=VFR)
    session = FakeSession()
    enhance(source, tmp_path / "out.mp4", session)
    assert session.times == pytest.approx([pts / 30000 for pts in VFR])
    assert session.closed


@pytest.mark.parametrize(
    ("ending", "changes"),
    [
        (".mp4", {"chapters": True, "cover": True, "timecode": "01:00:00:00"}),
        (".mov", {"timecode": "01:00:00:00"}),
        (".mkv", {"chapters": True, "attachment": b"not really a font" * 99}),
    ],
)
def test_all_other_streams_are_copied(tmp_path: Path, ending: str, changes: dict[str, Any]) -> None:
    source = clips.write(
        tmp_path / f"in{ending}",
        audio=2,
        subtitles=2,
        second_video=True,
        metadata={"title": "Night"},
        **changes,
    )
    report = enhance(source, tmp_path / f"out{ending}")
    before, after = clips.streams(source), clips.streams(tmp_path / f"out{ending}")
    assert report.warnings == []
    assert [(s.type, s.codec, s.language, s.disposition) for s in after] == [
        (s.type, s.codec, s.language, s.disposition) for s in before
    ]
    assert len(after) >= 6
    for old, new in zip(before[1:], after[1:], strict=True):
        assert new.hashes == old.hashes
        assert new.times == old.times
    with av.open(str(source)) as a, av.open(str(tmp_path / f"out{ending}")) as b:
        assert b.metadata["title"] == "Night"
        assert chapters(b) == chapters(a)
        assert [s.data for s in b.streams.attachments] == [s.data for s in a.streams.attachments]
        if "timecode" in changes:
            assert b.streams.video[0].metadata["timecode"] == "01:00:00:00"


def test_the_second_video_can_be_chosen(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", second_video=True, rotation=90)
    enhance(source, tmp_path / "out.mp4", FakeSession(gain=2), video_stream=1)
    before, after = clips.streams(source), clips.streams(tmp_path / "out.mp4")
    assert after[0].hashes == before[0].hashes
    assert clips.first(tmp_path / "out.mp4").rotation == clips.first(source).rotation == 90
    assert clips.planes(clips.frames(tmp_path / "out.mp4", 1)[0])[0].mean() > 60
    with pytest.raises(UsageError, match=r"video stream 2: .* has 2"):
        enhance(source, tmp_path / "other.mp4", video_stream=2)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (".mp4", ".mkv", ["subtitle #2 (mov_text, eng) becomes srt"]),
        (
            ".mkv",
            ".mp4",
            ["subtitle #2 (subrip, eng) becomes mov_text", "attachment #3 (font.ttf) is dropped"],
        ),
        (
            ".mkv",
            ".webm",
            ["audio #1 (aac, eng) becomes libopus", "subtitle #2 (subrip, eng) becomes webvtt"],
        ),
        (".mkv", ".avi", ["subtitle #2", "attachment #3", "chapters"]),
        (".mp4", ".ts", ["subtitle #2 (mov_text, eng) is dropped", "chapters are dropped"]),
    ],
)
def test_what_does_not_fit_is_said_in_one_line_before_work_starts(
    tmp_path: Path, source: str, target: str, words: list[str]
) -> None:
    extra = {"attachment": b"font"} if source == ".mkv" else {}
    clip = clips.write(tmp_path / f"in{source}", audio=1, subtitles=1, chapters=True, **extra)
    session, said = FakeSession(), []
    report = enhance_video(
        clip,
        tmp_path / f"out{target}",
        Options(),
        open_engine=opening(session),  # type: ignore[arg-type]
        on_warning=lambda line: said.append((line, len(session.times))),
    )
    (line, frames_before) = said[0]
    assert len(said) == 1 and frames_before == 0 and "\n" not in line
    assert all(word in line for word in words), line
    assert report.frames_out == 12
    out = clips.streams(tmp_path / f"out{target}")
    assert [s.type for s in out if s.type == "audio"] == ["audio"]
    assert sum(map(len, (s.hashes for s in out if s.type == "audio"))) >= 20


def test_converted_subtitles_keep_words_and_times(tmp_path: Path) -> None:
    enhance(clips.write(tmp_path / "in.mp4", subtitles=1), tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as out:
        texts = [(p.pts, p.duration, bytes(p).decode()) for p in out.demux(subtitles=0) if p.size]
    assert texts == [(start, end - start, line) for start, end, line in clips.SRT]


@pytest.mark.slow
def test_converted_sound_keeps_its_place(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", audio=1, frames=50)
    enhance(source, tmp_path / "out.webm", frames=None)

    def sound(path: Path) -> np.ndarray:
        with av.open(str(path)) as container:
            pieces = [(f.time or 0.0, f.to_ndarray()[0]) for f in container.decode(audio=0)]
        wave = np.zeros(2 * 48000)
        for time, piece in pieces:
            start = round(time * 48000)
            wave[start : start + len(piece)] = piece[: len(wave) - start]
        return wave[4800:-4800]

    before, after = sound(source), sound(tmp_path / "out.webm")
    lags = range(-100, 101)
    match = [float(np.dot(before[200:-200], np.roll(after, lag)[200:-200])) for lag in lags]
    # 220 Hz has a period of 218 samples, so a shift by up to 100 samples (2 ms) is told apart.
    assert abs(lags[int(np.argmax(match))]) <= 24


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rotation", [90, 180])
def test_rotation_stays(tmp_path: Path, ending: str, rotation: int) -> None:
    source = clips.write(tmp_path / "in.mp4", rotation=rotation)
    enhance(source, tmp_path / f"out{ending}")
    assert clips.frames(source)[0].rotation % 360 == rotation
    assert clips.frames(tmp_path / f"out{ending}")[0].rotation == clips.frames(source)[0].rotation


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("matrix", "range_", "primaries", "transfer"), [(1, 1, 1, 1), (6, 1, 6, 6), (1, 2, 1, 13), (2, 0, 2, 2)]
)
def test_colour_tags_stay(
    tmp_path: Path, ending: str, matrix: int, range_: int, primaries: int, transfer: int
) -> None:
    source = clips.write(
        tmp_path / f"in{ending}",
        matrix=matrix,
        range=range_,
        primaries=primaries,
        transfer=transfer,
        sample_aspect_ratio=Fraction(4, 3),
    )
    enhance(source, tmp_path / f"out{ending}")
    for path in (source, tmp_path / f"out{ending}"):
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            codec = video.codec_context
            tags = (codec.colorspace, codec.color_range, codec.color_primaries, codec.color_trc)
            assert tags == (matrix, range_, primaries, transfer), path
            assert video.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(
    ("ending", "changes", "expected"),
    [
        (".mp4", {"codec": "libx265", "pix_fmt": "yuv420p10le"}, ("hevc", "yuv420p10le")),
        (".mp4", {"pix_fmt": "yuv422p10le"}, ("h264", "yuv422p10le")),
        (".mp4", {"pix_fmt": "yuv444p"}, ("h264", "yuv444p")),
        (".mkv", {"codec": "ffv1", "pix_fmt": "yuv422p"}, ("ffv1", "yuv422p")),
        (".mkv", {"codec": "ffv1", "pix_fmt": "yuv420p12le"}, ("ffv1", "yuv420p12le")),
        (".mkv", {"codec": "ffv1", "pix_fmt": "yuv411p"}, ("ffv1", "yuv422p")),
        (".mkv", {"codec": "ffv1", "pix_fmt": "gray"}, ("ffv1", "gray")),
        (".webm", {"codec": "libvpx-vp9", "width": 51, "height": 37}, ("vp9", "yuv420p")),
        (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}, ("prores", "yuv422p10le")),
        (".avi", {"codec": "mjpeg", "pix_fmt": "yuvj422p", "range": 2}, ("mjpeg", "yuvj422p")),
    ],
)
def test_format_and_size_stay(
    tmp_path: Path, ending: str, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    source = clips.write(tmp_path / f"in{ending}", **changes)
    enhance(source, tmp_path / f"out{ending}", preset=None)
    before, after = clips.frames(source), clips.frames(tmp_path / f"out{ending}")
    assert (after[0].width, after[0].height, len(after)) == (before[0].width, before[0].height, len(before))
    with av.open(str(tmp_path / f"out{ending}")) as out:
        codec = out.streams.video[0].codec_context
        assert (codec.codec.canonical_name, codec.pix_fmt) == expected


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "ffv1", "mpeg4"])
def test_odd_sizes_stay_exact_with_every_encoder(tmp_path: Path, codec: str) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="ffv1", width=51, height=37)
    enhance(source, tmp_path / "out.mkv", codec=codec)
    frame = clips.frames(tmp_path / "out.mkv")[0]
    assert (frame.width, frame.height) == (51, 37)


def test_interlaced_input_is_deinterlaced_frame_for_frame(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", interlaced=True, time_base=Fraction(1, 30000), pts=VFR)
    report = enhance(source, tmp_path / "out.mp4")
    assert clips.times(tmp_path / "out.mp4") == clips.times(source)
    assert [w for w in report.warnings if "bwdif" in w] == report.warnings and len(report.warnings) == 1
    assert not clips.frames(tmp_path / "out.mp4")[3].interlaced_frame


def test_size_changes_in_the_middle_are_scaled_to_the_first(tmp_path: Path) -> None:
    small = clips.write(tmp_path / "a.ts", format="mpegts", codec="mpeg2video", frames=8)
    large = clips.write(
        tmp_path / "b.ts", format="mpegts", codec="mpeg2video", width=96, height=80, frames=8,
        time_base=Fraction(1, 25), pts=range(8, 16),
    )  # fmt: skip
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    report = enhance(both, tmp_path / "out.mp4")
    sizes = {(f.width, f.height) for f in clips.frames(tmp_path / "out.mp4")}
    assert sizes == {(64, 48)} and report.frames_out >= 14
    assert any("another size" in w for w in report.warnings)


def test_engine_output_is_what_is_encoded(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="ffv1")
    enhance(source, tmp_path / "out.mkv", FakeSession(gain=3, delay=2), codec="ffv1")
    for before, after in zip(clips.frames(source), clips.frames(tmp_path / "out.mkv"), strict=True):
        luma, *chroma = zip(clips.planes(before), clips.planes(after), strict=True)
        assert np.array_equal(np.minimum(luma[0] * 3, 255), luma[1])
        assert all(np.array_equal(a, b) for a, b in chroma)


@pytest.mark.parametrize("size", [(64, 48), (51, 37)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "gray"])
def test_comparison(tmp_path: Path, size: tuple[int, int], pix_fmt: str) -> None:
    width, height = size
    top = 1023 if "10" in pix_fmt else 255
    source = clips.write(
        tmp_path / "in.mkv", codec="ffv1", width=width, height=height, pix_fmt=pix_fmt, frames=3
    )
    enhance(source, tmp_path / "side.mkv", FakeSession(gain=2, top=top), codec="ffv1", compare="side")
    enhance(source, tmp_path / "split.mkv", FakeSession(gain=2, top=top), codec="ffv1", compare="split")
    original = clips.planes(clips.frames(source)[1])[0]
    side, split = (clips.planes(clips.frames(tmp_path / n)[1])[0] for n in ("side.mkv", "split.mkv"))
    bright = np.minimum(original * 2, top)
    assert side.shape == (height, 2 * width)
    assert np.array_equal(side[:, :width], original)
    assert np.array_equal(side[:, width:], bright)
    half = width // 2
    assert np.array_equal(split[:, : half - 1], original[:, : half - 1])
    assert np.array_equal(split[:, half + 1 :], bright[:, half + 1 :])


@pytest.mark.slow
def test_start_and_duration_cut_sound_with_the_picture(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=100, audio=1, options={"g": "30"}, chapters=True)
    report = enhance(source, tmp_path / "out.mp4", start=1.0, duration=2.0)
    assert report.frames_out == 50 and report.incomplete is None
    before, after = clips.streams(source)[1], clips.streams(tmp_path / "out.mp4")[1]
    kept = [
        (h, t - 1) for h, t in zip(before.hashes, before.times, strict=True) if t is not None and 1 <= t < 3
    ]
    assert list(zip(after.hashes, after.times, strict=True)) == kept
    assert clips.times(tmp_path / "out.mp4") == [t - 1 for t in clips.times(source)[25:75]]
    original, cut = clips.frames(source)[25], clips.frames(tmp_path / "out.mp4")[0]
    assert np.abs(clips.planes(original)[0] - clips.planes(cut)[0]).mean() < 4


def test_frames_limits_the_picture_and_its_sound(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", frames=60, audio=1)
    enhance(source, tmp_path / "out.mkv", frames=10)
    times = clips.streams(tmp_path / "out.mkv")[1].times
    assert len(clips.frames(tmp_path / "out.mkv")) == 10
    assert all(t is not None and t < Fraction(10, 25) for t in times) and len(times) >= 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 99.0}, r"--start 99.0: no frame there; .* is 0.5 s long"),
        ({"start": -1.0}, "start: '-1.0' is not a time"),
        ({"duration": 0.0}, "duration: '0.0' is not allowed; allowed: a time above 0"),
        ({"frames": 0}, "frames: '0' is not allowed; allowed: a whole number, 1 or more"),
        ({"codec": "libx246"}, "unknown video encoder 'libx246'; near: .*libx264"),
        ({"codec": "aac"}, "unknown video encoder 'aac'"),
        ({"codec": "prores_ks"}, "does not fit into mp4"),
        ({"crf": 99.0}, "crf: '99.0' is not allowed"),
        ({"crf": 60.0}, "--crf 60: codec libx264 takes 0"),
        ({"preset": "quick"}, "--preset 'quick': codec libx264 takes ultrafast"),
        ({"codec": "mpeg4", "preset": "fast"}, "mpeg4 has no presets"),
        ({"codec": "ffv1", "crf": 3.0}, "ffv1 has no such setting"),
    ],
)
def test_wrong_options_are_refused_and_leave_nothing(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    source = clips.write(tmp_path / "in.mp4")
    with pytest.raises(UsageError, match=message) as caught:
        enhance_video(source, tmp_path / "out.mp4", Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_output_is_checked_first(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4")
    (tmp_path / "linked.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    (tmp_path / "there.mp4").write_bytes(b"precious")
    for name in ("in.mp4", "linked.mp4", "hard.mp4"):
        with pytest.raises(UsageError, match="same file"):
            enhance(source, tmp_path / name, overwrite=True)
    with pytest.raises(UsageError, match="exists already"):
        enhance(source, tmp_path / "there.mp4")
    assert (tmp_path / "there.mp4").read_bytes() == b"precious"
    for name in ("out.xyz", "out", "out.png", "out.mp3", "out.gif"):
        with pytest.raises(UsageError, match=r"no video format|an image, and"):
            enhance(source, tmp_path / name)
    with pytest.raises(OutputError, match="does not exist"):
        enhance(source, tmp_path / "nowhere" / "out.mp4")
    enhance(source, tmp_path / "there.mp4", overwrite=True)
    assert len(clips.frames(tmp_path / "there.mp4")) == 12


def test_a_folder_without_permission(tmp_path: Path) -> None:
    enhance(clips.write(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    with without_privileges() as folder:
        source = clips.write(folder / "in.mp4")
        locked = folder / "locked"
        locked.mkdir(mode=0o500)
        with pytest.raises(OutputError, match="no permission"):
            enhance(source, locked / "out.mp4")


def test_a_failing_engine_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=40)
    session = FakeSession(fail_at=20)
    with pytest.raises(RuntimeError, match="the engine broke"):
        enhance(source, tmp_path / "out.mp4", session)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
    assert session.closed
    assert not [t for t in threading.enumerate() if t.name.startswith("rtvideo")]


@pytest.mark.slow
def test_a_stop_gives_a_whole_file_of_what_is_done(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=200, audio=1)
    stop = threading.Event()

    class Stopping(FakeSession):
        def submit(self, *args: Any) -> None:
            super().submit(*args)
            if len(self.times) == 30:
                stop.set()

    report = enhance_video(
        source,
        tmp_path / "out.mp4",
        Options(),
        stop=stop,
        open_engine=opening(Stopping()),  # type: ignore[arg-type]
    )
    assert report.incomplete == "interrupted"
    assert 30 <= report.frames_out < 60
    assert len(clips.frames(tmp_path / "out.mp4")) == report.frames_out == report.frames_in
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.mp4.job", "in.mp4", "out.mp4"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from rtvideo.errors import OutputError
from rtvideo.files.job import enhance_video
from rtvideo.options import Options
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
try:
    enhance_video(Path(sys.argv[1]), Path(sys.argv[2]), Options(strength=0, crf=0))
except OutputError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, ending: str) -> None:
    # A limit on the size of files is to a program what a full disk is.
    source = clips.write(tmp_path / "in.mp4", frames=100)
    target = tmp_path / f"out{ending}"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(source), str(target)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout and "cannot be written" in done.stdout and "MB free" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_the_inputs_choice_of_frame_types_does_not_bind_the_encoder(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", options={"g": "1"})
    enhance(source, tmp_path / "out.mp4", strength=0)
    with av.open(str(tmp_path / "out.mp4")) as out:
        keys = [p.is_keyframe for p in out.demux(video=0) if p.size]
    assert len(keys) == 12 and keys.count(True) == 1


def test_frames_without_times_follow_at_the_nominal_rate(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.h264", format="h264")
    enhance(source, tmp_path / "out.mp4")
    assert clips.times(tmp_path / "out.mp4") == [Fraction(i, 25) for i in range(12)]


def test_times_that_do_not_grow_are_moved_by_a_tick(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        video = out.add_stream("ffv1", rate=25, width=64, height=48, time_base=Fraction(1, 1000))
        packets = []
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(clips.picture(index, 64, 48), "rgb24").reformat(
                format="yuv420p"
            )
            frame.pts, frame.time_base = index, Fraction(1, 1000)
            packets += video.encode(frame)
        for packet, time in zip(packets, (0, 40, 40, 41, 120), strict=True):
            packet.pts = packet.dts = time
            out.mux(packet)
    report = enhance(tmp_path / "in.mkv", tmp_path / "out.mkv", codec="ffv1")
    assert clips.times(tmp_path / "out.mkv") == [Fraction(t, 1000) for t in (0, 40, 41, 42, 120)]
    assert any("2 frames" in w and "a tick" in w for w in report.warnings)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".webm", ".avi", ".ts", ".flv", ".wmv", ".mpg"])
def test_every_usual_ending_can_be_written(
    tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = clips.write(tmp_path / "in.mp4", audio=1)
    report = enhance_video(source, tmp_path / f"out{ending}", Options(), open_engine=opening(FakeSession()))  # type: ignore[arg-type]
    assert report.frames_out == 12
    assert len(clips.frames(tmp_path / f"out{ending}")) == 12
    assert "audio" in {s.type for s in clips.streams(tmp_path / f"out{ending}")}
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx265", "libsvtav1", "libvpx-vp9"])
def test_encoders_keep_quiet(tmp_path: Path, codec: str) -> None:
    source = clips.write(tmp_path / "in.mp4", width=192, height=128)
    script = (
        "import sys; from pathlib import Path; from rtvideo.files.job import enhance_video;"
        "from rtvideo.options import Options;"
        "enhance_video(Path(sys.argv[1]), Path(sys.argv[2]), Options(strength=0, codec=sys.argv[3]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(source), str(tmp_path / "out.mkv"), codec],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_progress_and_report(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=50)
    seen: list[tuple[int, int | None]] = []
    report = enhance_video(
        source,
        tmp_path / "out.mp4",
        Options(),
        on_progress=lambda done, total: seen.append((done, total)),
        open_engine=opening(FakeSession()),  # type: ignore[arg-type]
    )
    assert seen and seen[-1][1] == 50 and [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert report.engine == "fake" and report.fps > 0
    assert set(report.milliseconds) == {"decode", "enhance", "encode"}
    assert all(m["median"] <= m["p95"] <= m["p99"] for m in report.milliseconds.values())


def test_cover_pictures_move_between_containers(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", cover=True)
    enhance(source, tmp_path / "out.mkv")
    enhance(tmp_path / "out.mkv", tmp_path / "back.mp4")
    for name in ("out.mkv", "back.mp4"):
        cover = clips.streams(tmp_path / name)[1]
        assert cover.disposition == Disposition.attached_pic
        assert cover.hashes == clips.streams(source)[1].hashes


def with_captions(path: Path, count: int) -> Path:
    """Write a clip whose every frame carries closed captions (CEA-708 in an SEI message)."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 64, 48, "yuv420p"
    codec.framerate, codec.time_base, codec.options = (
        Fraction(25),
        Fraction(1, 25),
        {"bf": "0", "tune": "zerolatency"},
    )
    packets = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(clips.picture(index, 64, 48), "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        packets += codec.encode(frame)
    packets += codec.encode(None)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, width=64, height=48)
        for index, packet in enumerate(packets):
            captions = bytes([0xFC, 0x80 + index, 0x41])
            message = b"\xb5\x00\x31GA94\x03\xc1\xff" + captions + b"\xff"
            sei = b"\x00\x00\x01\x06\x04" + bytes([len(message)]) + message + b"\x80"
            data = bytes(packet)
            slice_at = min(
                at for at in (data.find(b"\x00\x00\x01\x65"), data.find(b"\x00\x00\x01\x41")) if at >= 0
            )
            copy = av.Packet(data[:slice_at] + sei + data[slice_at:])
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.stream = video
            out.mux(copy)
    return path


def captions_of(path: Path) -> list[bytes | None]:
    found = []
    for frame in clips.frames(path):
        data = frame.side_data.get("A53_CC")
        found.append(None if data is None else bytes(data))  # type: ignore[arg-type]
    return found


def test_closed_captions_stay(tmp_path: Path) -> None:
    source = with_captions(tmp_path / "in.ts", 12)
    assert captions_of(source) == [bytes([0xFC, 0x80 + i, 0x41]) for i in range(12)]
    enhance(source, tmp_path / "out.mp4", FakeSession(gain=2, delay=2))
    assert captions_of(tmp_path / "out.mp4") == captions_of(source)
    assert "captions" in enhance(source, tmp_path / "lost.mkv", codec="ffv1").warnings[0]
    beside = enhance(source, tmp_path / "beside.mp4", compare="side")
    assert any("closed captions" in line for line in beside.warnings)
    before, after = clips.frames(source), clips.frames(tmp_path / "out.mp4")
    assert clips.planes(after[5])[0].mean() > 1.8 * clips.planes(before[5])[0].mean()


def test_a_job_that_is_stopped_at_once_leaves_nothing(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4")
    stop = threading.Event()
    stop.set()
    report = enhance_video(
        source, tmp_path / "out.mp4", Options(), stop=stop, open_engine=opening(FakeSession())
    )
    assert (report.frames_out, report.incomplete) == (0, "interrupted")
    assert list(tmp_path.iterdir()) == [source]
