"""Live sources: network servers that behave, fall silent, drop, come back or refuse; pipes; the clock."""

from __future__ import annotations

import io
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.errors import InputError, SourceLostError, UnavailableError, UsageError
from rtvideo.live import clock, connection
from rtvideo.live.clock import BacklogDetector, Clock
from rtvideo.live.input import TICK, LiveInput
from rtvideo.live.loss import LossLine
from rtvideo.media.network import connect as connect_module
from rtvideo.media.network.connect import SourceTraits, connect
from rtvideo.options import CaptureOptions
from tests.helpers.servers import (
    CYCLE,
    RATE,
    Server,
    Wire,
    http_video,
    number,
    pictures,
    read_request,
    rtsp_video,
    send_video,
)

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_module, "TIMEOUT", 1.0)


def opened(
    text: str, stop: threading.Event, wishes: CaptureOptions | None = None, **how: object
) -> LiveInput:
    wishes = wishes or CaptureOptions()
    return LiveInput(lambda: connect(text, wishes, stop), text, stop, **how)  # type: ignore[arg-type]


def frames(source: LiveInput, most: int = 10**6, seen: list[float] | None = None) -> list[av.VideoFrame]:
    """Return the next frames, as the pipeline would take them; ``seen`` gets the time at which each came."""
    found = []
    for arrival in source.arrivals():
        decoded = [frame for frame, _ in arrival.connection.decode(arrival.packet, arrival.captured)]
        found += [] if arrival.stale else decoded
        if seen is not None:
            seen += [time.monotonic()] * (len(found) - len(seen))
        if len(found) >= most:
            break
    return found


