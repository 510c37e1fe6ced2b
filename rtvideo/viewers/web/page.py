"""The page: markup, style and scripts as one document that needs nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

_PACKAGE = "rtvideo.viewers.web"

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
    """Return the page of one camera or file."""
    markup, style, *scripts = (static_text(_PACKAGE, name) for name in ("index.html", "style.css", *_SCRIPTS))
    return document(markup, style, *scripts)


def document(markup: str, style: str, *scripts: str) -> Page:
    """Join the parts of a page. The headers allow this very style and script, and no other."""
    script, style = "\n".join(scripts), static_text(_PACKAGE, "colours.css") + style
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "media-src blob:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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


def static_text(package: str, name: str) -> str:
    """Return a file of the folder ``static`` of a package."""
    return resources.files(package).joinpath("static", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
