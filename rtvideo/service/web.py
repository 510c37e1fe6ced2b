"""The service by HTTP: a page of all cameras, the page of each, state, metrics and health."""

from __future__ import annotations

import json
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from rtvideo.console import say
from rtvideo.errors import UnavailableError
from rtvideo.service.proxy import pass_on
from rtvideo.service.supervisor import Supervisor
from rtvideo.version import __version__, install
from rtvideo.viewers.web.access import LIVE, PAGE, Access
from rtvideo.viewers.web.page import document, static_text
from rtvideo.viewers.web.viewer import WebOptions

#: Seconds in which a request must come, and in which the supervisor must have looked at its cameras.
_REQUEST, _TURN = 5.0, 10.0

#: Connections that may be open; one more, and the oldest of those that watch nothing is cut off.
_CONNECTIONS = 128

#: What pages and metrics are made with.
_PACKAGES = ("websockets", "prometheus_client")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ServiceServer:
    """Serves from threads of its own."""

    def __init__(self, options: WebOptions, access: Access, supervisor: Supervisor) -> None:
        """Begin to listen.

        Args:
            options: where, and to whom.
            access: the rules of that.
            supervisor: whose cameras are shown.

        Raises:
            UnavailableError: a package is missing.
            OutputError: the address cannot be listened on.
        """
        if missing := [name for name in _PACKAGES if find_spec(name) is None]:
            raise UnavailableError(f"listen: {' and '.join(missing)} missing; run: {install('service')}")
        handler = _handler(access, supervisor)
        sockets = options.address.listen()
        port = sockets[0].getsockname()[1]
        self._servers = [_Listener(bound, handler) for bound in sockets]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, name="rtvideo_serve", daemon=True).start()
        base = str(options.public or options.address.url(port, None))
        if access.token is None:
            say(f"watch at {base}")
        elif options.token is None:
            say(f"watch at {base}?token={access.token}")
        else:
            say(f"watch at {base}?token=*** (the token is in {options.token.kept_in})")

    def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, bound: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(bound.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self._waiting: dict[socket.socket, None] = {}
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._waiting) >= _CONNECTIONS:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                _cut(oldest)
            self._waiting[request] = None
        super().process_request(request, client_address)

    def watches(self, request: Any) -> None:
        """Let a connection stay: it shows pictures."""
        with self._lock:
            self._waiting.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        self.watches(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever scans the port must not fill the log."""


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _handler(access: Access, supervisor: Supervisor) -> type[BaseHTTPRequestHandler]:
    names = ("overview.html", "overview.css", "overview.js")
    page = document(*(static_text("rtvideo.service", name) for name in names))

    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST
        protocol_version = "HTTP/1.1"  # WebSockets want it, for refusals too
        server_version, sys_version = "rtvideo", ""

        def do_GET(self) -> None:
            path = access.path_of(self.path)
            if path == "/healthz":
                self._health()
                return
            camera, _, rest = path.removeprefix("/camera/").partition("/")
            is_camera = path.startswith("/camera/")
            status = self._admitted(LIVE if is_camera and f"/{rest}" == LIVE else PAGE)
            if not path or (is_camera and "/" not in path.removeprefix("/camera/")):
                status = HTTPStatus.TEMPORARY_REDIRECT
            if status in (HTTPStatus.FORBIDDEN, HTTPStatus.TEMPORARY_REDIRECT):
                self._answer_plainly(status)
            elif is_camera:
                self._show_camera(camera, rest)
            elif path.startswith("/thumbnail/"):
                self._thumbnail(path.removeprefix("/thumbnail/"))
            elif path in (plain := {PAGE: self._page, "/state": self._state, "/metrics": self._metrics}):
                plain[path]()
            else:
                self._answer_plainly(HTTPStatus.NOT_FOUND)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: addresses hold the token."""

        def _admitted(self, kind: str) -> HTTPStatus:
            """Return whether a request may have the page, or pictures; a header may hold the token, too."""
            parts = urlsplit(self.path)
            query = parts.query
            given = self.headers.get("Authorization", "")
            if given.startswith("Bearer "):
                query = urlencode({"token": given.removeprefix("Bearer ").strip()})
            return access.check(f"{kind}?{query}", self.headers.get("Host"), self.headers.get("Origin"))

        def _page(self) -> None:
            self._answer(page.text.encode(), page.headers.get("Content-Type", ""), page.headers)

        def _state(self) -> None:
            supervisor.watch()
            cameras = [runner.status.as_dict() for runner in list(supervisor.runners.values())]
            body = {"version": __version__, "time": time.time(), "cameras": cameras}
            self._answer(json.dumps(body).encode(), "application/json")

        def _metrics(self) -> None:
            from rtvideo.service.metrics import metrics

            body = metrics(runner.status for runner in list(supervisor.runners.values()))
            self._answer(body, "text/plain; version=0.0.4; charset=utf-8")

        def _health(self) -> None:
            """Say whether the service works, and nothing that needs a token."""
            works = time.monotonic() - supervisor.turned < _TURN
            body = f"{supervisor.summary() if works else 'the supervisor hangs'}\n".encode()
            status = HTTPStatus.OK if works else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(body, "text/plain; charset=utf-8", status=status)

        def _thumbnail(self, name: str) -> None:
            supervisor.watch()
            runner = supervisor.runners.get(name.removesuffix(".jpg"))
            if runner is None or runner.thumbnail is None:
                self._answer_plainly(HTTPStatus.NOT_FOUND)
            else:
                self._answer(runner.thumbnail, "image/jpeg")

        def _show_camera(self, name: str, rest: str) -> None:
            runner = supervisor.runners.get(name)
            port = None if runner is None else runner.port
            if port is None:
                known = HTTPStatus.NOT_FOUND if runner is None else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer_plainly(known)
                return
            query = parse_qs(urlsplit(self.path).query)
            if access.token is not None:
                query["token"] = [access.token]
            target = f"/{rest}?{urlencode(query, doseq=True)}"
            assert isinstance(self.server, _Listener)
            self.server.watches(self.connection)
            self.close_connection = True
            pass_on(self.connection, port, target, self.headers)

        def _answer_plainly(self, status: HTTPStatus) -> None:
            headers = {}
            if status == HTTPStatus.TEMPORARY_REDIRECT:
                path, mark, query = self.path.partition("?")
                headers["Location"] = f"{path.rpartition('/')[2]}/{mark}{query}"
            self._answer(f"{status.phrase}\n".encode(), "text/plain; charset=utf-8", headers, status=status)

        def _answer(
            self,
            body: bytes,
            kind: str,
            headers: dict[str, str] | None = None,
            *,
            status: HTTPStatus = HTTPStatus.OK,
        ) -> None:
            self.send_response(status)
            for name, value in (_HEADERS | {"Content-Type": kind} | (headers or {})).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

    return Handler
