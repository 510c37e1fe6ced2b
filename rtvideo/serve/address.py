"""Where the web viewer listens, and how a browser names that."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

from rtvideo.errors import UsageError

#: A name of RFC 1123, an IPv4 address, or an IPv6 address in brackets; the port alone is enough.
_SHAPE = re.compile(r"(?:(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):)?(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class Address:
    """A host and a TCP port.

    Attributes:
        host: a name or an address, without brackets.
        port: 0 lets the system choose.
    """

    host: str = "127.0.0.1"
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``[HOST:]PORT``; without a host it is this machine alone.

        Raises:
            UsageError: anything else.
        """
        found = _SHAPE.fullmatch(text)
        if not found or int(found["port"]) > 65535 or (found["v6"] and not _is_ip(found["v6"])):
            raise UsageError(
                f"--serve {text!r} is no address; allowed: PORT, HOST:PORT or [IPV6]:PORT, such as 8080 or "
                "0.0.0.0:8080, with a port from 0 (any free one) to 65535"
            )
        return cls(found["v6"] or found["host"] or cls.host, int(found["port"]))

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def url(self, port: int, token: str | None) -> str:
        """Return what to type into a browser.

        Args:
            port: that was really bound.
            token: None where none is needed.
        """
        host = self.host
        if _is_ip(host) and ipaddress.ip_address(host).is_unspecified:
            host = _outward(ipaddress.ip_address(host).version)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/" + ("" if token is None else f"?token={token}")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a name or address always means this machine, whatever a name server says."""
    if host.lower() == "localhost":
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _outward(version: int) -> str:
    """Return the address that other machines reach this one at, or its name."""
    family, somewhere = {
        4: (socket.AF_INET, "192.0.2.1"),  # of RFC 5737 and RFC 3849: reserved for documentation
        6: (socket.AF_INET6, "2001:db8::1"),
    }[version]
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((somewhere, 9))  # sends nothing: UDP only looks up the route
        return str(probe.getsockname()[0])
    return socket.gethostname()
