"""What an image holds besides its pixels: carried, converted, or named before work starts."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, IptcImagePlugin

from rtvideo.media import images
from rtvideo.media.images.picture import Picture

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" %s xmp:Rating="4"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
IPTC = b"\x1c\x02\x19\x00\x05night\x1c\x02\x19\x00\x05stra\xe9"
TARGETS = (".jpg", ".png", ".tif", ".webp", ".avif")

needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is another reader")


def scene(height: int = 40, width: int = 60) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 2, columns, rows + columns], axis=2).astype(np.uint8)


def jpeg(*segments: tuple[int, bytes], pixels: Any = None, behind: bytes = b"", **options: Any) -> bytes:
    """Return a JPEG with segments behind its first one."""
    with io.BytesIO() as file:
        Image.fromarray(scene() if pixels is None else pixels).save(file, "JPEG", quality=95, **options)
        data = file.getvalue()
    body = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments
    )
    return data[:20] + body + data[20:] + behind


def png(*chunks: tuple[bytes, bytes], pixels: Any = None) -> bytes:
    """Return a PNG with chunks behind its header."""
    with io.BytesIO() as file:
        Image.fromarray(scene() if pixels is None else pixels).save(file, "PNG")
        data = file.getvalue()
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return data[:33] + body + data[33:]


def resources(*given: tuple[int, bytes]) -> bytes:
    """Return Photoshop's segment with some resources."""
    body = b"".join(
        b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for number, data in given
    )
    return b"Photoshop 3.0\0" + body


def exif(orientation: int = 1, thumbnail: bytes = b"") -> bytes:
    """Return EXIF data as a camera lays it out: maker notes know how far they are from its beginning."""
    order = "<"
    notes = b"LAMP\0" + bytes(range(40))

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        return struct.pack(order + "HHII", tag, kind, count, value)

    # Layout: header, IFD0, its text, EXIF directory, maker notes, GPS directory, IFD1, thumbnail.
    ifd0 = 8
    text = ifd0 + 2 + 12 * 4 + 4
    below = text + 12
    maker = below + 2 + 12 * 3 + 4
    gps = maker + len(notes) + len(notes) % 2
    ifd1 = gps + 2 + 12 + 4
    small = ifd1 + 2 + 12 * 3 + 4
    data = struct.pack("<2sHI", b"II", 42, ifd0) + struct.pack("<H", 4)
    data += entry(271, 2, 11, text) + entry(274, 3, 1, orientation)
    data += entry(0x8769, 4, 1, below) + entry(0x8825, 4, 1, gps)
    data += struct.pack("<I", ifd1 if thumbnail else 0) + b"lamp works\0\0"
    data += struct.pack("<H", 3) + entry(0x927C, 7, len(notes), maker)
    data += entry(0xA002, 4, 1, 60) + entry(0xA003, 4, 1, 40) + bytes(4)
    data += notes.ljust(gps - maker, b"\0")
    data += struct.pack("<H", 1) + entry(1, 2, 2, ord("N")) + bytes(4)
    if thumbnail:
        data += struct.pack("<H", 3) + entry(0x0103, 3, 1, 6) + entry(0x0201, 4, 1, small)
        data += entry(0x0202, 4, 1, len(thumbnail)) + bytes(4) + thumbnail
    return data


def enhance(tmp_path: Path, name: str, data: bytes, target: str, gain: int = 1) -> tuple[Path, str]:
    """Write an image, read it, store it brighter, and return the file and all that was said of it."""
    source, path = tmp_path / name, tmp_path / f"lit{target}"
    source.write_bytes(data)
    picture = images.read(source)
    notes = picture.warnings + images.losses(picture, path)
    picture.pixels = picture.pixels * np.array(gain, picture.pixels.dtype)
    images.write(picture, path)
    assert all("\n" not in note for note in notes)
    return path, "\n".join(notes)


