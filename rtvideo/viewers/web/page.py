"""The page: markup, style and script as one document that needs nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Page:
    """What is sent.

    Attributes:
        text: HTML.
        headers: beside it.
    """

    text: str
    headers: dict[str, str]


def page() -> Page:
    """Join the three files. Browsers are told to run that very style and script, and no other."""
    files = resources.files("rtvideo.viewers.web")
    markup, style, script = (
        files.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(
        markup.replace("/* style */", style).replace("/* script */", script),
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            # The address holds the token.
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
