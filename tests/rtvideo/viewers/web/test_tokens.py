from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rtvideo.errors import UsageError
from rtvideo.viewers.web.tokens import VARIABLE, Token, given_token

SECRET = "a-secret-of-23-letters."


def test_none_is_given_unless_a_file_or_the_variable_holds_one(tmp_path: Path) -> None:
    assert given_token(None, {}) is None
    assert given_token(None, {VARIABLE: ""}) is None
    assert given_token(None, {VARIABLE: SECRET}) == Token(SECRET, VARIABLE)
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    assert given_token(file, {VARIABLE: "another-secret-token"}) == Token(SECRET, str(file))


def test_a_file_that_is_missing_is_made_for_the_owner_alone_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    first = given_token(file, {})
    assert first is not None and len(first.value) >= 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert given_token(file, {}) == first


@pytest.mark.parametrize(
    "text", ["", "short", "with space in it, long", "ключ-ключ-ключ-ключ", "a" * 129, "a" * 2000]
)
def test_what_is_no_token_is_refused_and_never_printed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(UsageError, match="allowed: 16 to 128 letters") as refused:
        given_token(file, {})
    assert not text or text not in str(refused.value)
    if text:
        with pytest.raises(UsageError, match="allowed: 16 to 128 letters") as refused:
            given_token(None, {VARIABLE: text})
        assert text not in str(refused.value)


def test_a_file_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    for file in (tmp_path / "no" / "token", tmp_path):
        with pytest.raises(UsageError, match=f"--serve-token-file {file}: ") as refused:
            given_token(file, {})
        assert "\n" not in str(refused.value)


def test_it_is_not_shown_where_the_object_is() -> None:
    assert SECRET not in repr(Token(SECRET, VARIABLE))