def tags(path: Path, *options: str) -> dict[str, Any]:
    """Return what exiftool reads."""
    command = ["exiftool", "-j", "-G1", "-a", "-u", "-n", *options, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return dict(json.loads(done.stdout)[0])


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp"])
def test_exif_stays_bit_for_bit(tmp_path: Path, target: str) -> None:
    data = exif()
    path, said = enhance(tmp_path, "a.jpg", jpeg((0xE1, b"Exif\0\0" + data)), target)
    assert data in path.read_bytes() and not said


@needs_exiftool
@pytest.mark.parametrize("target", TARGETS)
def test_exif_is_read_by_others_with_gps_and_maker_notes(tmp_path: Path, target: str) -> None:
    path, said = enhance(tmp_path, "a.jpg", jpeg((0xE1, b"Exif\0\0" + exif())), target)
    got = tags(path, "-b")
    assert got["IFD0:Make"] == "lamp works" and got["GPS:GPSLatitudeRef"] == "N" and not said
    assert "Unrecognized MakerNotes" in got["ExifTool:Warning"]  # they are found where EXIF says


def test_maker_notes_do_not_move_in_a_tiff(tmp_path: Path) -> None:
    data = exif()
    path, _ = enhance(tmp_path, "a.jpg", jpeg((0xE1, b"Exif\0\0" + data)), ".tif")
    place = data.index(b"LAMP")
    assert path.read_bytes()[place : place + 45] == data[place : place + 45]


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp"])
def test_the_thumbnail_shows_the_new_picture(tmp_path: Path, target: str) -> None:
    with io.BytesIO() as file:
        Image.fromarray(scene() // 4).resize((30, 20)).save(file, "JPEG", quality=90)
        small = file.getvalue() + bytes(200)
    data = jpeg((0xE1, b"Exif\0\0" + exif(thumbnail=small)), pixels=scene() // 4)
    path, said = enhance(tmp_path, "a.jpg", data, target, gain=4)
    blob = path.read_bytes()
    start = blob.index(b"\xff\xd8\xff", 4)
    found = Image.open(io.BytesIO(blob[start : start + len(small)]))
    assert found.size == (30, 20)
    assert abs(np.asarray(found).mean() - scene().mean()) < 6 and not said


def test_a_thumbnail_that_is_no_jpeg_goes(tmp_path: Path) -> None:
    data = jpeg((0xE1, b"Exif\0\0" + exif(thumbnail=b"raw dark thumbnail")))
    path, _ = enhance(tmp_path, "a.jpg", data, ".jpg")
    assert b"raw dark thumbnail" not in path.read_bytes()
    with Image.open(path) as image:
        assert image.getexif()[271] == "lamp works"


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif"])
def test_iptc_and_photoshop_resources(tmp_path: Path, target: str) -> None:
    rest = resources((0x0404, IPTC), (0x0425, hashlib.md5(IPTC).digest()), (0x040C, b"dark thumbnail"))
    path, said = enhance(tmp_path, "a.jpg", jpeg((0xED, rest)), target)
    assert IPTC in (path.read_bytes() if target != ".png" else inflated(path))
    assert b"dark thumbnail" not in path.read_bytes() and "Photoshop thumbnail" in said
    if target != ".png":
        with Image.open(path) as image:
            info = IptcImagePlugin.getiptcinfo(image)
        assert info is not None and info[2, 25] == [b"night", b"stra\xe9"]


def inflated(path: Path) -> bytes:
    """Return what a PNG's compressed texts hold, hexadecimal numbers decoded."""
    found = b""
    data, place = path.read_bytes(), 8
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if name == b"zTXt":
            text = zlib.decompress(data[place + 8 : place + 8 + size].split(b"\0\0", 1)[1])
            found += bytes.fromhex(text.decode().strip().split("\n", 2)[2])
        place += 12 + size
    return found


@needs_exiftool
@pytest.mark.parametrize("source", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".tif"])
def test_keywords_go_round(tmp_path: Path, source: str, target: str) -> None:
    first, _ = enhance(tmp_path, "a.jpg", jpeg((0xED, resources((0x0404, IPTC)))), source)
    path, said = enhance(tmp_path, f"b{source}", first.read_bytes(), target)
    assert tags(path, "-charset", "iptc=latin1")["IPTC:Keywords"] == ["night", "straé"] and not said


def test_iptc_that_a_format_cannot_hold_is_named(tmp_path: Path) -> None:
    for target in (".webp", ".avif", ".bmp", ".gif"):
        _, said = enhance(tmp_path, "a.jpg", jpeg((0xED, resources((0x0404, IPTC)))), target)
        assert "cannot hold: IPTC; left out" in said


@pytest.mark.parametrize("target", TARGETS)
def test_xmp(tmp_path: Path, target: str) -> None:
    packet = XMP % b""
    data = jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    path, said = enhance(tmp_path, "a.jpg", data, target)
    assert packet in path.read_bytes() and not said


def extended(body: bytes) -> Iterator[tuple[int, bytes]]:
    name = hashlib.md5(body).hexdigest().upper().encode()
    note = b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + name + b'"'
    yield 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % note
    for place in range(0, len(body), 60_000):
        head = b"http://ns.adobe.com/xmp/extension/\0" + name + struct.pack(">II", len(body), place)
        yield 0xE1, head + body[place : place + 60_000]


@pytest.mark.parametrize("target", TARGETS)
def test_extended_xmp(tmp_path: Path, target: str) -> None:
    depth = b"A" * 100_000
    body = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"><GDepth:Data>'
        + depth
        + b"</GDepth:Data></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    path, said = enhance(tmp_path, "a.jpg", jpeg(*extended(body)), target)
    with Image.open(path) as image:
        packet = image.info.get("xmp", b"")
    if target == ".jpg":
        assert path.read_bytes().count(b"http://ns.adobe.com/xmp/extension/") == 2
        assert b"HasExtendedXMP" in packet
    else:
        assert depth in packet and b"HasExtendedXMP" not in packet and b'xmp:Rating="4"' in packet
    assert not said


def test_a_motion_photo_keeps_its_video(tmp_path: Path) -> None:
    video = struct.pack(">I", 24) + b"ftypmp42" + bytes(12) + bytes(range(256)) * 4
    note = b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MicroVideo="1" '
    packet = XMP % (note + b'GCamera:MicroVideoOffset="%d"' % len(video))
    data = jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet), behind=video)
    path, said = enhance(tmp_path, "a.jpg", data, ".jpg")
    assert path.read_bytes()[-len(video) :] == video and packet in path.read_bytes()
    assert "motion video behind the picture is kept as it is, not enhanced" in said
    for target in TARGETS[1:]:
        path, said = enhance(tmp_path, "a.jpg", data, target)
        assert f"motion video of {len(video)} bytes" in said
        assert b"MicroVideo" not in path.read_bytes() and b'xmp:Rating="4"' in path.read_bytes()