@pytest.mark.parametrize(("talk", "address"), [(http_video(), "http"), (rtsp_video(), "rtsp")])
def test_streams(talk: object, address: str, stop: threading.Event) -> None:
    with Server(talk) as server:  # type: ignore[arg-type]
        source = opened(f"{address}://127.0.0.1:{server.port}/live", stop, threads=1)
        assert source.traits == SourceTraits(live=True, lasts=True) and not source.connection.intra
        assert source.connection.video.codec_context.thread_count == 1
        found = frames(source, 12)
        source.close()
    times = [frame.pts * TICK for frame in found]
    assert times[0] == 0 and found[0].time_base == TICK
    gaps = [float(b - a) for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([0.04] * len(gaps), abs=0.002), "the source's own distances"
    first = number(found[0])
    assert [number(frame) for frame in found] == [(first + index) % CYCLE for index in range(len(found))]


def test_the_moment_of_arrival_belongs_to_its_picture(stop: threading.Event) -> None:
    with Server(http_video()) as server:
        source = opened(f"http://127.0.0.1:{server.port}/", stop)
        pairs = []
        for arrival in source.arrivals():
            decoded = arrival.connection.decode(arrival.packet, arrival.captured)
            pairs += [] if arrival.stale else decoded
            if len(pairs) >= 8:
                break
        source.close()
    captured = [moment for _, moment in pairs]
    assert captured == sorted(captured) and 0 <= time.monotonic() - captured[-1] < 5


@pytest.mark.parametrize(
    ("talk", "scheme", "wanted"),
    [(http_video(frames=50), "http", 40), (rtsp_video(frames=50), "rtsp", 35)],
    ids=["http", "rtsp"],
)
def test_a_server_that_drops_and_comes_back(
    talk: Any, scheme: str, wanted: int, stop: threading.Event
) -> None:
    said: list[str] = []
    with Server(talk) as server:
        source = opened(f"{scheme}://127.0.0.1:{server.port}/", stop, reconnect=20.0, say=said.append)
        found = frames(source, wanted)
        source.close()
    assert source.reconnects >= 1 and server.accepted >= 2 and source.lost is None
    assert "lost" in said[0] and "trying again for 20 s" in said[0] and "back after" in said[1]
    times = [frame.pts for frame in found]
    assert times == sorted(times), "time goes on over the gap"
    assert max(b - a for a, b in itertools.pairwise(times)) * TICK > 0.4, "the gap lasted in reality"


def test_a_key_frame_is_waited_for(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_USUAL", 0.0)
    said: list[str] = []
    # 12 seconds of picture and sound, which are some 800 packets.
    how = {"gop": 310, "first": 10, "speed": 20, "sound": ("aac", 48000, "mono")}
    with Server(http_video(**how)) as server:
        source = opened(f"http://127.0.0.1:{server.port}/", stop, say=said.append)
        assert source.connection.first.key_frame and frames(source, 1)
        source.close()
    assert [line.partition(": ")[2] for line in said] == ["waiting for a key frame, for 60 s at most"]
    assert source.damaged == 0, "what came before was joined in the middle"


def test_a_key_frame_is_not_waited_for_for_ever(
    stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.2)
    with (
        Server(http_video(gop=10**6, first=10, speed=5)) as server,
        pytest.raises(InputError, match="its h264 video can be decoded within"),
    ):
        opened(f"http://127.0.0.1:{server.port}/", stop)


def test_a_slow_server_keeps_real_time(stop: threading.Event) -> None:
    with Server(rtsp_video(speed=0.5)) as server:
        source = opened(f"rtsp://127.0.0.1:{server.port}/", stop)
        began, seen = time.monotonic(), list[float]()
        found = frames(source, 12, seen)
        took = time.monotonic() - began
        source.close()
    assert source.reconnects == 0 and took > 11 / RATE, "its pictures say that they are 1/25 s apart"
    assert [number(frame) for frame in found[:3]] == [
        (number(found[0]) + index) % CYCLE for index in range(3)
    ]
    assert float((found[-1].pts - found[0].pts) * TICK) > seen[-1] - seen[0] - clock.STRAY - 0.5


def test_a_port_that_transport_streams_come_to(stop: threading.Event) -> None:
    port = refused_port()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire = Wire(lambda data: sender.sendto(data, ("127.0.0.1", port)) and None)
    with Server(lambda connection, server: None) as ends:
        how = {"format": "mpegts", "buffer_size": 1316}
        sending = threading.Thread(target=send_video, args=[wire, ends], kwargs=how)
        sending.start()
        source = opened(f"udp://127.0.0.1:{port}", stop)
        assert source.traits == SourceTraits(live=True, lasts=True) and len(frames(source, 10)) == 10
        source.close()
    sending.join()


def test_a_description_of_an_rtp_stream(tmp_path: Path, stop: threading.Event) -> None:
    port = refused_port()
    description = tmp_path / "cam.SDP"
    description.write_text(
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=cam\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\n"
    )
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire = Wire(lambda data: sender.sendto(data, ("127.0.0.1", port)) and None)
    with Server(lambda connection, server: None) as ends:
        how = {"format": "rtp", "buffer_size": 1400}
        sending = threading.Thread(target=send_video, args=[wire, ends], kwargs=how)
        sending.start()
        source = opened(str(description), stop)
        assert source.traits == SourceTraits(live=True, lasts=True) and len(frames(source, 10)) == 10
        source.close()
    sending.join()


def test_a_description_may_not_lead_elsewhere(tmp_path: Path, stop: threading.Event) -> None:
    description = tmp_path / "cam.sdp"
    description.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\na=control:tcp://127.0.0.1:9/\nm=video 0 TCP 96\n"
    )
    with pytest.raises((InputError, SourceLostError)):
        opened(str(description), stop)


def test_a_list_of_segments_plays_at_its_own_speed(tmp_path: Path, stop: threading.Event) -> None:
    options = {"hls_time": "0.4", "hls_list_size": "0", "hls_flags": "omit_endlist"}
    with av.open(str(tmp_path / "live.m3u8"), "w", format="hls", container_options=options) as out:
        stream = out.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 10
        for frame in itertools.islice(pictures(), 40):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    def talk(connection: socket.socket, server: Server) -> None:
        name = read_request(connection)[0].split()[1].strip("/")
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + (tmp_path / name).read_bytes())

    with Server(talk) as server:
        source = opened(f"http://127.0.0.1:{server.port}/live.m3u8", stop)
        assert source.traits == SourceTraits(live=True, paced=True, lasts=True)
        began = time.monotonic()
        assert len(frames(source, 20)) >= 20
        assert time.monotonic() - began > 0.7, "though all of it is there"
        source.close()


