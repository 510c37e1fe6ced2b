"""``--resume``: what an interrupted job left is taken over; the result is that of a job nobody disturbed."""

from __future__ import annotations

import json
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.errors import UsageError
from rtvideo.files.job import enhance_video
from rtvideo.files.salvage import reusable_packets
from rtvideo.media.partial_file import PartialFile, partial_files, record_of
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening

pytestmark = pytest.mark.slow

FRAMES = 84
VFR = [10 * i + (i % 7) + 100 * (i > 40) for i in range(FRAMES)]


def enhance(source: Path, target: Path, session: FakeSession, **options: Any) -> Report:
    stop = options.pop("stop", None)
    if options.get("codec", "libx264") == "libx264" and target.suffix != ".avi":
        options.setdefault("preset", "veryfast")  # it looks ahead less far
    return enhance_video(
        source,
        target,
        Options(**options),
        stop=stop,
        open_engine=opening(session),  # type: ignore[arg-type]
    )


def crash(source: Path, target: Path, at: int, **options: Any) -> Path:
    """Run a job that fails, and return what is left of it."""
    with pytest.raises(RuntimeError, match="broke"):
        enhance(source, target, FakeSession(gain=3, fail_at=at), resume=True, **options)
    assert not target.exists()
    (draft,) = partial_files(target)
    return draft


def packets(path: Path) -> list[tuple[Fraction, bool, bytes]]:
    with av.open(str(path)) as container:
        return [
            (p.pts * p.time_base, p.is_keyframe, bytes(p))
            for p in container.demux(video=0)
            if p.size and not p.is_corrupt
        ]


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        (".mp4", "libx264"),
        (".mkv", "libx264"),
        (".mp4", "libx265"),
        (".mkv", "ffv1"),
        (".mp4", "mpeg4"),
        (".webm", "libvpx-vp9"),
    ],
)
def test_the_result_is_that_of_a_job_nobody_disturbed(
    tmp_path: Path, ending: str, codec: str, short_groups: None
) -> None:
    frames = 120 if codec == "libvpx-vp9" else FRAMES  # it looks ahead far
    source = clips.write(
        tmp_path / "in.mkv",
        frames=frames,
        audio=1,
        subtitles=1,
        time_base=Fraction(1, 1000),
        pts=[40 * i + 13 * (i % 3) for i in range(frames)],
    )
    target = tmp_path / f"out{ending}"
    draft = crash(source, target, at=frames - 14, codec=codec)
    left = packets(draft)
    session = FakeSession(gain=3)
    report = enhance(source, target, session, codec=codec, resume=True)
    assert 0 < report.resumed < frames - 14
    assert len(session.times) == frames - report.resumed
    assert report.frames_out == frames and report.incomplete is None
    whole = tmp_path / f"whole{ending}"
    enhance(source, whole, FakeSession(gain=3), codec=codec)
    assert clips.times(target) == clips.times(whole)
    done = packets(target)
    assert done[: report.resumed] == left[: report.resumed]
    assert done[report.resumed][1], "it goes on with a key frame"
    for got, expected in zip(clips.streams(target)[1:], clips.streams(whole)[1:], strict=True):
        assert (got.hashes, got.times) == (expected.hashes, expected.times)
    for got, expected in zip(clips.frames(target), clips.frames(whole), strict=True):
        difference = np.abs(clips.planes(got)[0].astype(int) - clips.planes(expected)[0])
        assert difference.mean() < 4, "the same picture, up to what the encoder loses"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, target.name, whole.name])


def test_enhanced_frames_after_the_restart_are_the_same(tmp_path: Path, short_groups: None) -> None:
    """Lossless, so that the decoded frames are the enhanced ones."""
    source = clips.write(
        tmp_path / "in.mkv", codec="ffv1", frames=FRAMES, time_base=Fraction(1, 1000), pts=VFR
    )
    crash(source, tmp_path / "out.mkv", at=50, codec="ffv1")
    report = enhance(source, tmp_path / "out.mkv", FakeSession(gain=3, delay=2), codec="ffv1", resume=True)
    assert report.resumed > 0
    enhance(source, tmp_path / "whole.mkv", FakeSession(gain=3), codec="ffv1")
    assert packets(tmp_path / "out.mkv") == packets(tmp_path / "whole.mkv")


def test_a_resumed_job_can_be_resumed(tmp_path: Path, short_groups: None) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES, audio=1)
    target = tmp_path / "out.mp4"
    crash(source, target, at=45)
    earlier = reusable_packets(*partial_files(target), 0).count
    with pytest.raises(RuntimeError, match="broke"):
        enhance(source, target, FakeSession(gain=3, fail_at=FRAMES - earlier - 5), resume=True)
    report = enhance(source, target, FakeSession(gain=3), resume=True)
    assert report.resumed > earlier > 0
    assert clips.times(target) == clips.times(source)
    assert not partial_files(target) and len(list(tmp_path.iterdir())) == 2


