"""``--when dark``: whether a live scene is dark; nothing is done while there is enough light."""

from __future__ import annotations

#: Brightness below which a scene is dark, and above which it is lit. Between the two it stays what it was.
DARK, LIT = 0.22, 0.30

#: Seconds for which a scene must be lit, or dark, until it counts: a car's lamps are no morning.
_PATIENCE = 5.0


class DarkSwitch:
    """Decides whether a scene is dark, with hysteresis."""

    def __init__(self) -> None:
        self._dark: bool | None = None
        self._since: float | None = None

    @property
    def lit(self) -> bool:
        """Whether there is enough light; not before the first picture."""
        return self._dark is False

    def observe(self, brightness: float, now: float) -> None:
        """Take the brightness of a picture, and the time in seconds on any steady clock."""
        if self._dark is None:
            self._dark = brightness < (DARK + LIT) / 2
            return
        differs = brightness > LIT if self._dark else brightness < DARK
        if not differs:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= _PATIENCE:
            self._dark, self._since = not self._dark, None