@pytest.mark.parametrize("target", [".jpg", ".webp"])
def test_a_gain_map_goes_with_all_that_points_to_it(tmp_path: Path, target: str) -> None:
    gain = jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % b'hdrgm:Version="1.0"'))
    note = (
        b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
        b'xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    )
    video = struct.pack(">I", 24) + b"ftypmp42" + bytes(12)
    segments = (
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % note),
        (0xE2, b"MPF\0" + bytes(60)),
        (0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)),
    )
    path, said = enhance(tmp_path, "a.jpg", jpeg(*segments, behind=gain + video), target)
    assert "gain map" in said and "further pictures" in said
    data = path.read_bytes()
    assert data.count(b"\xff\xd8\xff") == (target == ".jpg") and data.endswith(video) == (target == ".jpg")
    assert not any(word in data for word in (b"hdrgm:Version", b"MPF\0", b"21496"))
    with Image.open(path) as image:
        assert image.format in ("JPEG", "WEBP") and image.n_frames == 1 if target == ".webp" else True


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 10, 12, 15])
def test_unknown_segments_stay_in_a_jpeg_and_are_named_elsewhere(tmp_path: Path, number: int) -> None:
    content = b"Lamp\0" + bytes(range(200))
    data = jpeg((0xE0 + number, content))
    path, said = enhance(tmp_path, "a.jpg", data, ".jpg")
    assert (
        struct.pack(">BBH", 0xFF, 0xE0 + number, len(content) + 2) + content in path.read_bytes() and not said
    )
    for target in TARGETS[1:]:
        _, said = enhance(tmp_path, "a.jpg", data, target)
        assert f"unknown segment APP{number} 'Lamp' of 205 bytes" in said