def test_a_server_that_does_not_come_back(stop: threading.Event) -> None:
    with Server(http_video(frames=40)) as server:
        source = opened(f"http://127.0.0.1:{server.port}/", stop, reconnect=1.0)
        found: list[av.VideoFrame] = []
        events = source.arrivals()
        found += [f for a in itertools.islice(events, 5) for f, _ in a.connection.decode(a.packet)]
        server._listener.server_close()
        rest = list(events)
    source.close()
    assert found and rest
    assert source.lost is not None and source.lost.startswith("source lost: ")


def test_without_reconnecting_the_end_of_a_stream_is_its_end(stop: threading.Event) -> None:
    with Server(http_video(frames=40)) as server:
        source = opened(f"http://127.0.0.1:{server.port}/", stop)
        assert frames(source)
        source.close()
    assert server.accepted == 1


def test_a_server_that_falls_silent(impatient: None, stop: threading.Event) -> None:
    def talk(connection: socket.socket, server: Server) -> None:
        if server.accepted == 1:
            http_video(frames=40)(connection, server)
        server.stopped.wait()

    with Server(talk) as server:
        source = opened(f"http://127.0.0.1:{server.port}/", stop, reconnect=2.0)
        assert frames(source)
        assert source.lost is not None and "no answer within 1 s" in source.lost
        source.close()


def test_a_camera_that_plays_nothing(impatient: None, stop: threading.Event) -> None:
    with Server(rtsp_video(silent=True)) as server, pytest.raises(SourceLostError, match="no answer"):
        opened(f"rtsp://127.0.0.1:{server.port}/", stop)


def test_a_server_that_accepts_and_says_nothing(impatient: None, stop: threading.Event) -> None:
    def talk(connection: socket.socket, server: Server) -> None:
        server.stopped.wait()

    with Server(talk) as server, pytest.raises(SourceLostError, match="no answer within 1 s"):
        opened(f"rtsp://u:secret@127.0.0.1:{server.port}/", stop)


def test_passwords(stop: threading.Event) -> None:
    with Server(rtsp_video(password="right")) as server:
        with pytest.raises(SourceLostError, match="user or password refused") as caught:
            opened(f"rtsp://admin:wrong-one@127.0.0.1:{server.port}/", stop)
        assert "wrong-one" not in str(caught.value)
        source = opened(f"rtsp://admin:right@127.0.0.1:{server.port}/", stop)
        assert len(frames(source, 3)) == 3
        source.close()


def refused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_what_cannot_be_opened_says_why_and_keeps_secrets(stop: threading.Event) -> None:
    port = refused_port()
    with pytest.raises(SourceLostError, match="refused") as caught:
        opened(f"rtsp://admin:pass-word@127.0.0.1:{port}/", stop)
    assert "pass-word" not in str(caught.value)
    with pytest.raises(UnavailableError, match="does not speak 'nonsense'"):
        opened("nonsense://127.0.0.1/x", stop)

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 500\r\n\r\n" + b"no video" * 63)

    with Server(talk) as server, pytest.raises(InputError, match="not a video"):
        opened(f"http://127.0.0.1:{server.port}/x", stop)


def says(answer: bytes) -> Any:
    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(answer)

    return talk


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401 Unauthorized", "user or password refused"),
        ("403 Forbidden", r"access denied \(403\)"),
        ("404 Not Found", r"nothing of that name there \(404\); check what follows the host"),
        ("503 Busy", r"the server has an error of its own \(5xx\)"),
    ],
)
def test_refusals_say_what_to_do(stop: threading.Event, scheme: str, status: str, words: str) -> None:
    head = f"{scheme.upper()}/1.0 {status}\r\nCSeq: 1\r\nContent-Length: 0\r\n\r\n".encode()
    with Server(says(head)) as server, pytest.raises(SourceLostError, match=words) as caught:
        opened(f"{scheme}://127.0.0.1:{server.port}/cam?token=secret", stop)
    assert "secret" not in str(caught.value)


