"""systemd: telling it that the service is ready and alive (sd_notify(3)), and a unit for it."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path


class Notifier:
    """Tells systemd how the service is; does nothing where nobody asked."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
        self._every = int(usec) / 2e6 if usec.isdecimal() and pid == str(os.getpid()) else None
        self._due = 0.0

    def __call__(self, **state: str) -> None:
        """Send fields such as ``READY="1"``."""
        if not self._address:
            return
        # A name that begins with @ is none of a file.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        data = "\n".join(f"{name}={value}" for name, value in state.items()).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                sending.setblocking(False)
                sending.sendto(data, address)
        except OSError:
            return

    def alive(self) -> None:
        """Feed the watchdog, if it is time."""
        now = time.monotonic()
        if self._every is not None and now >= self._due:
            self._due = now + self._every / 2
            self(WATCHDOG="1")

    def reloading(self) -> None:
        """Say that the configuration is read again; ``READY`` ends that."""
        self(RELOADING="1", MONOTONIC_USEC=str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000))


def unit(config: Path) -> str:
    """Return a unit that runs the service with this configuration as the present user."""
    command = [sys.executable, "-m", "rtvideo", "serve", "--config", str(config.absolute())]
    words = " ".join(shlex.quote(word).replace("%", "%%") for word in command)
    user = os.environ.get("USER") or str(os.getuid())
    return f"""\
# rtvideo serve --config {config} --print-unit | sudo tee /etc/systemd/system/rtvideo.service
# sudo systemctl daemon-reload && sudo systemctl enable --now rtvideo
[Unit]
Description=Night video of all cameras made visible (rtvideo)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={words}
ExecReload=kill -HUP $MAINPID
User={user}
# The supervisor completes the recordings of all cameras within ten seconds.
KillMode=mixed
TimeoutStopSec=20
WatchdogSec=30
Restart=always
RestartSec=2
# For each ${{credential:NAME}} of the configuration, a file that root alone can read:
#LoadCredential=NAME:/etc/rtvideo/NAME
NoNewPrivileges=yes
ProtectSystem=full
PrivateTmp=yes
CacheDirectory=rtvideo
Environment=XDG_CACHE_HOME=%C/rtvideo

[Install]
WantedBy=multi-user.target
"""
