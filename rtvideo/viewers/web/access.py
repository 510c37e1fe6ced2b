"""Who may see the page and its pictures."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from rtvideo.viewers.web.address import Address, is_loopback
from rtvideo.viewers.web.public_url import PublicUrl
from rtvideo.viewers.web.tokens import Token, drawn_token

#: The page, and the WebSocket behind it: nothing else is there, and no path ever becomes a file name.
PAGE, LIVE = "/", "/live"


@dataclass(frozen=True)
class Access:
    """Decides each request by itself.

    Attributes:
        token: what a URL must hold, or None where only this machine can connect.
        public: where a reverse proxy shows the page, if one does.
    """

    token: str | None = field(repr=False)
    public: PublicUrl | None = None

    @classmethod
    def to(cls, address: Address, given: Token | None = None, public: PublicUrl | None = None) -> Access:
        """Return the rules for an address. Whatever others can reach needs a token, given or drawn."""
        if given is None and address.local and public is None:
            return cls(None)
        return cls((given or drawn_token()).value, public)

    def check(self, target: str, host: str | None, origin: str | None) -> HTTPStatus:
        """Return ``OK`` for the page, ``SWITCHING_PROTOCOLS`` for the pictures, or why not.

        ``TEMPORARY_REDIRECT`` means that the address of the page lacks its last slash.

        Args:
            target: of the request line, with its query.
            host, origin: headers; a browser sends both with a WebSocket, other programs no origin.
        """
        parts = urlsplit(target)
        if not self._admits(parts.query, host):
            return HTTPStatus.FORBIDDEN
        path = self.path_of(target)
        if not path:
            return HTTPStatus.TEMPORARY_REDIRECT
        if path == PAGE:
            return HTTPStatus.OK
        if path != LIVE:
            return HTTPStatus.NOT_FOUND
        # Browsers let any page open a WebSocket to anywhere (RFC 6455, section 10.2).
        if origin is not None and not self._trusts(origin, host):
            return HTTPStatus.FORBIDDEN
        return HTTPStatus.SWITCHING_PROTOCOLS

    def path_of(self, target: str) -> str:
        """Return the path of a request below the folder of the page; nothing if only its slash is missing."""
        path = urlsplit(target).path
        if self.public is not None and len(self.public.prefix) > 1:
            # Some proxies take the prefix away, some leave it.
            if path + "/" == self.public.prefix:
                return ""
            if path.startswith(self.public.prefix):
                return path[len(self.public.prefix) - 1 :]
        return path or PAGE

    def refused_site(self, target: str, host: str | None, origin: str | None) -> str | None:
        """Return the site of a refused request if naming it in ``--serve-url`` would have let it in."""
        if self.token is not None and not self._admits(urlsplit(target).query, host):
            return None
        if origin is None and self.token is None and not is_loopback(_name(host)):
            return f"http://{host}"
        return origin if origin and "://" in origin else None

    def _admits(self, query: str, host: str | None) -> bool:
        if self.token is None:
            # Without a token, a name that someone else's name server points at this machine must not do.
            return is_loopback(_name(host))
        given = parse_qs(query).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _trusts(self, origin: str, host: str | None) -> bool:
        if self.public is not None and origin.lower() == self.public.origin:
            return True
        try:
            site = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        if not site or not host:
            return False
        # Proxies often pass the name on without its port. A page at another port does not know the token.
        return site == host.lower() or (self.token is not None and _name(site) == _name(host))


def _name(host: str | None) -> str:
    try:
        return urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return ""
