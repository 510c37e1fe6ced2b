"""Which viewers a run is asked for: a window, a web page, both or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtvideo.viewers.base import ViewerFactory


def viewers(*, preview: bool, serve: str | None) -> list[ViewerFactory]:
    """Return what opens the viewers, for the live job.

    Args:
        preview: a window (``--preview``, or a live input without ``--out``).
        serve: ``[HOST:]PORT`` of the web viewer, or None.

    Raises:
        UsageError: ``serve`` is no address.
    """
    factories: list[ViewerFactory] = []
    if preview:
        from rtvideo.viewers.window import Window

        factories.append(Window)
    if serve is not None:
        from rtvideo.viewers.web.address import Address
        from rtvideo.viewers.web.viewer import web_viewer

        factories.append(web_viewer(Address.parse(serve)))
    return factories
