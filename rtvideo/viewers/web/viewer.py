"""The web viewer as the live job sees it."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

import av

from rtvideo.console import say
from rtvideo.errors import UnavailableError
from rtvideo.viewers.base import FrameInfo, ViewerControls, ViewerFactory
from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.encoder import H264, Encoder, Jpeg, SideBySide

#: Seconds between two reports of rate and latency to the page.
_NEWS_EVERY = 0.5

#: Seconds between two pictures that browsers asked for, which are large.
_KEYS_APART = 0.25

_ENCODERS: dict[str, type[H264] | type[Jpeg]] = {"h264": H264, "jpeg": Jpeg}


def web_viewer(address: Address) -> ViewerFactory:
    """Return what opens a web viewer at an address; it says on stderr where to look."""
    return lambda controls, name: WebViewer(address, controls, name)


class WebViewer:
    """Shows frames in browsers; see `rtvideo.viewers.base.Viewer`. Nothing is encoded while nobody looks.

    Attributes:
        url: where, with the token.

    Raises:
        UnavailableError: the package ``websockets`` is missing.
        OutputError: the address cannot be listened on.
    """

    def __init__(self, address: Address, controls: ViewerControls, name: str) -> None:
        try:
            from rtvideo.viewers.web.server import Server
        except ImportError:
            raise UnavailableError(
                "--serve needs the package websockets; run: pip install 'rtvideo[serve]'"
            ) from None
        access = Access.to(address)
        # Where a file lies is nobody's business who only watches.
        self._controls, self._name = controls, os.path.basename(name) or name
        self._info: FrameInfo | None = None
        self._told = self._asked = self._took = 0.0
        self._compose = SideBySide()
        self._encoders: dict[str, tuple[tuple[int, int, int], Encoder]] = {}
        self._server = Server(address, access, self._control)
        self.url = address.url(self._server.port, access.token)
        say(f"watch at {self.url}")

    @property
    def watched(self) -> bool:
        """Whether a browser is connected."""
        return any(map(self._server.wants, _ENCODERS))

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        """See `rtvideo.viewers.base.Viewer.show`."""
        self._info = info
        now = time.monotonic()
        if now - self._told >= _NEWS_EVERY:
            self._told = now
            self._server.tell(self._state())
        kinds = [kind for kind in _ENCODERS if self._server.wants(kind)]
        for kind in set(self._encoders).difference(kinds):
            del self._encoders[kind]
        if not kinds:
            return
        wide = self._compose(original, lit, info.aspect)
        for kind in kinds:
            key = self._server.needs_keyframe(kind) and now - self._asked >= _KEYS_APART
            if key:
                self._asked = now
            for chunk in self._encoder(kind, wide).encode(wide, key=key):
                self._server.publish(kind, chunk)
        self._compose.release(wide)
        self._took = time.monotonic() - now

    def close(self) -> None:
        """Send all browsers away."""
        self._server.close()

    def _encoder(self, kind: str, wide: av.VideoFrame) -> Encoder:
        shape = (wide.width, wide.height, int(wide.colorspace))
        if kind not in self._encoders or self._encoders[kind][0] != shape:
            self._encoders[kind] = (shape, _ENCODERS[kind](wide))
        return self._encoders[kind][1]

    def _control(self, wishes: dict[str, Any]) -> None:
        """Follow a page's wishes, or raise ValueError."""
        for name, value in wishes.items():
            if name not in ("strength", "denoise"):
                raise ValueError(f"{name} cannot be set")
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise ValueError(f"{name} must be a number from 0 to 1")
        for name, value in wishes.items():
            setattr(self._controls, name, float(value))
        self._server.tell(self._state())

    def _state(self) -> dict[str, Any]:
        controls = self._controls
        ran = None if self._info is None else asdict(self._info)
        if ran is not None and ran["latency"] is not None:
            ran["latency"] += self._took  # to the encoder's end; the page adds its own share
        return {
            "name": self._name,
            "strength": controls.strength,
            "denoise": controls.denoise,
            "removes_noise": controls.removes_noise,
            "ran": ran,
        }
