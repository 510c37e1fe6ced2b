"""Boxes that FFmpeg does not know, in MP4 and MOV: each is in the output, or named before work starts."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import string
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from rtvideo.errors import RtvideoError
from rtvideo.files.job import enhance_video
from rtvideo.media.describe import Summary
from rtvideo.options import Options, Report
from tests.helpers import clips, mp4
from tests.helpers.doubles import FakeSession, opening

XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
SPHERICAL = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")

#: Mastering display (primaries and white in 1/50000, luminance in 1/10000) and content light level.
MDCV = bytes.fromhex("3333865A1D4C0BB88A48D99A3D13404200989680000007D0".ljust(48, "0"))
CLLI = bytes.fromhex("03E80190")
ST3D = bytes([0, 0, 0, 0, 1])
SV3D = mp4.box(b"svhd", b"\0\0\0\0made here\0") + mp4.box(
    b"proj", mp4.box(b"prhd", bytes(16)) + mp4.box(b"equi", bytes(20))
)

#: QuickTime's metadata: a text, and a picture that FFmpeg does not read.
QUICKTIME = b"".join(
    (
        mp4.box(b"hdlr", bytes(8) + b"mdta" + bytes(12)),
        mp4.box(b"keys", bytes(7) + b"\2" + mp4.box(b"mdta", b"a.text") + mp4.box(b"mdta", b"a.picture")),
        mp4.box(
            b"ilst",
            mp4.box(b"\0\0\0\1", mp4.box(b"data", b"\0\0\0\1" + bytes(4) + b"kept"))
            + mp4.box(b"\0\0\0\2", mp4.box(b"data", b"\0\0\0\x1b" + bytes(4) + b"BM")),
        ),
    )
)
SPHERICAL_XML = b"<rdf:SphericalVideo>" + b"".join(
    b"<GSpherical:%b>%b</GSpherical:%b>" % (key, value, key)
    for key, value in (
        (b"Spherical", b"true"),
        (b"Stitched", b"true"),
        (b"StitchingSoftware", b"hand"),
        (b"ProjectionType", b"equirectangular"),
    )
)


def enhance(source: Path, target: Path, **options: Any) -> Report:
    options = {"preset": "ultrafast", **options}
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def side_data(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        found = Summary(container).side_data(container.streams.video[0])
        return [line for line in found if not line.startswith("cpb")]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_boxes_and_what_is_behind_them_stay(tmp_path: Path, ending: str) -> None:
    source = clips.write(tmp_path / f"in{ending}", audio=1, subtitles=1, metadata={"title": "Night"})
    kept = [
        (("file", False), mp4.box(b"uuid", XMP + b"<x:xmpmeta/>")),
        (("file", False), mp4.box(b"free", b"GPS 52.5 13.4", large=True)),
        (("file", False), mp4.box(b"meta", bytes(4) + mp4.box(b"hdlr", bytes(8) + b"nrtm") + b"<xml/>")),
        (("moov", False), mp4.box(b"uuid", b"sixteen letters." + b"in the index")),
        (("udta", False), mp4.box(b"GPMF", b"DEVC of a GoPro")),
        (("udta", False), mp4.box(b"\xa9xsp", b"\0\6\x15\xc7+0.10")),
        (("udta", True), mp4.box(b"smta", b"of the first track")),
        (("trak", True), mp4.box(b"load", b"preload!")),
        (("mdia", True), mp4.box(b"elng", b"\0\0\0\0en-US\0")),
        (("tail", False), mp4.box(b"inst", b"before the trailer")),
        (("tail", False), b"\xff\xff\xff\xff?? 8db42d694ccc418790edff439fe026bf"),
    ]
    mp4.add(source, kept)
    report = enhance(source, tmp_path / f"out{ending}")
    assert report.warnings == []
    data = (tmp_path / f"out{ending}").read_bytes()
    for _, box in kept:
        assert data.count(box if not box.startswith(b"\0\0\0\1") else box[16:]) == 1
    assert data.endswith(kept[-2][1] + kept[-1][1])
    index = mp4.top_level(tmp_path / f"out{ending}")[b"moov"]
    for (place, _), box in kept:
        assert (box in index) == (place not in ("file", "tail"))
    before, after = clips.streams(source), clips.streams(tmp_path / f"out{ending}")
    assert [s.type for s in after] == [s.type for s in before] and after[1].hashes == before[1].hashes
    assert after[2].hashes == before[2].hashes
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert container.metadata["title"] == "Night"
    again = enhance(tmp_path / f"out{ending}", tmp_path / f"again{ending}")
    assert again.warnings == [] and kept[-1][1] in (tmp_path / f"again{ending}").read_bytes()


def test_other_containers_name_each_box(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4")
    boxes = [
        (("file", False), mp4.box(b"uuid", XMP + b"<x:xmpmeta/>")),
        (("udta", False), mp4.box(b"GPMF", b"DEVC")),
        (("udta", False), mp4.box(b"LENS", b"LAJ70")),
        (("udta", False), mp4.box(b"\x01\x02\x03\x04", b"odd")),
        (("tail", False), b"\xff\xff\xff\xffGPS-LOG GPS-LOG"),
        (("video", True), mp4.box(b"st3d", ST3D)),
    ]
    report = enhance(mp4.add(source, boxes), tmp_path / "out.mkv")
    (line,) = [w for w in report.warnings if "cannot hold all of it" in w]
    for words in ("XMP", "GPMF", "box 'LENS' in udta", "01020304", "19 bytes behind the last box"):
        assert words in line
    assert "stereo video (st3d)" in line and not any("Stereo 3D" in w for w in report.warnings)


def test_what_is_read_padded_or_an_index_has_no_word(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", metadata={"title": "Night", "comment": "kept", "date": "2026"})
    boxes = [
        (("file", False), mp4.box(b"free", bytes(99))),
        (("file", False), mp4.box(b"wide", b"")),
        (("file", False), mp4.box(b"sidx", b"\0" * 24)),
        (("file", False), mp4.box(b"styp", b"msdh")),
        (("udta", False), mp4.box(b"\xa9mak", b"\0\5\x15\xc7GoPro")),
        (("udta", False), mp4.box(b"skip", bytes(20))),
        (("udta", False), bytes(4)),
        (("tail", False), bytes(10_000)),
    ]
    report = enhance(mp4.add(source, boxes), tmp_path / "out.mp4")
    assert report.warnings == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["make"] == "GoPro"


def test_what_would_be_wrong_in_a_new_file_is_named(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4")
    pointing = bytes(4) + mp4.box(b"hdlr", bytes(8) + b"pict") + mp4.box(b"iloc", bytes(8))
    boxes = [
        (("file", False), mp4.box(b"uuid", CREDENTIALS + b"signed")),
        (("file", False), mp4.box(b"meta", pointing)),
        (("udta", False), mp4.box(b"meta", QUICKTIME)),
        (("video", True), mp4.box(b"abcd", b"who knows")),
        (("minf", True), mp4.box(b"efgh", b"who knows")),
    ]
    report = enhance(mp4.add(source, boxes), tmp_path / "out.mp4")
    (line,) = report.warnings
    for words in (
        "content credentials (they sign the old file)",
        "'meta'",
        "metadata a.picture (its kind is not known)",
        "'abcd'",
        "'efgh'",
    ):
        assert words in line
    assert b"signed" not in (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_the_gps_of_a_dash_camera_is_found_where_its_index_says(tmp_path: Path, ending: str) -> None:
    """Blocks lie among the samples, and in padding behind them; no track knows of them."""
    source = clips.write(tmp_path / f"in{ending}")
    data, place = source.read_bytes(), len(source.read_bytes())
    blocks = [mp4.box(b"free", b"GPS " + bytes([number]) * 80) for number in range(3)]
    hidden = mp4.box(b"mdat", b"".join(blocks[:2]))
    source.write_bytes(data + hidden + blocks[2])
    starts = (place + 8, place + 8 + len(blocks[0]), place + len(hidden))
    entries = [start.to_bytes(4, "big") + len(blocks[0]).to_bytes(4, "big") for start in starts]
    index = b"\0\0\1\1" + len(entries).to_bytes(4, "big") + b"".join(entries)
    mp4.add(source, [(("moov", False), mp4.box(b"gps ", index))])
    assert enhance(source, tmp_path / f"out{ending}").warnings == []
    written = (tmp_path / f"out{ending}").read_bytes()
    table = written[written.index(b"gps ") + 12 :][: 8 * len(blocks)]
    for number, block in enumerate(blocks):
        offset, size = (int.from_bytes(table[k : k + 4], "big") for k in (8 * number, 8 * number + 4))
        assert written[offset : offset + size] == block and written.count(block) == 1
    report = enhance(source, tmp_path / "out.mkv")
    assert any("3 times block of GPS data" in line for line in report.warnings)


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_metadata_stays_where_programs_look_for_it(tmp_path: Path, ending: str) -> None:
    """FFmpeg moves it to a place that it alone reads as soon as one name is unknown to MP4."""
    source = clips.write(tmp_path / f"in{ending}", metadata={"title": "Night"})
    kept = [
        (("udta", False), mp4.box(b"\xa9xyz", b"\0\x12\x15\xc7+48.1000+011.5000/")),
        (("udta", False), mp4.box(b"FIRM", b"HD9.01.01.50.00")),
        (("moov", False), mp4.box(b"meta", QUICKTIME)),
        (("trak", True), mp4.box(b"meta", QUICKTIME.replace(b"a.text", b"a.lens"))),
    ]
    mp4.add(source, kept)
    for _ in range(2):  # the output of an output is no longer
        target = tmp_path / f"out{ending}"
        assert enhance(source, target, overwrite=True).warnings == []
        index = mp4.top_level(target)[b"moov"]
        assert [index.count(box) for _, box in (*kept[:2], kept[3])] == [1, 1, 1]
        assert [index.count(words) for words in (b"a.text", b"data\0\0\0\x1b", b"mdtatitle")] == [1, 2, 1]
        assert index.count(b"\xa9nam") <= 1
        with av.open(str(target)) as container:
            assert container.metadata["a.text"] == "kept" and container.metadata["title"] == "Night"
        source = target.rename(tmp_path / f"again{ending}")
    report = enhance(source, tmp_path / "out.mkv")
    (line,) = report.warnings
    assert "metadata a.picture (its kind is not known)" in line and "box 'meta' in trak" in line
    assert "xyz" not in line and "FIRM" not in line


def test_parts_of_streams_that_are_dropped_go_with_them(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", second_video=True)
    mp4.add(source, [(("udta", True), mp4.box(b"smta", b"of the first track"))])
    report = enhance(source, tmp_path / "out.mp4", video_stream=1)
    assert report.warnings == [] and b"of the first track" in (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize(
    "boxes",
    [
        [(("video", True), mp4.box(b"st3d", ST3D)), (("video", True), mp4.box(b"sv3d", SV3D))],
        [(("video", True), mp4.box(b"mdcv", MDCV)), (("video", True), mp4.box(b"clli", CLLI))],
        [(("trak", True), mp4.box(b"uuid", SPHERICAL + SPHERICAL_XML))],
    ],
    ids=["spherical", "light", "spherical, the old way"],
)
@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_marks_of_the_picture_stay(tmp_path: Path, boxes: list[Any], ending: str) -> None:
    source = mp4.add(clips.write(tmp_path / f"in{ending}", audio=1), boxes)
    assert side_data(source)
    report = enhance(source, tmp_path / f"out{ending}")
    assert report.warnings == [] and side_data(tmp_path / f"out{ending}") == side_data(source)
    two = enhance(source, tmp_path / f"two{ending}", compare="side")
    assert two.warnings and side_data(tmp_path / f"two{ending}") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_no_box_is_lost_without_a_word(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    places = [("file", False), ("tail", False), ("moov", False), ("udta", False)]
    places += [("trak", True), ("udta", True), ("mdia", True), ("minf", True), ("video", True)]
    boxes: list[tuple[mp4.Place, bytes]] = []
    contents: list[tuple[str, bytes]] = []
    for place in chance.choices(places, k=chance.randrange(1, 20)):
        name = "".join(chance.choices(string.ascii_uppercase, k=4))
        content = chance.randbytes(chance.choice([16, 100, 70_000]))
        large = place[0] in ("file", "tail") and chance.random() < 0.3
        contents.append((name, content))
        boxes.append((place, mp4.box(name.encode(), content, large=large)))
    if chance.random() < 0.5:
        content = chance.randbytes(40)
        contents.append(("behind the last box", content))
        boxes.append((("tail", False), b"\xff\xff\xff\xff" + content))
    ending = chance.choice([".mp4", ".mov"])
    source = mp4.add(clips.write(tmp_path / f"in{ending}", audio=chance.randrange(2), rotation=90), boxes)
    for target in (tmp_path / f"out{chance.choice(['.mp4', '.mov'])}", tmp_path / "out.mkv"):
        report = enhance(source, target)
        written, said = target.read_bytes(), " ".join(report.warnings)
        for name, content in contents:
            assert (content in written) != (name in said), (name, report.warnings)
        assert len(clips.frames(target)) == 12
        assert clips.streams(target)[1:] == clips.streams(source)[1:] or target.suffix == ".mkv"


def nested(name: bytes, depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        head = bytes(4) + mp4.box(b"hdlr", bytes(8) + b"mdir") if name == b"meta" else b""
        content = mp4.box(name, head + content)
    return content


@pytest.mark.parametrize("name", [b"meta", b"moov", b"trak", b"udta", b"ilst"])
@pytest.mark.parametrize("place", [("udta", False), ("moov", False), ("trak", True), ("file", False)])
def test_boxes_in_boxes_without_end(tmp_path: Path, place: mp4.Place, name: bytes) -> None:
    source = clips.write(tmp_path / "in.mp4")
    xyz = mp4.box(b"\xa9xyz", b"\0\x12\x15\xc7+48.1000+011.5000/")
    mp4.add(source, [(place, nested(name, 3000)), (("udta", False), xyz)])
    with contextlib.suppress(RtvideoError):  # FFmpeg does not read some of them
        assert enhance(source, tmp_path / "out.mp4").frames_out == 12


def test_boxes_of_one_name_stay_all(tmp_path: Path) -> None:
    places = (("moov", False), ("udta", False), ("trak", True), ("mdia", True), ("file", False))
    boxes = [(place, mp4.box(b"same", f"{place} {k}".encode())) for place in places for k in range(3)]
    source = mp4.add(clips.write(tmp_path / "in.mp4"), boxes)
    assert enhance(source, tmp_path / "out.mp4").warnings == []
    data = (tmp_path / "out.mp4").read_bytes()
    assert all(data.count(box) == 1 for _, box in boxes)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.99])
def test_damage_ends_no_run(tmp_path: Path, cut: float) -> None:
    boxes = [(("udta", False), mp4.box(b"LENS", b"LAJ70" * 50)), (("trak", True), mp4.box(b"uuid", bytes(5)))]
    source = mp4.add(clips.write(tmp_path / "in.mp4"), boxes)
    data = bytearray(source.read_bytes())
    index = data.rindex(b"moov")
    place = index + int((len(data) - index) * cut)
    data[place : place + 4] = b"\xff\xff\xff\xf0"
    source.write_bytes(data)
    with contextlib.suppress(RtvideoError):  # FFmpeg does not read some of them
        enhance(source, tmp_path / "out.mp4")


@pytest.mark.slow
def test_a_file_of_nothing_but_boxes(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4")
    mp4.add(source, [(("udta", False), mp4.box(b"aaaa", b"") * 100_000)])
    report = enhance(source, tmp_path / "out.mkv")
    (line,) = report.warnings
    assert "times box 'aaaa' in udta" in line and "all further boxes (there are too many)" in line


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="program exiftool: not installed")
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cases/mp4_xmp_trailer.mp4", "cases/spherical.mp4", "data/video/night_dashcam_360p30_aac.mp4"]
)
def test_exiftool_reads_the_same(shared: Path, tmp_path: Path, name: str) -> None:
    """All but what describes the coding of the file itself."""
    enhance(shared / name, tmp_path / "out.mp4", frames=20)
    before, after = exif(shared / name), exif(tmp_path / "out.mp4")
    own = ("System", "File", "Composite", "SourceFile", "ExifTool")
    coding = (
        *("Bitrate", "Brand", "MediaData", "TimeScale", "Compressor", "Encoder", "AudioChannels"),
        "Duration",
    )
    for key, value in before.items():
        if not key.startswith(own) and not any(word in key for word in coding):
            assert after.get(key) == value, key


def exif(path: Path) -> dict[str, Any]:
    done = subprocess.run(["exiftool", "-j", "-G1", "-a", path], capture_output=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found
