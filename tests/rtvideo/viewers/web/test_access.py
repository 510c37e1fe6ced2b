from __future__ import annotations

from http import HTTPStatus

import pytest

from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address

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
