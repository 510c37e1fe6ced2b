"""Sockets that have not asked for anything yet: few at a time, and the newest has precedence."""

from __future__ import annotations

import asyncio
import ipaddress

from websockets.asyncio.server import ServerConnection

#: Sockets that may be open without a WebSocket on them: in all, and from one address.
LIMIT, LIMIT_PER_ADDRESS = 64, 32


class PendingSockets:
    """Holds the sockets whose request has not come, or was answered without a WebSocket.

    One socket too many, and the one that has waited longest is cut off. A browser sends its request at once,
    so a flood of silent sockets cuts off itself.
    """

    def __init__(self) -> None:
        self._open: dict[ServerConnection, str] = {}  # the oldest first

    def add(self, connection: ServerConnection) -> None:
        """Take note of a socket, and cut off another one where there are too many."""
        network = _network(connection.transport.get_extra_info("peername"))
        neighbours = [other for other, place in self._open.items() if place == network]
        if len(neighbours) >= LIMIT_PER_ADDRESS:
            self._abort(neighbours[0])
        elif len(self._open) >= LIMIT:
            self._abort(next(iter(self._open)))
        self._open[connection] = network

    def discard(self, connection: ServerConnection) -> None:
        """Forget a socket that is closed, or that has become a WebSocket."""
        self._open.pop(connection, None)

    def _abort(self, connection: ServerConnection) -> None:
        del self._open[connection]
        connection.transport.abort()

    def connections(self) -> type[ServerConnection]:
        """Return the class of connections that are counted here."""
        pending = self

        class Connection(ServerConnection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                pending.add(self)

            def connection_lost(self, exc: Exception | None) -> None:
                pending.discard(self)
                super().connection_lost(exc)

        return Connection


def _network(peer: tuple[str, int] | None) -> str:
    """Return what one visitor has of the address space: an IPv4 address, or a /64 of IPv6."""
    try:
        address = ipaddress.ip_address(peer[0] if peer else "")
    except ValueError:
        return ""
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
