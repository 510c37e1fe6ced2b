"""The address of the page behind a reverse proxy, as visitors type it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from rtvideo.errors import UsageError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PREFIX = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*")


@dataclass(frozen=True)
class PublicUrl:
    """Where a proxy shows the page.

    Attributes:
        origin: scheme, host and port as browsers write them in ``Origin``: ``https://cam.example``.
        prefix: the folder of the page, with a slash at both ends: ``/cam1/``.
    """

    origin: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> PublicUrl:
        """Read a URL such as ``https://cam.example/cam1/``.

        Raises:
            UsageError: anything else.
        """
        try:
            parts = urlsplit(text)
            port, host = parts.port, parts.hostname
        except ValueError:
            port = host = None
        else:
            prefix = parts.path.rstrip("/") + "/"
        if (
            not host
            or parts.scheme not in _DEFAULT_PORTS
            or "@" in parts.netloc
            or parts.query
            or parts.fragment
            or not _PREFIX.fullmatch(prefix)
        ):
            raise UsageError(
                f"--serve-url {text!r} is no address of a page; allowed: http or https, a host and a folder, "
                "such as https://cam.example/cam1/"
            )
        host = f"[{host}]" if ":" in host else host
        at = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
        return cls(f"{parts.scheme}://{host}{at}", prefix)

    def __str__(self) -> str:
        return self.origin + self.prefix
