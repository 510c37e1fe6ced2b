"""The address on which the web viewer listens, and its URL."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

from rtvideo.errors import OutputError, UsageError

#: A name of RFC 1123, an IPv4 address, or an IPv6 address in brackets; the port alone is enough.
_SHAPE = re.compile(r"(?:(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):)?(?P<port>[0-9]{1,5})")

#: Errors of a system without IPv6.
_NO_SUCH_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


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
        """Read ``[HOST:]PORT``. Without a host only this machine can connect.

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
        """Return the URL for a browser.

        Args:
            port: the one that was bound.
            token: None if the page needs none.
        """
        host = self.host
        if _is_ip(host) and ipaddress.ip_address(host).is_unspecified:
            host = _outward(ipaddress.ip_address(host).version)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/" + ("" if token is None else f"?token={token}")

    def listen(self) -> list[socket.socket]:
        """Bind every address of the host, all at one port.

        Raises:
            OutputError: none of them is this machine's, or the port is taken.
        """
        bound: list[socket.socket] = []
        port = self.port
        try:
            places = socket.getaddrinfo(self.host, port, type=socket.SOCK_STREAM)
            for number, (family, _, _, _, place) in enumerate(places, start=1):
                try:
                    bound.append(socket.create_server((str(place[0]), port), family=family))
                except OSError as error:
                    # `localhost` stands for ::1 even where there is no IPv6.
                    if error.errno not in _NO_SUCH_FAMILY or (number == len(places) and not bound):
                        raise
                else:
                    port = bound[0].getsockname()[1]
        except OSError as error:
            for listening in bound:
                listening.close()
            # Python adds words to the strings of some; numbers below 0 are those of name servers.
            code = error.errno or 0
            reason = os.strerror(code) if code > 0 else error.strerror
            raise OutputError(
                f"--serve {self}: cannot be listened on: {reason}; "
                "give an address of this machine and a free port, or port 0 to have one found"
            ) from None
        return bound

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Return whether a name or address is this machine, whatever a name server says."""
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
    """Return the address under which other machines reach this one, or its name."""
    family, somewhere = {
        4: (socket.AF_INET, "192.0.2.1"),  # of RFC 5737 and RFC 3849: reserved for documentation
        6: (socket.AF_INET6, "2001:db8::1"),
    }[version]
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((somewhere, 9))  # sends nothing: UDP only looks up the route
        return str(probe.getsockname()[0])
    return socket.gethostname()
