"""Live runs as a whole: from pipes, files and servers to files, lists, servers, pipes and virtual cameras."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.errors import OutputError, SourceLostError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels.cpu import build
from rtvideo.live import raw_output
from rtvideo.live.job import LiveReport, enhance_live
from rtvideo.live.quality import LEVELS, QualityController
from rtvideo.media.planes import geometry_of
from rtvideo.media.tags import Tags
from rtvideo.models import find
from rtvideo.options import CaptureOptions, LiveOptions, Options
from rtvideo.viewers.base import FrameInfo, ViewerControls
from tests.helpers import clips, hdr
from tests.helpers.doubles import FakeSession, live_processor, opening
from tests.helpers.servers import (
    CYCLE,
    Server,
    Wire,
    http_video,
    number,
    pictures,
    read_request,
    rtsp_video,
    send_video,
)

pytestmark = pytest.mark.timeout(60)

LAVFI = LiveOptions(wishes=CaptureOptions(format="lavfi"), adapt=False)
CAMERA = "testsrc2=size=64x48:rate=50,realtime"


def live(
    input: str, *outputs: object, gain: float = 1.0, how: LiveOptions | None = None, **more: Any
) -> LiveReport:
    options = more.pop("options", Options())
    options = replace(
        options, **{name: more.pop(name) for name in ("frames", "duration", "compare") if name in more}
    )
    return enhance_live(
        input,
        [str(output) for output in outputs],
        options,
        how or LiveOptions(adapt=False),
        open_engine=opening(FakeSession(gain=gain)),
        **more,
    )


def numbered(path: Path, count: int = 30) -> Path:
    """Write lossless pictures that can be told apart."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _, frame in zip(range(count), pictures(), strict=False):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "m3u8"])
def test_a_file_goes_into_several_outputs_and_nothing_is_lost(tmp_path: Path, suffix: str) -> None:
    source = numbered(tmp_path / "in.mkv")
    report = live(str(source), tmp_path / f"out.{suffix}", tmp_path / "other.mkv")
    assert (report.frames_in, report.frames_out, report.dropped, report.latency) == (30, 30, 0, {})
    for path in (tmp_path / f"out.{suffix}", tmp_path / "other.mkv"):
        found = decoded(path)
        assert [number(frame) for frame in found] == [index % CYCLE for index in range(30)]
        times = [frame.time - found[0].time for frame in found]
        assert times == pytest.approx([index / 25 for index in range(30)], abs=0.002)
    assert not list(tmp_path.glob(".*")), "no temporary files are left"


def test_a_live_source_is_recorded_while_it_is_shown(tmp_path: Path) -> None:
    viewer = Viewer()
    report = live(CAMERA, tmp_path / "out.mp4", how=LAVFI, frames=20, gain=2, viewers=[viewer.opened])
    found = decoded(tmp_path / "out.mp4")
    assert report.frames_out == 20 and 10 <= len(found) == 20 - report.dropped_at.get(
        str(tmp_path / "out.mp4"), 0
    )
    assert viewer.infos and viewer.closed == 1 and not viewer.names - {CAMERA}
    assert {"enhanced", f"encoded {tmp_path / 'out.mp4'}", f"written {tmp_path / 'out.mp4'}"} < set(
        report.latency
    )
    assert 0 < report.latency["enhanced"]["median"] <= report.latency["enhanced"]["p99"] < 20_000
    assert report.latency["shown viewer 1"]["median"] >= report.latency["enhanced"]["median"] / 2
    assert viewer.infos[-1].latency is not None


class Viewer:
    """Notes what it is shown, and may act on it."""

    def __init__(self, act: Callable[[ViewerControls, int], None] = lambda controls, count: None) -> None:
        self.infos: list[FrameInfo] = []
        self.levels: list[tuple[float, float]] = []
        self.names: set[str] = set()
        self.closed = 0
        self.watched = True
        self._act = act

    def opened(self, controls: ViewerControls, name: str) -> Viewer:
        self._controls = controls
        self.names.add(name)
        return self

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        self.infos.append(info)
        self.levels.append(
            (float(np.mean(original.to_ndarray()[:48])), float(np.mean(lit.to_ndarray()[:48])))
        )
        self._act(self._controls, len(self.infos))

    def close(self) -> None:
        self.closed += 1