def mp4_with_its_index_at_the_end() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        grain = np.random.default_rng(0)
        for _ in range(20):  # more than FFmpeg keeps in memory
            samples = grain.integers(0, 255, (360, 320), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(samples, "yuv420p")))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"Content-Type: text/html\r\n\r\n<html>log in</html>" + b" " * 999, "a web page, not a video"),
        (b"Content-Type: video/mp4\r\n\r\n", "the server sends nothing"),
        (
            b"\r\n" + mp4_with_its_index_at_the_end(),
            r"an MP4 with its index at the end.*\+faststart OUT\.mp4",
        ),
    ],
    ids=["page", "nothing", "index"],
)
def test_what_is_no_stream_is_named(stop: threading.Event, answer: bytes, words: str) -> None:
    with Server(says(b"HTTP/1.0 200 OK\r\n" + answer)) as server, pytest.raises(SourceLostError, match=words):
        opened(f"http://127.0.0.1:{server.port}/", stop)


def test_a_server_that_speaks_something_else(stop: threading.Event) -> None:
    with (
        Server(says(b"SSH-2.0-OpenSSH\r\n")) as server,
        pytest.raises(InputError, match="no answer of an RTSP server; check scheme and port"),
    ):
        opened(f"rtsp://127.0.0.1:{server.port}/", stop)
    with pytest.raises(InputError, match=r"missing\.sdp: .*No such file"):
        opened("missing.sdp", stop)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp", "tcp"])
def test_unknown_hosts_and_closed_ports(stop: threading.Event, scheme: str) -> None:
    with pytest.raises(SourceLostError, match="unknown host; check its name, and the network"):
        opened(f"{scheme}://user:secret@cam.invalid:99/x", stop)
    with pytest.raises(SourceLostError, match="connection refused: no server listens there"):
        opened(f"{scheme}://127.0.0.1:{refused_port()}/x", stop)


def test_a_playlist_may_not_lead_to_local_files(tmp_path: Path, stop: threading.Event) -> None:
    secret = tmp_path / "secret.ts"
    with av.open(str(secret), "w") as out:
        stream = out.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in itertools.islice(pictures(), 5):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        head = b"HTTP/1.0 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n\r\n"
        connection.sendall(head + f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode())

    with Server(talk) as server, pytest.raises((InputError, SourceLostError)):
        opened(f"http://127.0.0.1:{server.port}/list.m3u8", stop)


def y4m(count: int, size: tuple[int, int] = (64, 48)) -> bytes:
    data = bytearray(f"YUV4MPEG2 W{size[0]} H{size[1]} F25:1 Ip A1:1 C420jpeg\n".encode())
    for frame in itertools.islice(pictures(*size), count):
        data += b"FRAME\n" + frame.to_ndarray().tobytes()
    return bytes(data)


def test_a_named_pipe_waits_and_loses_nothing(tmp_path: Path, stop: threading.Event) -> None:
    path = tmp_path / "topic"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(y4m(20)))
    writer.start()
    source = opened(str(path), stop)
    writer.join()
    assert source.traits == SourceTraits(live=False)
    found = [frame for frame, _ in source.connection.ready] + frames(source)
    assert [number(frame) for frame in found] == list(range(20))
    assert [frame.pts * frame.time_base for frame in found] == [Fraction(i, 25) for i in range(20)]
    assert source.lost is None
    source.close()


def test_a_pipe_to_which_nobody_writes_can_be_left(tmp_path: Path, stop: threading.Event) -> None:
    path = tmp_path / "topic"
    os.mkfifo(path)
    failures: list[Exception] = []

    def wait() -> None:
        try:
            opened(str(path), stop)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    stop.set()
    thread.join(10)
    assert not thread.is_alive() and isinstance(failures[0], InputError)


def test_raw_video_needs_its_shape(tmp_path: Path, stop: threading.Event) -> None:
    path = tmp_path / "raw"
    frame = np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3)
    path.write_bytes(frame.tobytes() * 3)
    with pytest.raises(UsageError, match="--size"):
        opened(str(path), stop, CaptureOptions(format="rawvideo"))
    with pytest.raises(UsageError, match="no such format"):
        opened(str(path), stop, CaptureOptions(format="nonsense"))
    with pytest.raises(UsageError, match="--input-format"):
        opened(str(path), stop, CaptureOptions(size=(64, 48)))
    source = opened(str(path), stop, CaptureOptions("rawvideo", (64, 48), 10.0, "rgb24"))
    found = [f for f, _ in source.connection.ready] + frames(source)
    assert len(found) == 3 and np.array_equal(found[1].to_ndarray(), frame)
    assert found[1].time == pytest.approx(0.1)
    source.close()


