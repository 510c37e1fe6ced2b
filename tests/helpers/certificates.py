"""Certificates for servers on 127.0.0.1, made by the program openssl, and servers that have them."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.servers import Server

#: What a certificate of 127.0.0.1 is for.
_NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"

Talk = Callable[[socket.socket, Server], None]


class Authority:
    """An authority that vouches for servers on this machine.

    Attributes:
        file: its own certificate.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("the program openssl is not installed")
        self._folder, self.file = folder, folder / "authority.pem"
        self._run("req", "-x509", *self._new("authority"), "-subj", "/CN=Night authority", "-out", self.file)

    def certified(self, talk: Talk, names: str = _NAMES) -> Talk:
        """Return a talk by TLS, with a certificate of this authority."""
        return _by_tls(talk, self.context(names))

    def context(self, names: str = _NAMES) -> ssl.SSLContext:
        """Return what a server needs that shows a certificate of this authority."""
        request, names_file = self._folder / "server.csr", self._folder / "names"
        names_file.write_text(names)
        self._run("req", *self._new("server"), "-subj", "/CN=server", "-out", request)
        signed = self._folder / "server.pem"
        words = (
            "-CA",
            self.file,
            "-CAkey",
            self._key("authority"),
            "-CAcreateserial",
            "-extfile",
            names_file,
        )
        self._run("x509", "-req", "-in", request, *words, "-out", signed)
        return _context(signed, self._key("server"))

    def forged(self, talk: Talk) -> Talk:
        """Return a talk by TLS, with a certificate that nobody vouches for."""
        own = self._folder / "own.pem"
        self._run("req", "-x509", *self._new("own"), "-subj", "/CN=own", "-addext", _NAMES, "-out", own)
        return _by_tls(talk, _context(own, self._key("own")))

    def _key(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def _new(self, name: str) -> list[object]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*curve, "-keyout", self._key(name)]

    def _run(self, *words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _by_tls(talk: Talk, context: ssl.SSLContext) -> Talk:
    def talk_by_tls(connection: socket.socket, server: Server) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            talk(wrapped, server)

    return talk_by_tls
