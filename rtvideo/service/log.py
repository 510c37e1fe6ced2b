"""What the service says: lines, or an object of JSON each, on stderr."""

from __future__ import annotations

import json
import os
from datetime import datetime

from rtvideo.console import line

#: The words that begin a message, and what journald calls its priority.
_LEVELS = {"error": 3, "warning": 4, "info": 6}


class Log:
    """Writes messages, each with its camera."""

    def __init__(self, form: str) -> None:
        """Write as ``lines`` or ``json``."""
        self._json = form == "json"
        # journald takes the priority from the beginning of a line (sd-daemon(3)).
        self._journal = "JOURNAL_STREAM" in os.environ

    def __call__(self, message: str, camera: str | None = None) -> None:
        """Write a message. If it begins with ``warning:`` or ``error:``, that is its level."""
        text = message.removeprefix("rtvideo: ")
        level = next((level for level in _LEVELS if text.startswith(f"{level}: ")), "info")
        if self._json:
            moment = datetime.now().astimezone().isoformat(timespec="milliseconds")
            entry = {"time": moment, "level": level, "message": text.removeprefix(f"{level}: ")}
            line(json.dumps(entry if camera is None else entry | {"camera": camera}))
            return
        mark = f"<{_LEVELS[level]}>" if self._journal else ""
        line(f"{mark}rtvideo: {text if camera is None else f'{camera}: {text}'}")
