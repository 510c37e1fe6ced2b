"""The page: markup, style and scripts as one document that needs nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

#: In the order in which the browser runs them, as one script.
_SCRIPTS = ("picture.js", "player.js", "connection.js", "controls.js")


@dataclass(frozen=True)
class Page:
    """A document and its headers.

    Attributes:
        text: HTML.
        headers: of the response.
    """

    text: str
    headers: dict[str, str]


def page() -> Page:
    """Join the files of ``static/``. The headers allow this very style and script, and no other."""
    folder = resources.files("rtvideo.viewers.web") / "static"
    markup, style, *scripts = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("index.html", "style.css", *_SCRIPTS)
    )
    script = "\n".join(scripts)
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
