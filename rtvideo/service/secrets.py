"""Passwords that do not stand in the configuration: ``${NAME}``, ``${credential:NAME}``, ``${file:PATH}``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from rtvideo.errors import UsageError
from rtvideo.media.location import redact, scheme_of

_REFERENCE = re.compile(r"\$\{(?:(?P<kind>[a-z]+):)?(?P<name>[^}]*)\}")

#: The beginning of a URL up to user or password, or up to a value of its query.
_IN_LOGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
_IN_QUERY = re.compile(r"[a-z][a-z0-9+.-]*://[^#]*\?[^#]*", re.IGNORECASE)

#: Where systemd puts what ``LoadCredential=`` names.
_CREDENTIALS = "CREDENTIALS_DIRECTORY"

#: Bytes of the longest secret, and characters of the shortest that is searched for in messages.
_LONGEST, _SHORTEST = 4096, 4


def substituted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return text with its references replaced; ``$${`` stands for ``${``.

    In the login and the query of a URL special characters of the value are escaped, so that a password may
    hold any.

    Raises:
        UsageError: what a reference names is not there.
    """
    parts, end = [], 0
    for found in _REFERENCE.finditer(text):
        before = text[end : found.start()]
        if before.endswith("$"):
            parts.append(f"{before[:-1]}{found[0]}")
        else:
            parts.append(before)
            value = _value(found["kind"], found["name"], environment)
            parts.append(_escaped(value, "".join(parts), text[found.end() :]))
        end = found.end()
    return "".join([*parts, text[end:]])


def with_login(address: str, user: str, password: str) -> str:
    """Return a URL with user and password, which may hold any characters.

    Raises:
        UsageError: no URL, or one that has a login.
    """
    scheme, mark, rest = address.partition("://")
    if not scheme_of(address):
        raise UsageError(
            "user and password are for an input that is an address, such as rtsp://CAMERA/stream1"
        )
    if "@" in rest.split("/", 1)[0]:
        raise UsageError("the input has user and password in it already; give them once")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"{scheme}{mark}{login}@{rest}"


class Scrubber:
    """Removes the secrets of addresses from text: messages of libraries may quote an address."""

    def __init__(self, *addresses: str) -> None:
        self._words = {address: redact(address) for address in addresses if scheme_of(address)}
        for address in list(self._words):
            login = address.partition("://")[2].rpartition("@")[0]
            secret = login.partition(":")[2]
            for word in (secret, unquote(secret)):
                if len(word) >= _SHORTEST:
                    self._words[word] = "***"

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        for word, shown in self._words.items():
            text = text.replace(word, shown)
        return text


def _value(kind: str | None, name: str, environment: Mapping[str, str]) -> str:
    if kind is None:
        if name not in environment:
            raise UsageError(f"${{{name}}}: no such variable in the environment")
        return environment[name]
    if kind not in ("credential", "file"):
        raise UsageError(f"${{{kind}:{name}}} is not allowed; allowed: NAME, credential:NAME or file:PATH")
    path = Path(name)
    if kind == "credential":
        folder = environment.get(_CREDENTIALS)
        if folder is None or not name or "/" in name or name.startswith("."):
            raise UsageError(f"${{credential:{name}}}: no such credential; systemd gives it: LoadCredential=")
        path = Path(folder, name)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_LONGEST).rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"${{{kind}:{name}}}: cannot be read: {reason}") from None


def _escaped(value: str, before: str, after: str) -> str:
    in_login = _IN_LOGIN.fullmatch(before) and "@" in after
    return quote(value, safe="") if in_login or _IN_QUERY.fullmatch(before) else value
