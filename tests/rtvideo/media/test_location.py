"""What texts stand for, and that no secret of a URL is ever shown."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rtvideo.media.location import LocationKind, expand, kind_of, redact, scheme_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-", LocationKind.PIPE),
        ("0", LocationKind.CAMERA),
        ("12", LocationKind.CAMERA),
        ("cam", LocationKind.CAMERA),
        ("/dev/video3", LocationKind.CAMERA),
        ("/dev/v4l/by-id/usb-x-index0", LocationKind.CAMERA),
        ("rtsp://host/x", LocationKind.STREAM),
        ("RTSP://host/x", LocationKind.STREAM),
        ("https://host/a.mp4?x=1", LocationKind.STREAM),
        ("night.mp4", LocationKind.FILE),
        ("dir/with:colon.mp4", LocationKind.FILE),
        ("camera.mp4", LocationKind.FILE),
        ("١", LocationKind.FILE),
    ],
)
def test_kinds(text: str, kind: LocationKind) -> None:
    assert kind_of(text) is kind


def test_what_exists_is_a_file_and_a_named_pipe_is_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("0").touch()
    Path("cam").mkdir()
    os.mkfifo("topic.y4m")
    assert kind_of("0") is LocationKind.FILE and kind_of("cam") is LocationKind.FILE
    assert kind_of("topic.y4m") is LocationKind.PIPE


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.2:554/live", "rtsp://***@10.0.0.2:554/live"),
        ("rtsp://admin@cam/live", "rtsp://***@cam/live"),
        ("rtsp://u:p/a@s?s#@cam/live", "rtsp://***"),
        ("rtsp://u:p@s@cam/live", "rtsp://***@cam/live"),
        ("http://cam/mjpg?user=me&password=it&raw", "http://cam/mjpg?user=***&password=***&***"),
        ("rtmp://live.example.com/app/my-key-123", "rtmp://live.example.com/app/***"),
        ("rtmps://h/app/key/more?x=1", "rtmps://h/app/***?x=***"),
        ("srt://h:9000?passphrase=0123456789&mode=caller", "srt://h:9000?passphrase=***&mode=***"),
        ("https://h/img@2x/live.m3u8", "https://h/img@2x/live.m3u8"),
        ("night.mp4", "night.mp4"),
        ("a@b:c.mp4", "a@b:c.mp4"),
    ],
)
def test_redacted(address: str, shown: str) -> None:
    assert redact(address) == shown


SCHEMES = st.sampled_from(["rtsp", "http", "rtmp", "srt"])

#: Characters that no other part of the addresses below has, so that finding one means that it leaked.
SECRET = st.text("XYZ0189/@?#&=:%;+ ~$é", min_size=1)


@settings(max_examples=200)
@given(
    st.sampled_from(["rtsp", "http", "rtmp", "srt"]),
    SECRET,
    SECRET,
    st.sampled_from(["", ":81"]),
    st.booleans(),
)
def test_user_and_password_never_show(scheme: str, user: str, secret: str, port: str, escape: bool) -> None:
    if escape:
        user, secret = quote(user, safe=""), quote(secret, safe="")
    else:
        # A name is over at the first colon, and without one nothing tells it from a host.
        assume(not set(user) & set(":/?#@"))
    shown = redact(f"{scheme}://{user}:{secret}@cam{port}/live")
    assert not set(shown) & set("XYZ09%~$é")
    assert shown.startswith(f"{scheme}://")


@settings(max_examples=100)
@given(st.dictionaries(st.text("abc", min_size=1), st.text("XYZ/@:=0%"), min_size=1), st.booleans())
def test_values_of_a_query_never_show(values: dict[str, str], port: bool) -> None:
    query = "&".join(f"{name}={value}" for name, value in values.items())
    shown = redact(f"https://cam{':81' if port else ''}/x?{query}")
    assert not set(shown) & set("XYZ0%")


def test_an_address_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "camera.url").write_text("rtsp://admin:hunter2@cam/live\n")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42\xff")
    assert expand(f"@{tmp_path}/camera.url") == "rtsp://admin:hunter2@cam/live"
    for text in (f"@{tmp_path}/clip.mp4", f"@{tmp_path}/nothing", "@lit.mp4", "rtsp://cam/@x"):
        assert expand(text) == text


def test_schemes() -> None:
    assert scheme_of("UDP://h:1") == "udp" and scheme_of("C:/x") == "" and scheme_of("a b://x") == ""