def test_content_credentials_do_not_outlive_the_picture(tmp_path: Path) -> None:
    path, said = enhance(tmp_path, "a.jpg", jpeg((0xEB, b"JP\0\1c2pa signed")), ".jpg")
    assert b"c2pa" not in path.read_bytes() and "content credentials (C2PA)" in said


@pytest.mark.parametrize("target", [".jpg", ".png", ".gif", ".tif", ".webp"])
def test_comments(tmp_path: Path, target: str) -> None:
    path, said = enhance(tmp_path, "a.jpg", jpeg((0xFE, "näht".encode())), target)
    holds = target in (".jpg", ".png", ".gif")
    assert ("näht".encode() in path.read_bytes()) == holds
    assert ("cannot hold: comment" in said) == (not holds)
    if target == ".png":
        with Image.open(path) as image:
            assert image.text["Comment"] == "näht"  # type: ignore[attr-defined]
        back, _ = enhance(tmp_path, "b.png", path.read_bytes(), ".jpg")
        assert "näht".encode() in back.read_bytes()


def test_chunks_of_png(tmp_path: Path) -> None:
    kept = [
        (b"tEXt", b"Title\0night"),
        (b"zTXt", b"Author\0\0" + zlib.compress("Jörg".encode("latin-1"))),
        (b"iTXt", b"Description\0\0\0de\0\0" + "Straße".encode()),
        (b"tIME", struct.pack(">HBBBBB", 2021, 6, 19, 23, 0, 0)),
        (b"pHYs", struct.pack(">IIB", 11811, 5906, 1)),
        (b"oFFs", struct.pack(">iiB", 3, 4, 0)),
        (b"laMp", b"anything"),
    ]
    gone = [(b"laMP", b"depends on pixels"), (b"bKGD", bytes(6)), (b"sBIT", b"\x05\x06\x05")]
    path, said = enhance(tmp_path, "a.png", png(*kept, *gone), ".png")
    data = path.read_bytes()
    for name, content in kept:
        assert name + content in data
    for name, content in gone:
        assert name + content not in data
    assert "unknown chunk laMP of 17 bytes, background colour, significant bits" in said
    _, said = enhance(tmp_path, "a.png", png(*kept, *gone), ".webp")
    for word in ("'Title'", "'Author'", "'Description'", "time of change", "300 x 150", "oFFs", "laMp"):
        assert word in said


@pytest.mark.parametrize("target", [".png", ".jpg", ".tif", ".bmp", ".webp", ".avif", ".gif"])
@pytest.mark.parametrize("source", [".png", ".jpg", ".tif", ".bmp"])
def test_resolution(tmp_path: Path, source: str, target: str) -> None:
    with io.BytesIO() as file:
        Image.fromarray(scene()).save(
            file, {".jpg": "JPEG", ".tif": "TIFF"}.get(source, source[1:]), dpi=(300, 150)
        )
        path, said = enhance(tmp_path, f"a{source}", file.getvalue(), target)
    if target in (".png", ".jpg", ".tif", ".bmp"):
        with Image.open(path) as image:
            assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02)
        assert not said
    else:
        assert "300 x 150" in said or (source == ".tif" and target != ".gif")  # in EXIF there