def test_a_file_that_is_only_looked_at_plays_at_its_own_speed(tmp_path: Path) -> None:
    viewer = Viewer()
    began = time.monotonic()
    report = live(str(numbered(tmp_path / "in.mkv", 16)), gain=1.5, viewers=[viewer.opened])
    assert time.monotonic() - began > 13 / 25
    assert report.output == "" and viewer.closed == 1
    assert all(lit > 1.2 * original for original, lit in viewer.levels)


@pytest.mark.parametrize("threads", [1, 2])
def test_encoders_keep_to_the_number_of_threads(tmp_path: Path, threads: int) -> None:
    camera = CAMERA.replace("64x48", "320x240")
    live(camera, tmp_path / "out.mkv", how=LAVFI, frames=3, options=Options(threads=threads))
    assert b" threads=%d " % threads in (tmp_path / "out.mkv").read_bytes(), "x264 notes it in the stream"


def test_a_viewer_can_end_the_run(tmp_path: Path) -> None:
    viewer = Viewer(lambda controls, count: controls.stop.set() if count == 3 else None)
    live(CAMERA, tmp_path / "out.mkv", how=LAVFI, viewers=[viewer.opened])
    assert len(decoded(tmp_path / "out.mkv")) >= 3


def test_a_viewer_that_does_not_open_is_left_out_if_there_is_an_output(tmp_path: Path) -> None:
    def fails(controls: ViewerControls, name: str) -> Any:
        raise OutputError("no display")

    source, said = str(numbered(tmp_path / "in.mkv", 5)), []
    report = live(source, tmp_path / "out.mkv", viewers=[fails], say=said.append)
    assert report.frames_out == 5 and said == ["no display"] == report.warnings
    with pytest.raises(OutputError, match="no display"):
        live(source, viewers=[fails])


