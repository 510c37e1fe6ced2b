from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.errors import UsageError
from rtvideo.viewers.web.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port", "local"),
    [
        ("8080", "127.0.0.1", 8080, True),
        ("0", "127.0.0.1", 0, True),
        ("localhost:80", "localhost", 80, True),
        ("127.1.2.3:80", "127.1.2.3", 80, True),
        ("[::1]:8080", "::1", 8080, True),
        ("0.0.0.0:8080", "0.0.0.0", 8080, False),
        ("[::]:65535", "::", 65535, False),
        ("192.168.1.7:1", "192.168.1.7", 1, False),
        ("localhost.example:80", "localhost.example", 80, False),
        ("camera:8080", "camera", 8080, False),
    ],
)
def test_addresses(text: str, host: str, port: int, local: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.local) == (host, port, local)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", ":", ":80", "80:", "65536", "-1", "a b:80", "::1:80", "[::g]:80", "[1:80", "http://a:80", "٣"],
)
def test_what_is_no_address_is_told_with_what_is(text: str) -> None:
    with pytest.raises(UsageError, match="allowed: PORT, HOST:PORT"):
        Address.parse(text)


@given(st.text(alphabet="0123456789abf.:[]-/@ \n", max_size=12))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert 0 <= address.port <= 65535 and Address.parse(str(address)) == address


def test_the_url_is_one_that_a_browser_takes() -> None:
    assert Address.parse("0").url(8123, None) == "http://127.0.0.1:8123/"
    assert Address.parse("[::1]:0").url(8123, None) == "http://[::1]:8123/"
    everywhere = Address.parse("0.0.0.0:8123").url(8123, "secret")
    assert everywhere.endswith(":8123/?token=secret") and "0.0.0.0" not in everywhere
