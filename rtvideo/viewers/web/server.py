"""The web server: one page, and a WebSocket for each browser, in one thread with an event loop."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from rtvideo.console import say
from rtvideo.errors import RtvideoError
from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.page import page
from rtvideo.viewers.web.pending import PendingSockets
from rtvideo.viewers.web.send_queue import Chunk, SendQueue, Stream

#: Browsers that may watch at a time.
VIEWERS = 16

#: Seconds between two reports of the state. The page takes a longer silence for a server that is gone.
STATE_EVERY = 0.5

#: Bytes that the system may hold for one browser. More would be pictures that come late.
_IN_FLIGHT = 256 * 1024

#: Bytes of a message from the page. It sends one or two numbers.
_MESSAGE = 1024

#: Seconds until a new socket must have asked for something.
_HANDSHAKE = 5.0

#: Seconds in which a browser must take a picture or answer a ping.
_PATIENCE = 10.0

#: Seconds that the end waits until browsers have the last pictures, and again until they have closed.
_GOODBYE = 0.5

#: Sockets that are accepted in one go, and that the system keeps until then.
_ACCEPTED, _BACKLOG = 16, 512

# Whoever scans the port must not fill the terminal.
_LOGGER = logging.getLogger("rtvideo.viewers.web")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


@dataclass(eq=False)
class _Browser:
    """One WebSocket, and what waits for it."""

    connection: ServerConnection
    kind: str
    queue: SendQueue
    report_due: asyncio.Event = field(default_factory=asyncio.Event)


class Server:
    """Serves from a thread of its own. Every method may be called from any thread.

    Args:
        address: where to listen.
        access: who may see.
        on_message: called in the server's thread with each message of a page. It raises RtvideoError or
            ValueError for what is not allowed, which ends that page's connection.
        state: called in the server's thread; returns what pages show beside the picture, as plain data. The
            server adds ``silent``: the seconds without a new picture while somebody was there to see one.

    Raises:
        OutputError: the address cannot be listened on.
    """

    def __init__(
        self,
        address: Address,
        access: Access,
        on_message: Callable[[dict[str, Any]], None],
        state: Callable[[], dict[str, Any]],
    ) -> None:
        self._access, self._on_message, self._state = access, on_message, state
        self._browsers: set[_Browser] = set()
        self._watched_since = self._published_at = 0.0
        self._hinted = False
        self._pending = PendingSockets()
        self._page = page()
        self._ended = asyncio.Event()
        sockets = address.listen()
        self.port: int = sockets[0].getsockname()[1]
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._loop.set_exception_handler(lambda _, context: _LOGGER.debug("%s", context))
        self._thread = threading.Thread(target=self._work, args=[sockets], name="rtvideo_serve", daemon=True)
        self._thread.start()

    def sends(self, kind: str) -> bool:
        """Return whether any browser takes pictures of a kind, ``h264`` or ``jpeg``."""
        return any(browser.kind == kind for browser in list(self._browsers))

    def needs_keyframe(self, kind: str) -> bool:
        """Return whether any of them cannot go on without a keyframe."""
        return any(browser.kind == kind and browser.queue.needs_keyframe for browser in list(self._browsers))

    def publish(self, kind: str, chunk: Chunk) -> None:
        """Send a picture to all browsers that take this kind. Never waits."""
        self._published_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._publish, kind, chunk)

    def report(self) -> None:
        """Send the state now, and not only when it is due. Never waits."""
        self._loop.call_soon_threadsafe(self._report_to_all)

    def close(self) -> None:
        """Send the last pictures, close every connection and end the thread."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _work(self, sockets: list[socket.socket]) -> None:
        with self._runner:
            self._runner.run(self._run(sockets))

    async def _run(self, sockets: list[socket.socket]) -> None:
        servers = [
            await serve(
                self._serve,
                sock=bound,
                backlog=_ACCEPTED,
                create_connection=self._pending.connections(),
                process_request=self._answer,
                compression=None,  # pictures are compressed already
                max_size=_MESSAGE,
                open_timeout=_HANDSHAKE,
                ping_interval=_PATIENCE,
                ping_timeout=_PATIENCE,
                close_timeout=_GOODBYE,
                write_limit=_IN_FLIGHT,
                server_header=None,
                logger=_LOGGER,
            )
            for bound in sockets
        ]
        for bound in sockets:
            bound.listen(_BACKLOG)  # asyncio has but one number for both
        clock = asyncio.ensure_future(self._report_regularly())
        await self._ended.wait()
        clock.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                while any(len(browser.queue) for browser in self._browsers):
                    await asyncio.sleep(0.01)
        transports = [browser.connection.transport for browser in self._browsers]
        for server in servers:
            server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * _GOODBYE):
                await asyncio.gather(*(server.wait_closed() for server in servers))
        # A browser that does not read takes no goodbye either, and the loop would leave its socket open.
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a plain request; None lets a WebSocket through."""
        visitor = (request.path, _one(request.headers, "Host"), _one(request.headers, "Origin"))
        status = self._access.check(*visitor)
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            if len(self._browsers) < VIEWERS:
                return None
            status = HTTPStatus.SERVICE_UNAVAILABLE
        if status == HTTPStatus.FORBIDDEN:
            self._hint(self._access.refused_site(*visitor))
        if status != HTTPStatus.OK:
            response = connection.respond(status, f"{status.phrase}\n")
            if status == HTTPStatus.TEMPORARY_REDIRECT:
                path, mark, query = request.path.partition("?")
                response.headers["Location"] = f"{path.rpartition('/')[2]}/{mark}{query}"
            return response
        response = connection.respond(status, self._page.text)
        del response.headers["Content-Type"]
        response.headers.update(self._page.headers)
        return response

    def _hint(self, site: str | None) -> None:
        """Tell the operator, once, how to let visitors in who come through a proxy."""
        if site is not None and not self._hinted:
            self._hinted = True
            say(
                f"warning: refused a visitor of {site[:200]}; if that is your own proxy, "
                f"give the address of its page: --serve-url {site[:200]}/"
            )

    async def _serve(self, connection: ServerConnection) -> None:
        self._pending.discard(connection)
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        if query.get("pictures") == ["jpeg"]:
            browser = _Browser(connection, "jpeg", SendQueue(limit=1))  # any of them can be left out
        else:
            browser = _Browser(connection, "h264", SendQueue())
        connection.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, _IN_FLIGHT
        )
        if not self._browsers:
            self._watched_since = time.monotonic()
        self._browsers.add(browser)
        browser.report_due.set()
        loops = (self._send_pictures, self._send_state, self._receive)
        tasks = [asyncio.ensure_future(loop(browser)) for loop in loops]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._browsers.discard(browser)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_pictures(self, browser: _Browser) -> None:
        stream: Stream | None = None
        while True:
            chunk = await browser.queue.get()
            if chunk.stream is not stream:
                stream = chunk.stream
                await self._send(browser, stream.description)
                if stream.header:
                    await self._send(browser, stream.header)
            await self._send(browser, chunk.data)

    async def _send_state(self, browser: _Browser) -> None:
        while True:
            await browser.report_due.wait()
            browser.report_due.clear()
            silent = time.monotonic() - max(self._published_at, self._watched_since)
            await self._send(browser, json.dumps({"type": "state", "silent": silent} | self._state()))

    async def _report_regularly(self) -> None:
        """Report whether or not pictures come, so that pages notice when they stop."""
        while True:
            self._report_to_all()
            await asyncio.sleep(STATE_EVERY)

    async def _send(self, browser: _Browser, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await browser.connection.send(message)
        except TimeoutError:
            browser.connection.transport.abort()
            raise

    async def _receive(self, browser: _Browser) -> None:
        async for message in browser.connection:
            try:
                data = json.loads(message)
                if not isinstance(data, dict):
                    raise ValueError("not an object")
                self._on_message(data)
            except (RtvideoError, ValueError, RecursionError) as error:
                await browser.connection.close(1008, str(error)[:100])
                return
            self._report_to_all()

    def _publish(self, kind: str, chunk: Chunk) -> None:
        for browser in self._browsers:
            if browser.kind == kind:
                browser.queue.put(chunk)

    def _report_to_all(self) -> None:
        for browser in self._browsers:
            browser.report_due.set()


def _one(headers: Headers, name: str) -> str | None:
    """Return a header. One that comes twice counts as missing, for nobody knows which to believe."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None