def test_a_job_that_a_signal_ended_goes_on(tmp_path: Path, short_groups: None) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES, audio=1)
    target = tmp_path / "out.mp4"

    def interrupted(at: int, **options: Any) -> Report:
        stop = threading.Event()

        class Stopping(FakeSession):
            def submit(self, *arguments: Any) -> None:
                super().submit(*arguments)
                if len(self.times) == at:
                    stop.set()

        return enhance(source, target, Stopping(gain=3), stop=stop, **options)

    first = interrupted(36)
    assert first.incomplete == "interrupted" and len(clips.frames(target)) == first.frames_out < FRAMES
    assert record_of(target).exists()
    with pytest.raises(UsageError, match="was stopped before its end; --resume goes on"):
        enhance(source, target, FakeSession(gain=3))
    before = packets(target)
    # Stopped again before it has caught up: what is there is more, and stays.
    at_once = threading.Event()
    at_once.set()
    enhance(source, target, FakeSession(gain=3), stop=at_once, resume=True)
    assert packets(target) == before
    second = interrupted(25, resume=True)
    assert second.resumed > 0 and second.frames_out > first.frames_out
    report = enhance(source, target, FakeSession(gain=3), resume=True)
    assert report.incomplete is None and report.resumed > first.resumed
    assert clips.times(target) == clips.times(source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("changes", "says"), [({"crf": 30.0}, "crf"), ({"frames": 60}, "frames"), ({"strength": 0.5}, "strength")]
)
def test_other_settings_are_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    draft = crash(source, tmp_path / "out.mp4", at=FRAMES - 14)
    with pytest.raises(UsageError, match=rf"begun with other settings: {says} \(") as refusal:
        enhance(source, tmp_path / "out.mp4", FakeSession(gain=3), resume=True, **changes)
    assert "\n" not in str(refusal.value)
    assert draft.exists() and not (tmp_path / "out.mp4").exists()


def test_another_input_or_engine_is_refused(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    crash(source, tmp_path / "out.mp4", at=FRAMES - 14)

    class Other(FakeSession):
        name = "another"

    with pytest.raises(UsageError, match=r"engine \(fake, now another\)"):
        enhance(source, tmp_path / "out.mp4", Other(), resume=True)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 1
    source.write_bytes(data)
    with pytest.raises(UsageError, match=r"input \("):
        enhance(source, tmp_path / "out.mp4", FakeSession(gain=3), resume=True)


def test_without_resume_the_job_starts_anew_and_says_so(tmp_path: Path, short_groups: None) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    crash(source, tmp_path / "out.mp4", at=FRAMES - 14)
    report = enhance(source, tmp_path / "out.mp4", FakeSession())
    assert report.resumed == 0 and "--resume" in report.warnings[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize("record", [b"", b"[]", b'{"denoise": "all"}', b"\xff", None])
def test_a_draft_whose_record_is_broken_is_not_used(tmp_path: Path, record: bytes | None) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    draft = crash(source, tmp_path / "out.mp4", at=FRAMES - 14)
    if record is None:
        record_of(draft).unlink()
    else:
        record_of(draft).write_bytes(record)
    try:
        report = enhance(source, tmp_path / "out.mp4", FakeSession(gain=3), resume=True)
    except UsageError as error:
        assert "other settings" in str(error) and record == b'{"denoise": "all"}'
    else:
        assert report.resumed == 0 and len(clips.frames(tmp_path / "out.mp4")) == FRAMES


def test_a_draft_in_use_is_left_alone(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "out.mp4", {}) as draft:
        draft.path.touch()
        assert partial_files(tmp_path / "out.mp4") == []
    assert list(tmp_path.iterdir()) == []


def test_formats_that_cannot_be_read_back_start_anew(tmp_path: Path, short_groups: None) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    crash(source, tmp_path / "out.avi", at=FRAMES - 14)
    report = enhance(source, tmp_path / "out.avi", FakeSession(gain=3), resume=True)
    assert report.resumed == 0 and report.frames_out == FRAMES
    assert any("starts over" in warning for warning in report.warnings)


def test_damage_before_the_end_moves_the_restart_forward(tmp_path: Path, short_groups: None) -> None:
    """After a power failure the last blocks may hold zeros, though the file is long enough."""
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    draft = crash(source, tmp_path / "out.mp4", at=FRAMES - 4)
    sound = reusable_packets(draft, 0).count
    data = bytearray(draft.read_bytes())
    place = data.rindex(packets(draft)[sound - 3][2][8:40])
    data[place : place + 32] = bytes(32)
    draft.write_bytes(data)
    damaged = reusable_packets(draft, 0).count
    assert 0 < damaged < sound


@pytest.fixture
def short_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key frames every twelve frames, so that short clips have several groups."""
    from rtvideo.media.codecs import Encoding

    configure = Encoding.configure

    def shortened(self: Encoding, codec: av.VideoCodecContext) -> None:
        configure(self, codec)
        codec.gop_size = 12

    monkeypatch.setattr(Encoding, "configure", shortened)


def test_the_record_can_be_read(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=FRAMES)
    draft = crash(source, tmp_path / "out.mp4", at=FRAMES - 14, crf=23)
    job = json.loads(record_of(draft).read_text())
    assert job["crf"] == 23 and job["engine"] == "fake" and "rtvideo" in job
