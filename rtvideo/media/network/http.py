"""HTTP requests with user and password of the address, for what FFmpeg does not read itself."""

from __future__ import annotations

import ssl
import urllib.request
from http.client import HTTPResponse
from urllib.parse import unquote, urlsplit, urlunsplit

from rtvideo.media.network.tls import authorities


def get(address: str, timeout: float, *, insecure: bool) -> HTTPResponse:
    """Ask for an address and return the answer, of which nothing has been read.

    Args:
        address: of ``http`` or ``https``; it may hold user and password.
        timeout: seconds for which the server may be silent.
        insecure: trust every certificate.

    Raises:
        OSError: no answer, or a refusal (`urllib.error.HTTPError`).
        ValueError: no such address.
    """
    parts = urlsplit(address)
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=_context(insecure))]
    if parts.username is not None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, plain, unquote(parts.username), unquote(parts.password or ""))
        handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    answer = urllib.request.build_opener(*handlers).open(plain, timeout=timeout)
    assert isinstance(answer, HTTPResponse)
    return answer


def _context(insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities())
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
