"""The token that opens the page: from a file, from the environment, or drawn for one run."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rtvideo.errors import UsageError

#: The environment variable that may hold a token. A flag would show it to every user in ``ps``.
VARIABLE = "RTVIDEO_TOKEN"

_SHAPE = re.compile(r"[A-Za-z0-9._~-]{16,128}")
_ALLOWED = "allowed: 16 to 128 letters, digits and -._~"
_FRESH = "python3 -c 'import secrets; print(secrets.token_urlsafe())'"


@dataclass(frozen=True)
class Token:
    """A token.

    Attributes:
        value: the secret, which needs no escape in a URL.
        kept_in: the file or variable that holds it, or nothing where it was drawn for this run.
    """

    value: str = field(repr=False)
    kept_in: str = ""


def drawn_token() -> Token:
    """Return a new random token."""
    return Token(secrets.token_urlsafe(16))


def given_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> Token | None:
    """Return the token that the operator gave, or None.

    Args:
        file: holds the token alone. A missing file is created with a new token, readable by its owner only,
            so that later runs find the same one.
        environment: read where there is no file.

    Raises:
        UsageError: the file cannot be read or made, or there is no token in it or in the variable.
    """
    if file is not None:
        return Token(_read(file), str(file))
    if value := environment.get(VARIABLE, ""):
        if not _SHAPE.fullmatch(value):
            raise UsageError(f"{VARIABLE} is no token; {_ALLOWED}; make one with: {_FRESH}")
        return Token(value, VARIABLE)
    return None


def _read(file: Path) -> str:
    try:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            value = file.read_bytes()[:1000].decode("utf-8", "replace").strip()
        else:
            value = drawn_token().value
            with open(descriptor, "w", encoding="ascii") as new:
                new.write(value + "\n")
    except OSError as error:
        reason = f"{error.strerror}; name a file that can be read, or made"
        raise UsageError(f"--serve-token-file {file}: {reason}") from None
    if not _SHAPE.fullmatch(value):
        raise UsageError(
            f"--serve-token-file {file}: holds no token; {_ALLOWED}; name a file that does not exist, "
            "and rtvideo makes one"
        )
    return value