def test_ffmpegs_own_sources_are_live(stop: threading.Event) -> None:
    source = opened("testsrc2=size=64x48:rate=50,realtime", stop, CaptureOptions(format="lavfi"))
    assert source.traits == SourceTraits(live=True) and source.connection.intra
    assert len(frames(source, 5)) == 5
    source.close()


def test_paced_sources_come_at_their_own_speed(tmp_path: Path, stop: threading.Event) -> None:
    path = tmp_path / "x.y4m"
    path.write_bytes(y4m(12))
    source = opened(str(path), stop, traits=SourceTraits(live=True, paced=True))
    began = time.monotonic()
    assert len(frames(source)) == 11, "the first one was looked at"
    assert time.monotonic() - began > 9 * 0.04
    source.close()


def test_the_clock_follows_the_source_and_arrival_where_it_strays() -> None:
    placed = Clock()
    assert placed.place(Fraction(1000), 50.0, 1.0) == (-1000, 0.0)
    shift, early = placed.place(Fraction(1001), 50.9, 1.0)
    assert shift == -1000 and early == pytest.approx(0.1)
    shift, _ = placed.place(Fraction(5), 52.0, 1.0)  # the camera's clock was set
    assert shift + 5 == 2
    shift, early = placed.place(Fraction(10), 52.1, 60.0)
    assert shift + 5 == 2 and early == pytest.approx(4.9), "what comes in pieces may be ahead"
    placed.restart()
    assert placed.place(Fraction(100), 52.2, 1.0)[0] + 100 == 7, "never back"
    placed.restart()
    shift, _ = placed.place(Fraction(0), 60.0, 1.0)
    assert shift == 10 and placed.shift == 10
    assert placed.place(None, 61.0, 1.0) == (11, 0.0)


def arrivals(gap: float, count: int = 100) -> list[bool]:
    """Return which of some packets, 40 ms apart by their times, a detector holds when they come so."""
    backlog, found = BacklogDetector(), []
    for index in range(count):
        packet = av.Packet(b"x")
        packet.pts = packet.dts = index
        packet.time_base = Fraction(1, 25)
        found.append(backlog.holds(packet, 100 + gap * index))
    return found


def test_what_waited_is_told_from_what_comes() -> None:
    assert arrivals(0.04) == [True] * 5 + [False] * 95, "a few show the pace"
    assert all(arrivals(0.001)), "much faster than it was taken"
    assert not any(arrivals(0.4)[5:]), "slower is no backlog"
    backlog = BacklogDetector()
    assert backlog.holds(None, 0.0), "sound waits for the picture"


def test_a_recording_that_is_sent_as_fast_as_it_is_read_plays_at_its_speed(
    stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "SETTLED", 0.0)
    with Server(http_video(speed=1000)) as server:
        source = opened(f"http://127.0.0.1:{server.port}/", stop)
        began = time.monotonic()
        assert len(frames(source, 20)) == 20
        assert source.traits.paced and time.monotonic() - began > 0.6
        source.close()


def test_a_camera_that_is_unplugged_and_back(stop: threading.Event) -> None:
    """A double of the device: a picture source that ends, is absent twice, and is there again."""
    opened_as: list[str] = []

    def device() -> tuple[av.container.InputContainer, SourceTraits]:
        opened_as.append("absent" if len(opened_as) in (1, 2) else "there")
        if opened_as[-1] == "absent":
            raise SourceLostError("/dev/video0: no such camera; no camera is connected to this machine")
        text = "testsrc2=size=64x48:rate=50:duration=0.6,realtime"
        return av.open(text, format="lavfi"), SourceTraits(live=True, lasts=True)

    said: list[str] = []
    source = LiveInput(device, "/dev/video0", stop, reconnect=20.0, say=said.append)
    found = frames(source, 40)
    source.close()
    assert opened_as == ["there", "absent", "absent", "there"] and source.reconnects == 1
    assert said[0] == "/dev/video0: lost (the stream ended); trying again for 20 s"
    assert [isinstance(line, LossLine) for line in said] == [True] + [False] * (len(said) - 1)
    assert said[1].startswith("/dev/video0: back after ")
    times = [frame.pts for frame in found]
    assert times == sorted(times) and len(found) >= 40
