"""The web viewer as the live job sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av

from rtvideo.console import printable, say
from rtvideo.errors import UnavailableError
from rtvideo.version import install
from rtvideo.viewers.base import FrameInfo, ViewerControls, ViewerFactory
from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.encoder import H264, Encoder, Jpeg, SideBySide
from rtvideo.viewers.web.public_url import PublicUrl
from rtvideo.viewers.web.tokens import Token, given_token

#: Seconds between two keyframes that browsers asked for. Keyframes are large.
_KEYS_APART = 0.25

#: What a page may set, and the least value of each; the largest is 1.
_SLIDERS = {"strength": 0, "brightness": -1, "denoise": 0}

_ENCODERS: dict[str, type[H264] | type[Jpeg]] = {"h264": H264, "jpeg": Jpeg}


@dataclass(frozen=True)
class WebOptions:
    """Where the page is shown, and to whom.

    Attributes:
        address: where to listen.
        public: where a reverse proxy shows the page, if one does.
        token: the one that the operator gave, if any.
    """

    address: Address
    public: PublicUrl | None = None
    token: Token | None = None

    @classmethod
    def parse(cls, serve: str, url: str | None = None, token_file: str | None = None) -> WebOptions:
        """Read what the command line gives.

        Args:
            serve: ``[HOST:]PORT``.
            url: as `PublicUrl.parse` reads it.
            token_file: see `given_token`.

        Raises:
            UsageError: any of them is not what is allowed.
        """
        return cls(
            Address.parse(serve),
            None if url is None else PublicUrl.parse(url),
            given_token(None if token_file is None else Path(token_file)),
        )


def web_viewer(options: WebOptions) -> ViewerFactory:
    """Return what opens a web viewer. It prints the address of the page on stderr."""
    return lambda controls, name: WebViewer(options, controls, name)


class WebViewer:
    """Shows frames in browsers; see `rtvideo.viewers.base.Viewer`. Nothing is encoded while nobody looks.

    Attributes:
        url: where, with the token.
        port: the one that was bound.

    Args:
        options: where, and to whom.
        controls: what visitors change.
        name: of the source, for visitors.
        announce: told the address.

    Raises:
        UnavailableError: the package ``websockets`` is missing.
        OutputError: the address cannot be listened on.
    """

    def __init__(
        self,
        options: WebOptions,
        controls: ViewerControls,
        name: str,
        announce: Callable[[str], None] = say,
    ) -> None:
        try:
            from rtvideo.viewers.web.server import Server
        except ImportError:
            raise UnavailableError(f"--serve needs the package websockets; run: {install('serve')}") from None
        access = Access.to(options.address, options.token, options.public)
        # Visitors need not know the folder of a file.
        self._controls, self._name = controls, printable(os.path.basename(name) or name)
        self._info: FrameInfo | None = None
        self._keyframe_at = self._encoding = 0.0
        self._compose = SideBySide()
        self._encoders: dict[str, tuple[tuple[int, int, int], Encoder]] = {}
        self._server = Server(options.address, access, self._control, self._state)
        self.port = self._server.port
        base = str(options.public or options.address.url(self._server.port, None))
        self.url = base if access.token is None else f"{base}?token={access.token}"
        if options.token is None:
            announce(f"watch at {self.url}")
        else:
            announce(f"watch at {base}?token=*** (the token is in {options.token.kept_in})")

    @property
    def watched(self) -> bool:
        """Whether a browser is connected."""
        return any(map(self._server.sends, _ENCODERS))

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        """Show a frame beside what it was made from, in every browser that keeps up."""
        now = time.monotonic()
        before, self._info = self._info, info
        if before is None or before.turn != info.turn:
            self._server.report()
        kinds = [kind for kind in _ENCODERS if self._server.sends(kind)]
        for kind in set(self._encoders).difference(kinds):
            del self._encoders[kind]
        if not kinds:
            return
        wide = self._compose(original, lit, info.aspect)
        for kind in kinds:
            key = self._server.needs_keyframe(kind) and now - self._keyframe_at >= _KEYS_APART
            if key:
                self._keyframe_at = now
            for chunk in self._encoder(kind, wide).encode(wide, key=key):
                self._server.publish(kind, chunk)
        self._compose.release(wide)
        self._encoding = time.monotonic() - now

    def close(self) -> None:
        """Send the last pictures, then close every page's connection."""
        self._server.close()

    def _encoder(self, kind: str, wide: av.VideoFrame) -> Encoder:
        shape = (wide.width, wide.height, int(wide.colorspace))
        if kind not in self._encoders or self._encoders[kind][0] != shape:
            self._encoders[kind] = (shape, _ENCODERS[kind](wide))
        return self._encoders[kind][1]

    def _control(self, wanted: dict[str, Any]) -> None:
        """Change what a page asks to be changed, or raise ValueError."""
        for name, value in wanted.items():
            if name not in _SLIDERS:
                raise ValueError(f"{name} cannot be set")
            least = _SLIDERS[name]
            if type(value) not in (int, float) or not least <= value <= 1:
                raise ValueError(f"{name} must be a number from {least} to 1")
        for name, value in wanted.items():
            setattr(self._controls, name, float(value))

    def _state(self) -> dict[str, Any]:
        controls = self._controls
        frame = None if self._info is None else asdict(self._info)
        if frame is not None and frame["latency"] is not None:
            frame["latency"] += self._encoding  # to the encoder's end; the page adds its own share
        return {
            "name": self._name,
            "strength": controls.strength,
            "denoise": controls.denoise,
            "brightness": controls.brightness,
            "removes_noise": controls.removes_noise,
            "sets_brightness": controls.sets_brightness,
            "frame": frame,
        }
