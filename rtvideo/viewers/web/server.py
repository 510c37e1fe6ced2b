"""The web server: one page, and a WebSocket a browser, all in one thread with an event loop."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from rtvideo.errors import RtvideoError
from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.page import page
from rtvideo.viewers.web.send_queue import Chunk, SendQueue, Stream

#: Browsers that may watch at a time.
VIEWERS = 16

#: Bytes that the system may hold for one browser. More would be pictures that come late.
_IN_FLIGHT = 256 * 1024

#: Bytes of a message from the page. It sends one or two numbers.
_MESSAGE = 1024

#: Seconds in which a browser must take a picture or answer.
_PATIENCE = 10.0

#: Seconds that the end waits for browsers to take note of it.
_GOODBYE = 0.5

# Whoever scans the port must not fill the terminal.
_LOGGER = logging.getLogger("rtvideo.viewers.web")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


@dataclass(eq=False)
class _Browser:
    """One WebSocket: what waits for it."""

    connection: ServerConnection
    kind: str
    queue: SendQueue
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Server:
    """Serves from a thread of its own; every method may be called from any thread.

    Args:
        address: where to listen.
        access: who may see.
        on_message: called, in the server's thread, with what a page sends; raises RtvideoError or ValueError
            for what is not allowed, which ends that page's connection.

    Raises:
        OutputError: the address cannot be listened on.
    """

    def __init__(
        self, address: Address, access: Access, on_message: Callable[[dict[str, Any]], None]
    ) -> None:
        self._access, self._on_message = access, on_message
        self._browsers: set[_Browser] = set()
        self._state: dict[str, Any] = {}
        self._page = page()
        self._ended = asyncio.Event()
        sockets = address.listen()
        self.port: int = sockets[0].getsockname()[1]
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._work, args=[sockets], name="rtvideo_serve", daemon=True)
        self._thread.start()

    def wants(self, kind: str) -> bool:
        """Whether any browser watches pictures of a kind, ``h264`` or ``jpeg``."""
        return any(browser.kind == kind for browser in list(self._browsers))

    def needs_keyframe(self, kind: str) -> bool:
        """Whether any of them cannot go on without a picture that stands by itself."""
        return any(browser.kind == kind and browser.queue.needs_keyframe for browser in list(self._browsers))

    def publish(self, kind: str, chunk: Chunk) -> None:
        """Send a picture to all browsers that watch this kind. Never waits."""
        self._loop.call_soon_threadsafe(self._publish, kind, chunk)

    def tell(self, state: dict[str, Any]) -> None:
        """Send what the page shows beside the picture: plain data, as JSON. Never waits."""
        self._loop.call_soon_threadsafe(self._tell, state)

    def close(self) -> None:
        """Send every browser away and end the thread."""
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
                process_request=self._answer,
                compression=None,  # pictures are compressed already
                max_size=_MESSAGE,
                open_timeout=_PATIENCE,
                ping_interval=_PATIENCE,
                ping_timeout=_PATIENCE,
                close_timeout=_GOODBYE,
                write_limit=_IN_FLIGHT,
                server_header=None,
                logger=_LOGGER,
            )
            for bound in sockets
        ]
        await self._ended.wait()
        for server in servers:
            server.close()
        # Who does not read takes no goodbye either; the end of the loop cuts those off.
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * _GOODBYE):
                await asyncio.gather(*(server.wait_closed() for server in servers))

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a plain request; None lets a WebSocket through."""
        headers = request.headers
        status = self._access.check(request.path, _one(headers, "Host"), _one(headers, "Origin"))
        if status == HTTPStatus.OK:
            response = connection.respond(status, self._page.text)
            del response.headers["Content-Type"]
            response.headers.update(self._page.headers)
            return response
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            if len(self._browsers) < VIEWERS:
                return None
            status = HTTPStatus.SERVICE_UNAVAILABLE
        return connection.respond(status, f"{status.phrase}\n")

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        if query.get("pictures") == ["jpeg"]:
            browser = _Browser(connection, "jpeg", SendQueue(limit=1))  # any of them can be left out
        else:
            browser = _Browser(connection, "h264", SendQueue())
        connection.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, _IN_FLIGHT
        )
        self._browsers.add(browser)
        browser.news.set()
        tasks = [asyncio.ensure_future(job(browser)) for job in (self._pictures, self._news, self._listen)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._browsers.discard(browser)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pictures(self, browser: _Browser) -> None:
        stream: Stream | None = None
        while True:
            chunk = await browser.queue.get()
            if chunk.stream is not stream:
                stream = chunk.stream
                await self._send(browser, stream.description)
                if stream.header:
                    await self._send(browser, stream.header)
            await self._send(browser, chunk.data)

    async def _news(self, browser: _Browser) -> None:
        while True:
            await browser.news.wait()
            browser.news.clear()
            if self._state:
                await self._send(browser, json.dumps({"type": "state"} | self._state))

    async def _send(self, browser: _Browser, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await browser.connection.send(message)
        except TimeoutError:
            browser.connection.transport.abort()
            raise

    async def _listen(self, browser: _Browser) -> None:
        async for message in browser.connection:
            try:
                data = json.loads(message)
                if not isinstance(data, dict):
                    raise ValueError("not an object")
                self._on_message(data)
            except (RtvideoError, ValueError, RecursionError) as error:
                await browser.connection.close(1008, str(error)[:100])
                return

    def _publish(self, kind: str, chunk: Chunk) -> None:
        for browser in self._browsers:
            if browser.kind == kind:
                browser.queue.put(chunk)

    def _tell(self, state: dict[str, Any]) -> None:
        self._state = state
        for browser in self._browsers:
            browser.news.set()


def _one(headers: Headers, name: str) -> str | None:
    """Return a header; one that comes twice is as good as none, for nobody knows which to believe."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None
