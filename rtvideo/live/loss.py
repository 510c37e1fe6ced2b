"""The kind of line that tells of a loss, so that whoever gets lines need not know their words."""

from __future__ import annotations


class LossLine(str):
    """Tells that a source, or a server that pictures are sent to, is lost and tried again."""
