"""The viewers of a run: a window, a web page, both or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtvideo.errors import UsageError

if TYPE_CHECKING:
    from rtvideo.viewers.base import ViewerFactory


def viewers(
    *, preview: bool, serve: str | None, url: str | None = None, token_file: str | None = None
) -> list[ViewerFactory]:
    """Return what opens the viewers, for the live job.

    Args:
        preview: a window (``--preview``, or a live input without ``--out``).
        serve: ``[HOST:]PORT`` of the web viewer, or None.
        url, token_file: see `rtvideo.viewers.web.viewer.WebOptions.parse`.

    Raises:
        UsageError: one of them is not what is allowed.
    """
    factories: list[ViewerFactory] = []
    if preview:
        from rtvideo.viewers.window import Window

        factories.append(Window)
    if serve is not None:
        from rtvideo.viewers.web.viewer import WebOptions, web_viewer

        factories.append(web_viewer(WebOptions.parse(serve, url, token_file)))
    elif url is not None or token_file is not None:
        raise UsageError("--serve-url and --serve-token-file belong to --serve: add --serve [HOST:]PORT")
    return factories
