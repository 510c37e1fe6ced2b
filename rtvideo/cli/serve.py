"""``rtvideo serve``: all cameras of a file, as a service."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from rtvideo.console import say
from rtvideo.errors import ExitCode, RtvideoError, UnavailableError, UsageError
from rtvideo.service.config import ConfigError, ServiceConfig, read_config
from rtvideo.service.log import Log
from rtvideo.service.supervisor import Supervisor
from rtvideo.service.systemd import Notifier, unit
from rtvideo.values import Parser
from rtvideo.viewers.web.access import Access


def run_service(argv: list[str]) -> ExitCode:
    """Run the service until a signal ends it.

    Args:
        argv: what follows ``serve``.

    Raises:
        RtvideoError: a flag, or an address that cannot be listened on.
    """
    flags = Parser(prog="rtvideo serve", description="Enhance all cameras of a file, for months.")
    flags.add_argument("--config", metavar="FILE", type=Path, help="names the cameras (docs/service.md)")
    flags.add_argument("--check", action="store_true", help="check the file, and end")
    flags.add_argument("--print-unit", action="store_true", help="print a unit of systemd, and end")
    arguments = flags.parse_args(argv)
    if not hasattr(signal, "SIGHUP"):
        raise UnavailableError("rtvideo serve: needs Linux or another Unix; one camera works with --input")
    if arguments.config is None:
        raise UsageError("rtvideo serve: needs --config FILE, such as cameras.toml (docs/service.md)")
    if arguments.print_unit:
        sys.stdout.write(unit(arguments.config))
        return ExitCode.DONE
    try:
        config = read_config(arguments.config)
    except ConfigError as error:
        _say_faults(error)
        return error.exit_code
    if arguments.check:
        say(f"{arguments.config}: nothing is wrong with it: {len(config.cameras)} cameras")
        return ExitCode.DONE
    return _serve(arguments.config, config)


def _serve(path: Path, config: ServiceConfig) -> ExitCode:
    log, notify = Log(config.log), Notifier()
    stop, reload = threading.Event(), threading.Event()
    codes: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        codes.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda number, frame: reload.set())

    def read() -> ServiceConfig | None:
        try:
            return read_config(path)
        except ConfigError as error:
            for line in error.lines:
                log(f"error: {line}")
        except RtvideoError as error:
            log(f"error: {error}")
        log("warning: the configuration is not taken; all cameras go on as they were")
        return None

    web = config.web
    access = None if web is None else Access.to(web.address, web.token, web.public)
    supervisor = Supervisor(config, log, None if access is None else access.token, notify)
    server = publisher = None
    if config.mqtt is not None:
        from rtvideo.service.mqtt import MqttPublisher

        supervisor.publish = publisher = MqttPublisher(config.mqtt, config.mqtt_prefix)
    if web is not None and access is not None:
        from rtvideo.service.web import ServiceServer

        server = ServiceServer(web, access, supervisor)
    try:
        supervisor.run(stop, reload, read)
    finally:
        if server is not None:
            server.close()
        if publisher is not None:
            publisher.close()
    return ExitCode.DONE if codes[:1] == [signal.SIGTERM] else ExitCode.INTERRUPTED


def _say_faults(error: ConfigError) -> None:
    for line in error.lines:
        say(f"error: {line}")
