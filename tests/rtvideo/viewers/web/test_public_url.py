from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.errors import UsageError
from rtvideo.viewers.web.public_url import PublicUrl


@pytest.mark.parametrize(
    ("text", "origin", "prefix"),
    [
        ("https://cam.example", "https://cam.example", "/"),
        ("https://cam.example/", "https://cam.example", "/"),
        ("https://CAM.example:443/cam1", "https://cam.example", "/cam1/"),
        ("http://cam.example:80/a/b/", "http://cam.example", "/a/b/"),
        ("http://cam.example:8443/", "http://cam.example:8443", "/"),
        ("http://[::1]:8443/cam_1/", "http://[::1]:8443", "/cam_1/"),
        ("https://192.168.1.7/", "https://192.168.1.7", "/"),
    ],
)
def test_urls(text: str, origin: str, prefix: str) -> None:
    url = PublicUrl.parse(text)
    assert (url.origin, url.prefix) == (origin, prefix)
    assert PublicUrl.parse(str(url)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cam.example",
        "/cam1/",
        "ftp://cam.example/",
        "https://",
        "https://user:secret@cam.example/",
        "https://cam.example/?token=secret",
        "https://cam.example/#x",
        "https://cam.example//cam1/",
        "https://cam.example/a b/",
        "https://cam.example/\x1b/",
        "https://cam.example:99999/",
        "https://[::1/",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as https://cam\.example/cam1/") as refused:
        PublicUrl.parse(text)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=30))
def test_any_text_is_a_url_or_a_usage_error(text: str) -> None:
    for prefix in ("", "https://", "https://cam.example/"):
        try:
            url = PublicUrl.parse(prefix + text)
        except UsageError:
            continue
        assert PublicUrl.parse(str(url)) == url and url.prefix[0] == url.prefix[-1] == "/"
