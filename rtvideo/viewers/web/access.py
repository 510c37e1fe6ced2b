"""Who may see the page and its pictures."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from rtvideo.viewers.web.address import Address, is_loopback

#: The page, and the WebSocket behind it: nothing else is there, and no path ever becomes a file name.
PAGE, LIVE = "/", "/live"


@dataclass(frozen=True)
class Access:
    """Decides each request by itself.

    Attributes:
        token: what a URL must hold, or None where only this machine can connect.
    """

    token: str | None = field(repr=False)

    @classmethod
    def to(cls, address: Address) -> Access:
        """Return the rules for an address: beyond this machine a token is needed, a fresh one each run."""
        return cls(None if address.local else secrets.token_urlsafe(16))

    def check(self, target: str, host: str | None, origin: str | None) -> HTTPStatus:
        """Return ``OK`` for the page, ``SWITCHING_PROTOCOLS`` for the pictures, or why not.

        Args:
            target: of the request line, with its query.
            host, origin: headers; a browser sends both with a WebSocket, other programs no origin.
        """
        parts = urlsplit(target)
        if not self._admits(parts.query, host):
            return HTTPStatus.FORBIDDEN
        if parts.path == PAGE:
            return HTTPStatus.OK
        if parts.path != LIVE:
            return HTTPStatus.NOT_FOUND
        # Browsers let any page open a WebSocket to anywhere (RFC 6455, section 10.2).
        if origin is not None and urlsplit(origin).netloc.lower() != (host or "").lower():
            return HTTPStatus.FORBIDDEN
        return HTTPStatus.SWITCHING_PROTOCOLS

    def _admits(self, query: str, host: str | None) -> bool:
        if self.token is None:
            # Without a token, a name that someone else's name server points at this machine must not do.
            return is_loopback(_name(host))
        given = parse_qs(query).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.token.encode())


def _name(host: str | None) -> str:
    try:
        return urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return ""
