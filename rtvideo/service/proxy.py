"""A request passed on to the page of a camera, which listens on 127.0.0.1 alone."""

from __future__ import annotations

import selectors
import socket
from email.message import Message

#: Seconds in which the camera's page must take the connection, and for which nothing may come: it pings.
_CONNECT, _SILENCE = 5.0, 60.0

_PIECE = 1 << 16


def pass_on(visitor: socket.socket, port: int, target: str, headers: Message) -> None:
    """Send a request to a port of this machine, and then what either side sends to the other, to the end.

    Who may see has been decided: the camera's page sees a visitor of its own.

    Args:
        target: path and query.
        headers: of the visitor.
    """
    place = f"127.0.0.1:{port}"
    own = {"host": place, "origin": f"http://{place}"}
    lines = [f"GET {target} HTTP/1.1"]
    lines += [f"{name}: {own.get(name.lower(), value)}" for name, value in headers.items()]
    try:
        with socket.create_connection(("127.0.0.1", port), _CONNECT) as camera:
            camera.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            _splice(visitor, camera)
    except OSError:
        return


def _splice(one: socket.socket, other: socket.socket) -> None:
    for each in (one, other):
        each.settimeout(_SILENCE)
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while ready := selector.select(_SILENCE):
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(_PIECE)
                if not data:
                    return
                key.data.sendall(data)
