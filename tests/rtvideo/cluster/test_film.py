"""A film in pieces equals the film in one go: times, other streams, and the frames at the seams."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.cluster.cutting import CannotCutError, Cutter
from rtvideo.cluster.joining import join
from rtvideo.cluster.piece import EncodedPiece
from rtvideo.cluster.piece_job import enhance_piece
from rtvideo.cluster.planning import film_of
from rtvideo.files.job import enhance_video
from rtvideo.media.containers import container_for
from rtvideo.media.file_input import FileInput
from rtvideo.options import Options
from tests.helpers import clips

COPY: dict[str, Any] = {"strength": 0.0, "threads": 1}


def in_pieces(input: Path, output: Path, options: Options, seconds: float) -> int:
    """Make a film as a cluster does, but here; return how many pieces it was."""
    made = []
    with closing(FileInput(input, options.video_stream)) as source:
        film = film_of(source, container_for(output), options, lambda line: None)
        for piece in Cutter(source.video, seconds).pieces(source.packets()):
            data = enhance_piece(film, piece).to_bytes()
            made.append(output.with_name(f"{piece.number}.npz"))
            made[-1].write_bytes(data)
    pieces = [lambda path=path: EncodedPiece.load(path) for path in made]
    join(input, output, options, pieces, {}, lambda line: None)
    return len(made)


def times(path: Path) -> tuple[list[int], list[int], list[int]]:
    """Return when frames are shown, when packets are decoded, and all lengths, each in order."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return sorted(p.pts for p in packets), [p.dts for p in packets], sorted(p.duration for p in packets)


def psnr(one: Path, other: Path) -> list[float]:
    """Return the PSNR of each frame in dB, 99 of equal ones."""
    found = []
    for left, right in zip(clips.frames(one), clips.frames(other), strict=True):
        error = np.mean((left.to_ndarray().astype(float) - right.to_ndarray()) ** 2)
        peak = 255 if left.format.components[0].bits == 8 else 1023
        found.append(99.0 if error == 0 else float(10 * np.log10(peak**2 / error)))
    return found


#: 50 frames, a key frame every 10; one piece is 0.4 s at least.
GOP = {"g": "10", "bf": "2", "sc_threshold": "0"}
LIGHT = "master-display=G(1,2)B(3,4)R(5,6)WP(7,8)L(9,1):max-cll=900,90"
X265 = "keyint=10:min-keyint=10:bframes=3:scenecut=0:log-level=none"
IRREGULAR = [40 * n + (n * n * 7) % 23 for n in range(50)]

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "all beside the video": (".mp4", {"audio": 2, "subtitles": 1, "chapters": True, "cover": True}),
    "Matroska": (".mkv", {"audio": 1, "subtitles": 1, "chapters": True, "attachment": b"font"}),
    "variable frame rate": (".mp4", {"time_base": Fraction(1, 1000), "pts": IRREGULAR}),
    "a late start": (".mp4", {"pts": [n + 30 for n in range(50)], "audio": 1}),
    "open groups": (".mkv", {"codec": "libx265", "options": {"x265-params": f"{X265}:open-gop=1"}}),
    "HDR": (
        ".mp4",
        {
            "codec": "libx265",
            "options": {"x265-params": f"{X265}:{LIGHT}"},
            "pix_fmt": "yuv420p10le",
            "transfer": 16,
            "matrix": 9,
            "primaries": 9,
        },
    ),
    "a transport stream": (".ts", {"audio": 1}),
    "every frame a key frame": (".avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {}}),
    "turned, in pixels that are not square": (
        ".mov",
        {"rotation": 90, "sample_aspect_ratio": Fraction(4, 3)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_equal_one_go(kind: str, tmp_path: Path) -> None:
    suffix, changes = KINDS[kind]
    source = clips.write(tmp_path / f"night{suffix}", **{"frames": 50, "options": GOP, **changes})
    options = Options(**COPY)
    one, lit = tmp_path / f"one{suffix}", tmp_path / f"lit{suffix}"
    enhance_video(source, one, options)
    assert in_pieces(source, lit, options, 0.4) >= 4
    assert times(lit) == times(one)
    assert [s for s in clips.streams(lit) if s.type != "video"] == [
        s for s in clips.streams(one) if s.type != "video"
    ]
    with av.open(str(lit)) as made, av.open(str(one)) as wanted:
        assert made.metadata == wanted.metadata and made.chapters() == wanted.chapters()
        for left, right in zip(made.streams, wanted.streams, strict=True):
            assert (left.metadata, left.disposition) == (right.metadata, right.disposition)
        left, right = made.streams.video[0].codec_context, wanted.streams.video[0].codec_context
        assert left.extradata == right.extradata
    assert min(psnr(one, lit)) > 38  # encoded with loss, twice
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_an_edit_list_that_begins_in_the_middle_of_a_group(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "long.mp4", frames=60, options=GOP)
    cut = tmp_path / "night.mp4"
    with av.open(str(source)) as full, av.open(str(cut), "w") as out:
        stream = out.add_stream_from_template(full.streams.video[0])
        for packet in full.demux(video=0):
            if packet.size:
                packet.stream = stream
                ticks = round(Fraction(7, 25) / packet.time_base)
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                out.mux(packet)
    assert len(clips.frames(cut)) < 60
    options = Options(**COPY)
    one, lit = tmp_path / "one.mp4", tmp_path / "lit.mp4"
    enhance_video(cut, one, options)
    assert in_pieces(cut, lit, options, 0.4) >= 4
    assert times(lit) == times(one)
    assert min(psnr(one, lit)) > 38


@pytest.mark.compile
def test_no_seam_shows(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "night.mp4", frames=300, options={"g": "30", "bf": "2"})
    lossless = Options(codec="libx264", crf=0, threads=1)
    one, lit = tmp_path / "one.mkv", tmp_path / "lit.mkv"
    enhance_video(source, one, lossless)
    assert in_pieces(source, lit, lossless, 6) == 2
    assert min(psnr(one, lit)) >= 50


def test_what_cannot_be_cut(tmp_path: Path) -> None:
    options, source = Options(**COPY), clips.write(tmp_path / "fields.mp4", interlaced=True)
    with closing(FileInput(source)) as opened, pytest.raises(CannotCutError, match="interlaced"):
        film_of(opened, "mp4", options, lambda line: None)
    progressive = clips.write(tmp_path / "night.mp4")
    with closing(FileInput(progressive)) as opened, pytest.raises(CannotCutError, match="a part"):
        film_of(opened, "mp4", Options(frames=3), lambda line: None)


def test_a_piece_is_the_same_after_a_stay_on_the_disk(tmp_path: Path) -> None:
    packet = av.Packet(b"compressed")
    packet.pts, packet.dts, packet.duration, packet.is_keyframe = 5, 3, 2, True
    piece = EncodedPiece.of([packet], b"header", {"engine": "fused"})
    (tmp_path / "0.npz").write_bytes(piece.to_bytes())
    (back,) = EncodedPiece.load(tmp_path / "0.npz").packets(Fraction(1, 25))
    assert (bytes(back), back.pts, back.dts, back.duration) == (b"compressed", 5, 3, 2)
    assert back.is_keyframe and back.time_base == Fraction(1, 25)
    (tmp_path / "0.npz").write_bytes(piece.to_bytes()[:-30])
    with pytest.raises(ValueError):
        EncodedPiece.load(tmp_path / "0.npz")
