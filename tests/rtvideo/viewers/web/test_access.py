from __future__ import annotations

from http import HTTPStatus

import pytest

from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.public_url import PublicUrl
from rtvideo.viewers.web.tokens import Token

PAGE, LIVE, FORBIDDEN, MISSING = (
    HTTPStatus.OK,
    HTTPStatus.SWITCHING_PROTOCOLS,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
)


def test_a_token_is_needed_beyond_this_machine_and_differs_each_time() -> None:
    assert Access.to(Address("127.0.0.1")).token is None
    tokens = {Access.to(Address("0.0.0.0")).token for _ in range(3)}
    assert len(tokens) == 3 and all(token is not None and len(token) >= 20 for token in tokens)


def test_a_token_is_not_shown_where_the_object_is() -> None:
    assert "hidden" not in repr(Access("hidden"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/?token=right", PAGE),
        ("/live?token=right", LIVE),
        ("/live?pictures=jpeg&token=right", LIVE),
        ("/", FORBIDDEN),
        ("/live", FORBIDDEN),
        ("/?token=", FORBIDDEN),
        ("/?token=wrong", FORBIDDEN),
        ("/?token=righ", FORBIDDEN),
        ("/?token=rightt", FORBIDDEN),
        ("/?token=RIGHT", FORBIDDEN),
        ("/?token=wrong&token=right", FORBIDDEN),
        ("/?token=%F0%9F%92%A1", FORBIDDEN),
        ("/live#?token=right", FORBIDDEN),
        ("/nothing?token=wrong", FORBIDDEN),
        ("/nothing?token=right", MISSING),
    ],
)
def test_without_the_token_there_is_nothing(target: str, expected: HTTPStatus) -> None:
    assert Access("right").check(target, "camera.example:8080", None) == expected


@pytest.mark.parametrize(
    "path",
    ["/page.js", "/../setup.cfg", "/%2e%2e/setup.cfg", "//etc/passwd", "/live/", "/live/..", "\\..\\x", "/."],
)
def test_no_path_is_a_file(path: str) -> None:
    assert Access(None).check(path, "localhost:8080", None) == MISSING


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("127.0.0.1:8080", None, LIVE),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", LIVE),
        ("LOCALHOST:8080", "http://localhost:8080", LIVE),
        ("[::1]:8080", "http://[::1]:8080", LIVE),
        ("127.0.0.1:8080", "http://127.0.0.1:8081", FORBIDDEN),
        ("127.0.0.1:8080", "https://elsewhere.example", FORBIDDEN),
        ("127.0.0.1:8080", "null", FORBIDDEN),
        ("127.0.0.1:8080", "", FORBIDDEN),
        # A name that its owner has pointed at 127.0.0.1: the browser takes it for the same origin.
        ("elsewhere.example:8080", "http://elsewhere.example:8080", FORBIDDEN),
        ("[::1", None, FORBIDDEN),
        (None, None, FORBIDDEN),
    ],
)
def test_other_sites_cannot_use_a_browser_on_this_machine(
    host: str | None, origin: str | None, expected: HTTPStatus
) -> None:
    assert Access(None).check("/live", host, origin) == expected


def test_with_the_token_from_elsewhere_is_forbidden_too() -> None:
    access = Access("right")
    assert access.check("/live?token=right", "camera:80", "http://camera:80") == LIVE
    assert access.check("/live?token=right", "camera:80", "http://elsewhere.example") == FORBIDDEN


PROXIED = Access("right", PublicUrl.parse("https://cam.example/cam1/"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/?token=right", PAGE),  # a proxy that takes the prefix away
        ("/cam1/?token=right", PAGE),  # and one that leaves it
        ("/live?token=right", LIVE),
        ("/cam1/live?token=right", LIVE),
        ("/cam1?token=right", HTTPStatus.TEMPORARY_REDIRECT),
        ("/cam1/", FORBIDDEN),
        ("/cam1", FORBIDDEN),
        ("/cam12/?token=right", MISSING),
        ("/cam1/cam1/?token=right", MISSING),
        ("/cam1/live/?token=right", MISSING),
    ],
)
def test_behind_a_proxy_the_page_is_in_its_folder(target: str, expected: HTTPStatus) -> None:
    assert PROXIED.check(target, "cam.example", "https://cam.example") == expected


@pytest.mark.parametrize("host", ["cam.example", "127.0.0.1:8080", "upstream"])
def test_behind_a_proxy_only_pages_of_the_named_site_connect(host: str) -> None:
    for origin in (
        "https://elsewhere.example",
        "https://cam.example.elsewhere.example",
        "null",
        "https://[::1",
    ):
        assert PROXIED.check("/live?token=right", host, origin) == FORBIDDEN
    assert PROXIED.check("/live?token=right", host, "https://cam.example") == LIVE
    assert PROXIED.check("/live?token=wrong", host, "https://cam.example") == FORBIDDEN


def test_a_proxy_may_leave_the_port_out_of_the_host_only_where_a_token_is_needed() -> None:
    assert Access("right").check("/live?token=right", "cam.example", "https://cam.example:8443") == LIVE
    assert Access(None).check("/live", "localhost", "http://localhost:8443") == FORBIDDEN


def test_what_others_can_reach_through_a_proxy_needs_a_token() -> None:
    public = PublicUrl.parse("https://cam.example/")
    assert Access.to(Address("127.0.0.1"), public=public).token is not None
    assert Access.to(Address("127.0.0.1"), Token("given-by-the-operator")).token == "given-by-the-operator"


def test_only_the_site_that_a_flag_would_let_in_is_named() -> None:
    for host, origin in (("cam.example", None), ("cam.example", "http://cam.example")):
        assert Access(None).refused_site("/", host, origin) == "http://cam.example"
    with_token = Access("right")
    assert with_token.refused_site("/live?token=right", "a", "http://b.example") == "http://b.example"
    assert with_token.refused_site("/live?token=wrong", "a", "http://b.example") is None
    assert with_token.refused_site("/live", "a", None) is None
