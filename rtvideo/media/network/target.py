"""Where encoded pictures may go, and in which of FFmpeg's formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rtvideo.errors import UsageError
from rtvideo.media.containers import container_for
from rtvideo.media.network import srt as bridge
from rtvideo.media.network.address import Kind, kind_of, redact, scheme_of
from rtvideo.media.network.connect import TIMEOUT

#: Seconds between key frames: where a viewer can join, and where segments may end.
KEY_FRAMES = 2.0

#: By scheme: FFmpeg's output format, and a format of files that holds the same streams.
_SERVERS = {
    "rtmp": ("flv", "flv"),
    "rtmps": ("flv", "flv"),
    "rtsp": ("rtsp", "mpegts"),
    "rtsps": ("rtsp", "mpegts"),
    "srt": ("mpegts", "mpegts"),
    "udp": ("mpegts", "mpegts"),
    "tcp": ("mpegts", "mpegts"),
}


@dataclass(frozen=True)
class Target:
    """Where encoded pictures go.

    Attributes:
        address: as the user typed it; name: as it may be shown.
        format: FFmpeg's short name of the output format.
        holds: that of a format of files which holds the same streams.
        options: of the muxer.
        sends: it goes to somebody who waits for it, so that nothing may be held back.
        timeout: seconds until a server that does not answer is given up; 0 where nobody has to.
        program: what it has to go through, see `rtvideo.media.network.srt`; None: nothing but FFmpeg.
    """

    address: str
    name: str
    format: str
    holds: str
    options: dict[str, str] = field(default_factory=dict)
    sends: bool = True
    timeout: float = 0.0
    program: str | None = None

    def fifo(self) -> dict[str, str]:
        """Return the options of FFmpeg's fifo muxer that connects to the server and writes to it.

        It does so in a thread of its own. By itself PyAV would connect with Python's lock held, so that not
        even Ctrl-C came through, and without a time-out. One packet waits, so that the second one gets in
        when the connection stands.
        """
        timeout = "timeout" if self.format == "rtsp" else "rw_timeout"
        options = self.options | {timeout: str(round(1e6 * self.timeout))}
        return {
            "fifo_format": self.format,
            "format_opts": ":".join(f"{name}={value}" for name, value in options.items()),
            "queue_size": "1",
        }


def target_of(text: str, *, live: bool) -> Target:
    """Return what ``--out`` names.

    Args:
        live: segments that are no longer in the list are deleted.

    Raises:
        UsageError: nothing that can be written.
        UnavailableError: nobody here speaks SRT.
    """
    if kind_of(text) is Kind.STREAM:
        scheme = scheme_of(text)
        if scheme not in _SERVERS:
            raise UsageError(
                f"{redact(text)}: cannot send by {scheme!r}; allowed: {', '.join(_SERVERS)}; "
                "or a .m3u8 file for HLS"
            )
        format, holds = _SERVERS[scheme]
        options = {"rtsp_transport": "tcp"} if format == "rtsp" else {}
        if format == "flv":
            options = {"flvflags": "no_duration_filesize"}
        program = bridge.program_for(text)
        return Target(text, redact(text), format, holds, options, timeout=TIMEOUT, program=program)
    if text.lower().endswith(".m3u8"):
        flags = "independent_segments+temp_file" + ("+delete_segments" if live else "")
        options = {"hls_time": f"{KEY_FRAMES:g}", "hls_list_size": "6" if live else "0", "hls_flags": flags}
        if not live:
            options["hls_playlist_type"] = "vod"
        return Target(text, text, "hls", "mpegts", options)
    container = container_for(Path(text))
    return Target(text, text, container, container, sends=False)
