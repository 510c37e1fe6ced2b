"""Damaged and hostile inputs: what can be decoded is delivered, the rest is counted."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from rtvideo.cli.entry import main
from rtvideo.errors import InputError, RtvideoError
from rtvideo.files.job import enhance_video
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening
from tests.rtvideo.cli.test_cli_video import make_clip

ROOT = Path(__file__).resolve().parents[3]


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(
        source,
        target,
        Options(**options),
        open_engine=opening(FakeSession()),  # type: ignore[arg-type]
    )


def remux(source: Path, target: Path, change: Callable[[int, Any], None], **options: str) -> Path:
    """Copy the packets of a clip, each changed on the way."""
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for index, packet in enumerate(p for p in given.demux(video=0) if p.size):
            change(index, packet)
            packet.stream = stream
            out.mux(packet)
    return target


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".avi", ".ts", ".webm"])
def test_truncated_anywhere(tmp_path: Path, ending: str) -> None:
    """All frames before the cut arrive; where the index is gone, that is said and nothing is written."""
    codec = "libvpx-vp9" if ending == ".webm" else "mpeg4" if ending == ".avi" else "libx264"
    options = {"g": "6"} if codec != "libx264" else {"g": "6", "preset": "ultrafast"}
    source = clips.write(tmp_path / f"in{ending}", codec=codec, frames=30, options=options)
    data = source.read_bytes()
    chance = random.Random(ending)
    for cut in [0, 1, 30, *(chance.randrange(len(data)) for _ in range(6)), len(data) - 1]:
        (tmp_path / f"cut{ending}").write_bytes(data[:cut])
        target = tmp_path / "out.mkv"
        try:
            report = enhance(tmp_path / f"cut{ending}", target, overwrite=True)
        except InputError as error:
            assert "\n" not in str(error) and cut < len(data) * 0.8, f"cut at {cut}: {error}"
            continue
        assert report.frames_out == len(clips.frames(target)) >= 1
        if ending != ".ts" and report.frames_out < 17:  # more than half a second is missing
            assert report.incomplete, f"{report.frames_out} of 30 frames after a cut at {cut}"


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi", ".ts"])
def test_flipped_bits(tmp_path: Path, ending: str) -> None:
    source = make_clip(tmp_path / f"in{ending}", 40)
    data = source.read_bytes()
    chance = random.Random(ending)
    for _ in range(4):
        flipped = bytearray(data)
        for _ in range(20):
            place = chance.randrange(len(data) // 10, len(data) * 9 // 10)
            flipped[place] ^= 1 << chance.randrange(8)
        (tmp_path / f"bad{ending}").write_bytes(flipped)
        try:
            report = enhance(tmp_path / f"bad{ending}", tmp_path / "out.mkv", overwrite=True)
        except InputError as error:
            assert "\n" not in str(error)
            continue
        assert report.frames_out == len(clips.frames(tmp_path / "out.mkv"))
        assert report.frames_out >= 20 or report.incomplete or report.damaged


@pytest.mark.slow
def test_sound_stays_in_sync_where_frames_are_missing(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="mjpeg", pix_fmt="yuvj420p", range=2, frames=50, audio=1)
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size][20:30]
    for place, size in places:
        start = data.find(b"\xff\xd8", place)
        data[start : start + size - 8] = bytes(size - 8)
    source.write_bytes(data)
    report = enhance(source, tmp_path / "out.mkv")
    assert report.damaged >= 8 and report.frames_out >= 38
    times = clips.times(tmp_path / "out.mkv")
    assert times[-1] == Fraction(49, 25)
    assert max(b - a for a, b in itertools.pairwise(times)) >= Fraction(9, 25)
    before, after = clips.streams(source)[1], clips.streams(tmp_path / "out.mkv")[1]
    assert (after.hashes, after.times) == (before.hashes, before.times)


def drop_pts(index: int, packet: Any) -> None:
    packet.pts = None


def same_pts(index: int, packet: Any) -> None:
    packet.pts = packet.dts = packet.pts // 3 * 3


def negative_pts(index: int, packet: Any) -> None:
    packet.pts -= 4000
    packet.dts -= 4000


@pytest.mark.parametrize("change", [drop_pts, same_pts, negative_pts])
@pytest.mark.parametrize("ending", [".avi", ".ts", ".mkv"])
def test_times_that_are_wrong(tmp_path: Path, change: Callable[[int, Any], None], ending: str) -> None:
    """Every frame arrives, each later than the one before."""
    codec = "mpeg4" if ending == ".avi" else "libx264"
    source = clips.write(
        tmp_path / "in.mp4", codec=codec, options={"bf": "0"}, frames=20, time_base=Fraction(1, 12800)
    )
    wrong = remux(source, tmp_path / f"wrong{ending}", change)
    report = enhance(wrong, tmp_path / "out.mp4")
    times = clips.times(tmp_path / "out.mp4")
    assert report.frames_out == len(times) == 20
    assert times == sorted(set(times))


def test_times_that_go_backward(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="mjpeg", pix_fmt="yuvj420p", range=2, frames=20)
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
    for packet in packets[3::4]:
        block = data.index(packet) - 3  # track, 16 bits of time, flags, then the picture
        time = int.from_bytes(data[block : block + 2], "big")
        data[block : block + 2] = max(0, time - 90).to_bytes(2, "big")
    source.write_bytes(data)
    report = enhance(source, tmp_path / "out.mkv", codec="ffv1")
    times = clips.times(tmp_path / "out.mkv")
    assert report.frames_out == len(times) == 20
    assert times == sorted(set(times))
    assert any("not later than the one before" in warning for warning in report.warnings)


@pytest.mark.slow
def test_declared_counts_and_durations_that_lie(tmp_path: Path) -> None:
    """A file that declares more than it holds is incomplete, one that declares less is not."""
    data = clips.write(tmp_path / "in.mkv", frames=50).read_bytes()
    place = data.index(b"\x44\x89\x88") + 3  # Duration, a double in milliseconds
    for declared, incomplete in ((20_000.0, True), (40.0, False), (float("nan"), False), (1e300, True)):
        lying = data[:place] + struct.pack(">d", declared) + data[place + 8 :]
        (tmp_path / "lying.mkv").write_bytes(lying)
        report = enhance(tmp_path / "lying.mkv", tmp_path / "out.mkv", overwrite=True)
        assert report.frames_out == 50
        assert bool(report.incomplete) == incomplete or not declared < 1e18, declared


def test_b_frames_without_the_frames_they_need(tmp_path: Path) -> None:
    """A file that begins in the middle of an open group: what cannot be decoded is left out, not guessed."""
    source = clips.write(
        tmp_path / "in.ts", frames=40, options={"g": "10", "bf": "3", "x264-params": "open-gop=1"}
    )
    with av.open(str(source)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    (tmp_path / "tail.ts").write_bytes(source.read_bytes()[packets[3].pos :])
    report = enhance(tmp_path / "tail.ts", tmp_path / "out.mp4")
    assert 25 <= report.frames_out <= 40
    assert clips.times(tmp_path / "out.mp4") == sorted(set(clips.times(tmp_path / "out.mp4")))


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (64, 1), (3, 2), (16384, 2), (2, 16384)])
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_extreme_shapes(tmp_path: Path, size: tuple[int, int], strength: float) -> None:
    width, height = size
    source = tmp_path / "in.nut"
    with av.open(str(source), "w") as out:
        video = out.add_stream("rawvideo", rate=25, width=width, height=height, pix_fmt="yuv444p")
        for index in range(2):
            frame = av.VideoFrame(width, height, "yuv444p")
            for plane in frame.planes:
                plane.update(bytes([100]) * plane.buffer_size)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    report = enhance(source, tmp_path / "out.mkv", codec="libx264", strength=strength)
    assert report.frames_out == 2
    shown = clips.first(tmp_path / "out.mkv")
    assert (shown.width, shown.height) == size


def bomb(path: Path) -> Path:
    """Write a VP8 file of a few hundred bytes that declares 16383x16383 pixels."""
    small = path.with_name("small.webm")
    clips.write(small, codec="libvpx", width=16, height=16, frames=2)
    with av.open(str(small)) as container:
        packets = [bytearray(bytes(p)) for p in container.demux(video=0) if p.size]
    packets[0][6:10] = struct.pack("<HH", 16383, 16383)
    header = b"DKIF" + struct.pack("<HH4sHHIIII", 0, 32, b"VP80", 16383, 16383, 25, 1, len(packets), 0)
    frames = b"".join(struct.pack("<IQ", len(p), n) + p for n, p in enumerate(packets))
    path.write_bytes(header + frames)
    return path


MEASURED = """
import sys
from rtvideo.cli.entry import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(code, int(peak.split()[1]) // 1024)
"""


def measured(*words: object) -> tuple[int, int, list[str]]:
    """Return exit code, peak memory in MB, and what was said."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    code, peak = map(int, done.stdout.split())
    return code, peak, done.stderr.splitlines()


def test_huge_dimensions_in_a_tiny_file_take_no_memory(tmp_path: Path) -> None:
    video = bomb(tmp_path / "bomb.ivf")
    assert video.stat().st_size < 2000
    code, peak, said = measured("-i", video, "-o", tmp_path / "out.mp4", "--strength", "0")
    assert code == 3 and len(said) == 1 and "16383x16383" in said[0] and "16384x8192" in said[0], said
    assert peak < 300


@pytest.mark.slow
def test_huge_images_take_no_memory(tmp_path: Path) -> None:
    Image.new("1", (40_000, 40_000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 300_000
    code, peak, said = measured("-i", tmp_path / "bomb.png", "-o", tmp_path / "out.png")
    assert code == 3 and len(said) == 1 and "megapixels" in said[0], said
    assert peak < 300


def test_thousands_of_streams(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as out:
        video = out.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
        for _ in range(300):
            clips._text(out, source, 0)
        for index in range(3):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    report = enhance(source, tmp_path / "out.mkv")
    assert report.frames_out == 3 and len(clips.streams(tmp_path / "out.mkv")) == 301


def test_subtitles_with_broken_text(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", subtitles=1)
    data = source.read_bytes()
    for junk in (b"\xff\xfe\xfd\x80", b"\x00{\\p1}", b"<b><i>{"):
        broken = data.replace(b"A street at night", junk.ljust(17, b"\xf0"))
        assert broken != data
        (tmp_path / "broken.mkv").write_bytes(broken)
        for ending in (".mkv", ".mp4"):
            report = enhance(tmp_path / "broken.mkv", tmp_path / f"out{ending}", overwrite=True)
            assert report.frames_out == 12
            assert len(clips.frames(tmp_path / f"out{ending}")) == 12


def test_a_pipe_or_a_device_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-i", "/dev/zero", "-o", str(tmp_path / "out.mp4")]) == 3
    assert "not a regular file" in capsys.readouterr().err


def test_a_list_of_other_files_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What FFmpeg would open for such a file is nothing that its sender may choose."""
    secret = clips.write(tmp_path / "secret.mp4")
    lists = {
        "concat.mp4": f"ffconcat version 1.0\nfile {secret.name}\n",
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{secret.name}\n#EXT-X-ENDLIST\n",
        "web.ts": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "sdp.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    }
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        assert main(["-i", str(tmp_path / name), "-o", str(tmp_path / "out.mp4")]) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert name in line
        assert not (tmp_path / "out.mp4").exists()


@pytest.mark.slow
def test_memory_and_descriptors_stay_flat_over_many_bad_files(tmp_path: Path) -> None:
    data = clips.write(tmp_path / "in.mp4", audio=1).read_bytes()
    chance = random.Random(0)

    def one() -> None:
        bad = bytearray(data)
        bad[chance.randrange(len(bad))] ^= 255
        (tmp_path / "bad.mp4").write_bytes(bad)
        with contextlib.suppress(RtvideoError):
            enhance(tmp_path / "bad.mp4", tmp_path / "out.mp4", overwrite=True)

    for _ in range(10):
        one()
    before, memory = len(os.listdir("/proc/self/fd")), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(30):
        one()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 60_000


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_sound_that_goes_on_for_hours_after_the_picture(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept whole, and does not pile up in memory; one packet that leaps by a day is left out."""
    monkeypatch.setattr("rtvideo.media.packets._HELD", 2000)
    small = clips.write(tmp_path / "small.mkv", frames=12, audio=1)
    source = tmp_path / "in.mkv"
    with av.open(str(small)) as given, av.open(str(source), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in given.streams]
        packets = [packet for packet in given.demux() if packet.size]
        sound = [bytes(packet) for packet in packets if packet.stream_index == 1]
        for packet in packets:
            packet.stream = streams[packet.stream_index]
            out.mux(packet)
        for hour in range(2 * 60):
            packet = av.Packet(sound[hour % len(sound)])
            packet.stream, packet.time_base = streams[1], Fraction(1, 1000)
            packet.pts = packet.dts = (hour + 1) * 60_000
            out.mux(packet)
        packet = av.Packet(sound[0])
        packet.stream, packet.time_base = streams[1], Fraction(1, 1000)
        packet.pts = packet.dts = 30 * 3_600_000
        out.mux(packet)
    target = tmp_path / f"out{ending}"
    report = enhance(source, target)
    before, after = clips.streams(source)[1], clips.streams(target)[1]
    assert after.hashes[-120:] == before.hashes[-121:-1]
    assert [time for time in after.times if time][-1] == 7200
    assert any("1 packets of other streams" in warning for warning in report.warnings)