@pytest.mark.parametrize("compare", ["split", "side"])
def test_comparison(tmp_path: Path, compare: str) -> None:
    live(str(numbered(tmp_path / "in.mkv", 4)), tmp_path / "out.mkv", gain=0.25, compare=compare)
    picture = decoded(tmp_path / "out.mkv")[3].to_ndarray()[:48]
    assert picture.shape[1] == (128 if compare == "side" else 64)
    left, right = picture[:, : picture.shape[1] // 2], picture[:, picture.shape[1] // 2 :]
    assert left.mean() > 2 * right.mean()


def test_a_camera_with_sound_is_recorded_with_its_sound(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", audio=1, frames=25)
    live(str(source), tmp_path / "out.mp4", tmp_path / "out.m3u8")
    for name in ("out.mp4", "out.m3u8"):
        with av.open(str(tmp_path / name)) as file:
            packets = [packet for packet in file.demux(audio=0) if packet.size]
            assert len(packets) >= 40 and float(packets[-1].pts * packets[-1].time_base) > 0.9


def test_what_is_not_kept_is_said(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", audio=1, subtitles=1, codec="libx265", frames=10)
    said: list[str] = []
    live(str(source), tmp_path / "a.mkv", tmp_path / "b.mkv", say=said.append)
    assert len(said) == 2 and all("only sound is kept here, not subtitle" in line for line in said)
    with av.open(str(tmp_path / "a.mkv")) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]
        assert file.streams.video[0].codec_context.name == "hevc", "the codec of a file stays"


def test_chapters_are_kept_and_their_titles_are_no_stream(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", chapters=True, frames=12)
    said: list[str] = []
    live(str(source), tmp_path / "a.mkv", tmp_path / "b.mp4", say=said.append)
    assert said == []
    for name in ("a.mkv", "b.mp4"):
        with av.open(str(tmp_path / name)) as file:
            assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["Dusk", "Night"]


@pytest.mark.slow
def test_a_network_camera_into_a_file(tmp_path: Path) -> None:
    with Server(rtsp_video()) as server:
        address = f"rtsp://admin:secret@127.0.0.1:{server.port}/live"
        report = live(address, tmp_path / "out.mkv", frames=20)
    assert "secret" not in repr(report) and report.input == f"rtsp://***@127.0.0.1:{server.port}/live"
    found = [number(frame) for frame in decoded(tmp_path / "out.mkv")]
    assert len(found) >= 10 and all(0 < (b - a) % CYCLE <= 12 for a, b in pairwise(found))
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert file.metadata.keys() & {"creation_time", "CREATION_TIME"}, "the hour belongs to a recording"


@pytest.mark.slow
def test_a_source_that_is_lost_leaves_a_recording(tmp_path: Path) -> None:
    said: list[str] = []
    with Server(http_video(frames=60)) as server:

        def close_the_door(frames: int) -> None:
            if frames:
                server._listener.socket.close()

        report = live(
            f"http://127.0.0.1:{server.port}/",
            tmp_path / "out.mp4",
            how=LiveOptions(adapt=False, reconnect=1.0),
            say=said.append,
            on_progress=close_the_door,
        )
    assert report.lost and report.incomplete is not None and "source lost" in report.incomplete
    assert len(decoded(tmp_path / "out.mp4")) >= 10
    assert any("trying again" in line for line in said)


@pytest.mark.slow
def test_a_source_that_changes_its_size(tmp_path: Path) -> None:
    def talk(connection: Any, server: Server) -> None:
        size = (64, 48) if server.accepted == 1 else (96, 64)
        http_video(frames=50, size=size)(connection, server)

    said: list[str] = []
    with Server(talk) as server:
        url = f"http://127.0.0.1:{server.port}/"
        how = LiveOptions(adapt=False, reconnect=10.0)
        report = live(url, tmp_path / "out.mkv", how=how, frames=60, say=said.append)
    assert report.reconnects >= 1 and any("scaled" in line for line in said)
    assert any(line.endswith(" s, with pictures of 96x64") for line in said)
    found = decoded(tmp_path / "out.mkv")
    assert {(frame.width, frame.height) for frame in found} == {(64, 48)} and len(found) > 30


@pytest.mark.slow
def test_a_source_that_changes_its_size_in_mid_stream(tmp_path: Path) -> None:
    def talk(connection: Any, server: Server) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        for size in (64, 48), (96, 64):
            send_video(Wire(connection.sendall), server, format="mpegts", frames=40, size=size)

    said: list[str] = []
    with Server(talk) as server:
        url, how = f"http://127.0.0.1:{server.port}/", LiveOptions(adapt=False, reconnect=0)
        report = live(url, tmp_path / "out.mkv", how=how, say=said.append)
    (line,) = (line for line in said if "scaled" in line)
    assert int(line.split()[1]) > 20 and report.reconnects == 0
    found = decoded(tmp_path / "out.mkv")
    assert {(frame.width, frame.height) for frame in found} == {(64, 48)}
    assert len(found) == report.frames_out - report.dropped_at.get(str(tmp_path / "out.mkv"), 0)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    source = str(numbered(tmp_path / "in.mkv", 3))
    there = tmp_path / "there.mp4"
    there.touch()
    with pytest.raises(UsageError, match="exists already"):
        live(source, there, tmp_path / "b.mkv")
    with pytest.raises(UsageError, match="same file"):
        live(source, tmp_path / "in.mkv", options=Options(overwrite=True))
    with pytest.raises(UsageError, match="given twice"):
        live(source, tmp_path / "a.mkv", tmp_path / "a.mkv")
    with pytest.raises(UsageError, match="cannot send by 'gopher'"):
        live(source, "gopher://user:secret@host/")
    with pytest.raises(OutputError, match="refused") as caught:
        live(CAMERA, tmp_path / "a.mkv", f"rtmp://127.0.0.1:{free_port()}/app/my-key", how=LAVFI)
    assert "my-key" not in str(caught.value) and not (tmp_path / "a.mkv").exists()
    with pytest.raises(OutputError, match="folder"):
        live(source, tmp_path / "nowhere" / "a.m3u8")
    with pytest.raises(OutputError, match=r"no such virtual camera.*v4l2loopback video_nr=4711"):
        live(source, "/dev/video4711")
    with pytest.raises(UsageError, match="cannot be wound on"):
        live("0", tmp_path / "a.mkv", options=Options(start=3.0))
    with pytest.raises(SourceLostError, match="no such camera"):
        live("/dev/video4711", tmp_path / "a.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "there.mp4"]


def test_a_virtual_camera_gets_what_every_program_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def device(path: str) -> Any:
        opened.append(path)
        return av.open(str(tmp_path / "device.nut"), "w", format="nut")

    monkeypatch.setattr(raw_output, "_open_camera", device)
    source = clips.write(tmp_path / "in.mkv", pix_fmt="yuv422p10le", codec="ffv1", range=2, frames=6)
    live(str(source), "/dev/video42", gain=1.5)
    assert opened == ["/dev/video42"]
    found = decoded(tmp_path / "device.nut")
    assert len(found) == 6 and {frame.format.name for frame in found} == {"yuv420p"}
    assert found[0].to_ndarray().min() >= 16, "limited range"


def test_y4m_of_a_live_source_keeps_its_speed(tmp_path: Path) -> None:
    """Where frames are missing others stand in, because y4m has no times."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data: list[bytes] = []
    reader = threading.Thread(target=lambda: data.append(pipe.read_bytes()))
    reader.start()

    def session_that_stumbles() -> FakeSession:
        class Stumbles(FakeSession):
            def submit(self, *args: Any) -> None:
                if len(self.times) == 8:
                    time.sleep(0.4)
                super().submit(*args)

        return Stumbles()

    report = enhance_live(
        CAMERA, [str(pipe)], Options(duration=1.0), LAVFI, open_engine=opening(session_that_stumbles())
    )
    reader.join()
    (tmp_path / "out.y4m").write_bytes(data[0])
    found = decoded(tmp_path / "out.y4m")
    assert report.dropped >= 10
    assert 45 <= len(found) <= 50


def test_turned_pictures_leave_upright_where_a_rotation_has_no_place(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", rotation=-90, sample_aspect_ratio=Fraction(4, 3))
    pipe, data = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: data.append(pipe.read_bytes()))
    reader.start()
    report = live(str(source), pipe, tmp_path / "out.ts", tmp_path / "out.m3u8", tmp_path / "out.mp4")
    reader.join()
    (tmp_path / "out.y4m").write_bytes(data[0])
    named = [line for line in report.warnings if "turned by 90 degrees: mpegts" in line]
    assert len(named) == 2
    for name in ("out.ts", "out.m3u8", "out.y4m"):
        found = decoded(tmp_path / name)
        assert {(frame.width, frame.height, frame.rotation) for frame in found} == {(48, 64, 0)}
        before, after = clips.first(source).to_ndarray(format="gray"), found[0].to_ndarray(format="gray")
        assert np.abs(np.rot90(before, -1).astype(int) - after).mean() < 4
    kept = decoded(tmp_path / "out.mp4")[0]
    assert (kept.width, kept.height, kept.rotation) == (64, 48, -90)


def test_a_reader_of_a_pipe_may_leave(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def read_a_little() -> None:
        with pipe.open("rb") as file:
            file.read(20_000)

    reader = threading.Thread(target=read_a_little)
    reader.start()
    report = live(str(numbered(tmp_path / "in.mkv", 200)), pipe)
    reader.join()
    assert report.frames_out < 200 and report.incomplete is None


def test_max_fps_and_duration(tmp_path: Path) -> None:
    source = str(numbered(tmp_path / "in.mkv", 50))
    report = live(source, tmp_path / "out.mkv", options=Options(max_fps=12.5), duration=1.0)
    assert report.frames_out == 13
    assert [number(frame) for frame in decoded(tmp_path / "out.mkv")] == [i % CYCLE for i in range(0, 25, 2)]
    report = live(source, tmp_path / "later.mkv", options=Options(start=1.0))
    found = decoded(tmp_path / "later.mkv")
    assert number(found[0]) == 25 % CYCLE and len(found) == 25 and found[0].time == pytest.approx(1.0)


@pytest.mark.slow
def test_a_machine_that_is_too_slow_says_what_it_leaves_out(tmp_path: Path) -> None:
    class Slow(FakeSession):
        def submit(self, *args: Any) -> None:
            time.sleep(0.05 if self.settings.denoise else 0)
            super().submit(*args)

    said: list[str] = []
    session = Slow()
    session.settings.denoise = 1.0
    report = enhance_live(
        CAMERA,
        [str(tmp_path / "out.mkv")],
        Options(duration=5.0),
        replace(LAVFI, adapt=True),
        open_engine=opening(session),
        say=said.append,
    )
    assert report.adapted >= 1 and any("noise removal off" in line for line in said)
    assert report.denoise == 1.0 and report.dropped > 0


@pytest.mark.slow
def test_coarser_illumination_in_a_real_run(monkeypatch: pytest.MonkeyPatch) -> None:
    if not build.compilers():
        pytest.skip("no compiler: pip install ziglang")
    model = find("night").coarser()
    assert model is not None
    monkeypatch.setattr(QualityController, "level", next(step for step in LEVELS if step.coarse))
    same: list[bool] = []

    class Compares(Viewer):
        session: FusedSession | None = None

        def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
            if self.session is None:
                coding = Tags.of(original).coding(original.format.name, original.height)
                geometry = geometry_of(original.format.name, original.width, original.height, coding)
                self.session = FusedSession(model, geometry, Settings(), threads=1)
            (pair,) = live_processor(self.session, original).push(original)
            same.append(np.array_equal(pair.lit.to_ndarray(), lit.to_ndarray()))
            if same[-1]:
                self._controls.stop.set()

    viewer = Compares()
    options = Options(threads=1, engine="fused", denoise=0.0, temporal=0.0, duration=60.0)
    enhance_live(CAMERA, [], options, replace(LAVFI, adapt=True), viewers=[viewer.opened])
    assert same[-1]


def test_the_rate_that_the_engine_is_chosen_for(tmp_path: Path) -> None:
    asked: list[float | None] = []

    def opener(geometry: Any, fps: float | None) -> FakeSession:
        asked.append(fps)
        return FakeSession()

    file, two = str(numbered(tmp_path / "in.mkv", 3)), Options(frames=2)
    runs = ((CAMERA, two, LAVFI), (CAMERA, replace(two, max_fps=10), LAVFI), (file, two, LiveOptions()))
    for source, options, how in runs:
        enhance_live(source, [str(tmp_path / f"{len(asked)}.mkv")], options, how, open_engine=opener)
    assert asked == [50.0, 10.0, None]  # nobody waits for a file


@pytest.mark.parametrize(
    ("kind", "transfer", "tag"), [("hlg", None, None), ("pq", "pq", 2), ("hlg", "hlg", 1)]
)
def test_hdr_as_sdr(tmp_path: Path, kind: str, transfer: str | None, tag: int | None) -> None:
    """With tags, and without where ``--transfer`` says what it is."""
    source = hdr.write(tmp_path / "in.mkv", kind, transfer=tag)
    options = Options(hdr="sdr", transfer=transfer, codec="ffv1")
    live(str(source), tmp_path / "lit.mkv", options=options)
    night = hdr.night(128, 80)
    below, right = night.max(-1) < 0.3, hdr.signal(night, "sdr")
    frame = clips.first(tmp_path / "lit.mkv")
    assert (frame.format.name, frame.color_trc, frame.colorspace) == ("yuv420p", 1, 1)
    luma = (frame.to_ndarray()[:80] - 16) / 219
    assert np.abs(luma - right @ (0.2126, 0.7152, 0.0722))[below].mean() < 0.02


def test_log_by_name_stays_log(tmp_path: Path) -> None:
    source, seen = hdr.write(tmp_path / "in.mkv", "sdr"), []

    def opener(geometry: Geometry, due: float | None) -> FakeSession:
        seen.append(geometry.coding.curve)
        return FakeSession()

    how = LiveOptions(adapt=False)
    options = Options(transfer="slog3", codec="ffv1")
    enhance_live(str(source), [str(tmp_path / "lit.mkv")], options, how, open_engine=opener)
    assert seen == ["slog3"]
    assert clips.first(tmp_path / "lit.mkv").format.name == "yuv420p10le"