def chunk_colour(gamma: float | None, primaries: tuple[float, ...] | None) -> list[tuple[bytes, bytes]]:
    chunks = [] if gamma is None else [(b"gAMA", struct.pack(">I", round(gamma * 1e5)))]
    if primaries is not None:
        chunks.append((b"cHRM", struct.pack(">8I", *(round(number * 1e5) for number in primaries))))
    return chunks


P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT709 = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


def seen(path: Path) -> Any:
    """Return the colours that a viewer with colour management shows: sRGB."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        profile = image.info.get("icc_profile")
    if profile is None:
        return np.asarray(rgb).astype(float)
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(rgb, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(shown).astype(float)


def xyz_of(primaries: tuple[float, ...]) -> Any:
    white, *rest = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in np.reshape(primaries, (4, 2)))
    columns = np.stack(rest, axis=1)
    return columns * np.linalg.solve(columns, white)


@pytest.mark.parametrize("target", [".jpg", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize(("gamma", "primaries"), [(1.0, P3), (0.45455, P3), (1 / 1.8, BT709), (1.0, None)])
def test_colours_of_png_look_the_same_elsewhere(
    tmp_path: Path, target: str, gamma: float, primaries: tuple[float, ...] | None
) -> None:
    pixels = np.full((16, 16, 3), (150, 110, 90), np.uint8)
    data = png(*chunk_colour(gamma, primaries), pixels=pixels)
    path, said = enhance(tmp_path, "a.png", data, target)
    light = np.linalg.inv(xyz_of(BT709)) @ xyz_of(primaries or BT709) @ ((pixels[0, 0] / 255) ** (1 / gamma))
    expected = 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(seen(path).mean((0, 1)), expected, atol=4)
    assert not said


def test_colours_of_png_stay_what_they_are_in_png(tmp_path: Path) -> None:
    chunks = [*chunk_colour(1.0, P3), (b"cICP", b"\x0c\x0d\x00\x01")]
    path, said = enhance(tmp_path, "a.png", png(*chunks), ".png")
    assert all(name + body in path.read_bytes() for name, body in chunks) and not said
    path, _ = enhance(tmp_path, "a.png", png((b"sRGB", b"\0"), *chunk_colour(0.45455, BT709)), ".jpg")
    with Image.open(path) as image:
        assert "icc_profile" not in image.info  # sRGB is what everything without a word is


@pytest.mark.parametrize(("code", "curve"), [(16, "pq"), (18, "hlg")])
def test_what_says_that_a_picture_is_hdr(tmp_path: Path, code: int, curve: str) -> None:
    for place, data in (
        ("b.jpg", jpeg(icc_profile=profile_with_cicp(code))),
        ("c.avif", avif_with_transfer(code)),
    ):
        (tmp_path / place).write_bytes(data)
        assert images.read(tmp_path / place).curve == curve


def profile_with_cicp(code: int) -> bytes:
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", data, 128)
    table, body = data[132 : 132 + 12 * count], data[132 + 12 * count :]
    moved = b"".join(
        name + struct.pack(">II", place + 12, size)
        for name, place, size in struct.iter_unpack(">4sII", table)
    )
    entry = struct.pack(">4sII", b"cicp", len(data) + 12, 12)
    tag = b"cicp\0\0\0\0" + bytes([9, code, 0, 1])
    whole = data[:128] + struct.pack(">I", count + 1) + entry + moved + body + tag
    return struct.pack(">I", len(whole)) + whole[4:]


def avif_with_transfer(code: int) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(scene()).save(file, "AVIF", speed=10)
        data = file.getvalue()
    place = data.index(b"nclx")
    return data[: place + 6] + struct.pack(">H", code) + data[place + 8 :]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_seen_upright(tmp_path: Path, orientation: int, target: str) -> None:
    packet = XMP % b'tiff:Orientation="%d"' % orientation
    data = jpeg((0xE1, b"Exif\0\0" + exif(orientation)), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    path, said = enhance(tmp_path, "a.jpg", data, target)
    with Image.open(path) as image:
        upright = np.asarray(image) if target != ".jpg" else np.asarray(ImageOps.exif_transpose(image))
        assert image.getexif().get(274, 1) == (orientation if target == ".jpg" else 1)
        if target in (".png", ".webp", ".tif"):
            sizes = image.getexif().get_ifd(0x8769)
            assert (sizes[0xA002], sizes[0xA003]) == image.size
    assert upright.shape == expected.shape and np.abs(upright.astype(int) - expected).max() < 20
    if target != ".jpg" and orientation != 1:
        assert b"tiff:Orientation" not in path.read_bytes()
    assert not said


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "I;16", "RGB"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientations_of_tiff(tmp_path: Path, orientation: int, mode: str, compression: str | None) -> None:
    stored = Image.fromarray(scene()).convert("RGB" if mode == "RGB" else "L")
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(stored).astype(np.uint16) * 257)
    marks = Image.Exif()
    marks[274] = orientation
    with io.BytesIO() as file:
        stored.save(file, "TIFF", exif=marks, compression=compression)
        data = file.getvalue()
    marked = Image.fromarray(np.asarray(stored))
    method = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)
    expected = np.asarray(marked if method is None else marked.transpose(Image.Transpose(method)))
    for target in (".tif", ".png"):
        path, _ = enhance(tmp_path, "a.tif", data, target)
        picture = images.read(path)
        from rtvideo.media.orientation import turned

        np.testing.assert_array_equal(turned(picture.pixels, picture.orientation), expected)
        assert picture.pixels.dtype == expected.dtype


def tiff(*entries: tuple[int, int, bytes]) -> bytes:
    """Return an uncompressed grey TIFF with more entries, each with type and values."""
    pixels = scene()[..., 0]
    body = struct.pack("<2sHI", b"II", 42, 8 + pixels.size) + pixels.tobytes()
    rows = [(256, 3, 60), (257, 3, 40), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    rows += [(278, 3, 40), (279, 4, pixels.size)]
    all_entries = [(tag, kind, struct.pack("<H" if kind == 3 else "<I", value)) for tag, kind, value in rows]
    all_entries = sorted([*all_entries, *entries])
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8, 13: 4}
    values, table = b"", struct.pack("<H", len(all_entries))
    end = len(body) + 2 + 12 * len(all_entries) + 4
    for tag, kind, data in all_entries:
        table += struct.pack("<HHI", tag, kind, len(data) // sizes[kind])
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack("<I", end + len(values))
            values += data + b"\0" * (len(data) % 2)
    return body + table + bytes(4) + values


GEO = (33550, 12, struct.pack("<3d", 0.5, 0.5, 0)), (34735, 3, struct.pack("<4H", 1, 1, 0, 0))


def test_private_tags_of_tiff(tmp_path: Path) -> None:
    data = tiff(*GEO, (65000, 7, bytes(range(50))), (305, 2, b"lamp 1.0\0"))
    path, said = enhance(tmp_path, "a.tif", data, ".tif")
    assert not said
    with Image.open(path) as image:
        assert image.tag_v2[33550] == (0.5, 0.5, 0)  # type: ignore[attr-defined]
        assert image.tag_v2[65000] == bytes(range(50))  # type: ignore[attr-defined]
        assert image.tag_v2[305] == "lamp 1.0"  # type: ignore[attr-defined]


def test_old_pictures_in_a_tiff_are_named(tmp_path: Path) -> None:
    data = tiff(
        (330, 4, struct.pack("<I", 8)), (37724, 7, b"Adobe Photoshop Document Data Block\0dark layers")
    )
    path, said = enhance(tmp_path, "a.tif", data, ".tif")
    assert "reduced pictures (SubIFDs), Photoshop layers" in said
    assert b"dark layers" not in path.read_bytes()


@pytest.mark.parametrize("target", [".tif", ".jpg"])
def test_iptc_of_tiff_in_any_type(tmp_path: Path, target: str) -> None:
    record = IPTC + b"\0" * (-len(IPTC) % 4)
    for kind in (1, 4, 7):
        path, _ = enhance(tmp_path, "a.tif", tiff((33723, kind, record)), target)
        with Image.open(path) as image:
            info = IptcImagePlugin.getiptcinfo(image)
        assert info is not None and info[2, 25] == [b"night", b"stra\xe9"]


def test_how_tifffile_stored_samples_is_not_said_of_the_new_file(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile is another reader")
    stored = np.random.default_rng(0).integers(0, 65535, (3, 40, 60), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig="separate")
    picture = images.read(tmp_path / "a.tif")
    images.write(picture, tmp_path / "b.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), np.moveaxis(stored, 0, -1))


def test_unknown_chunks_of_webp(tmp_path: Path) -> None:
    with io.BytesIO() as file:
        Image.fromarray(scene()).save(file, "WEBP", lossless=True)
        data = file.getvalue()
    data += b"LAMP" + struct.pack("<I", 5) + b"hello\0"
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    path, said = enhance(tmp_path, "a.webp", data, ".webp")
    assert b"LAMP\5\0\0\0hello" in path.read_bytes() and not said
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), scene())
    _, said = enhance(tmp_path, "a.webp", data, ".png")
    assert "unknown chunk 'LAMP' of 5 bytes" in said


def test_unknown_boxes_of_avif_are_named(tmp_path: Path) -> None:
    with io.BytesIO() as file:
        Image.fromarray(scene()).save(file, "AVIF", speed=10)
        data = file.getvalue() + struct.pack(">I4s", 12, b"lamp") + b"data"
    _, said = enhance(tmp_path, "a.avif", data, ".avif")
    assert "unknown box 'lamp' of 4 bytes" in said


def test_grey_profiles_do_not_describe_colour(tmp_path: Path) -> None:
    grey = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    grey[16:20] = b"GRAY"
    data = jpeg(pixels=scene()[..., 0], icc_profile=bytes(grey))
    path, said = enhance(tmp_path, "a.jpg", data, ".png")
    with Image.open(path) as image:
        assert image.info["icc_profile"] == bytes(grey) and not said
    path, said = enhance(tmp_path, "a.jpg", data, ".webp")
    with Image.open(path) as image:
        assert "icc_profile" not in image.info and "colour profile" in said


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_looks_as_its_profile_says(tmp_path: Path, suffix: str) -> None:
    image = Image.merge("CMYK", [Image.new("L", (8, 8), level) for level in (0, 200, 200, 0)])
    image.save(tmp_path / f"a{suffix}", quality=100) if suffix == ".jpg" else image.save(tmp_path / "a.tif")
    picture = images.read(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(picture.pixels.mean((0, 1)), (255, 55, 55), atol=3)
    assert "CMYK is converted to RGB" in picture.warnings[0]


def test_a_file_whose_name_lies_is_read_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(png(pixels=scene()))
    picture = images.read(tmp_path / "a.jpg")
    assert picture.format == "PNG"
    np.testing.assert_array_equal(picture.pixels, scene())


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_damaged_metadata_does_not_keep_the_picture(tmp_path: Path, target: str) -> None:
    for segments in (
        [(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f")],
        [(0xE1, b"Exif\0\0rubbish")],
        [(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\xff\xff\xff\xff")],
        [(0xE2, b"ICC_PROFILE\0\1\1short")],
        [(0xE1, b"http://ns.adobe.com/xap/1.0/\0<not xml")],
    ):
        path, _ = enhance(tmp_path, "a.jpg", jpeg(*segments), target)
        with Image.open(path) as image:
            image.load()


def test_picture_without_anything_says_nothing(tmp_path: Path) -> None:
    for target in TARGETS:
        assert images.losses(Picture(scene()), tmp_path / f"a{target}") == []
