"""The configuration of ``rtvideo serve``: a TOML file, checked whole before anything starts."""

from __future__ import annotations

import re
import tomllib
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rtvideo import values
from rtvideo.engines.registry import check_names
from rtvideo.errors import InputError, RtvideoError, UsageError
from rtvideo.live.encoded_opener import is_hls, is_timed
from rtvideo.live.outputs import check_outputs
from rtvideo.live.recording_name import EXAMPLE, RecordingName
from rtvideo.media.location import LocationKind, expand, kind_of, redact
from rtvideo.models import find
from rtvideo.options import CaptureOptions, LiveOptions, Options, flags_of
from rtvideo.service.config_lines import Path as _Path
from rtvideo.service.config_lines import explained, line_of, lines_of
from rtvideo.service.schedule import Schedule
from rtvideo.service.secrets import substituted, with_login
from rtvideo.values import did_you_mean
from rtvideo.viewers.web.viewer import WebOptions

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")

#: How far a camera steps back behind others, by what the file calls it: a nice value.
NORMAL = "normal"
PRIORITIES = {NORMAL: 0, "low": 10}

#: Flags that make no sense where nothing ever ends.
_OF_FILES = {
    *("overwrite", "resume", "start", "duration", "frames", "framerate", "deinterlace", "hdr", "transfer"),
    *("video-stream", "output-format", "log"),
}

#: What defaults say of recordings alone; cameras without one go without.
_RECORDING = ("segment", "keep")

_RECORDS: tuple[type[Any], ...] = (Options, LiveOptions, CaptureOptions)

#: By the key in the file: record, field, default and flag of each option of a camera.
_FLAGS = {
    flag.name or name.replace("_", "-"): (record, name, default, flag)
    for record in _RECORDS
    for name, default, flag in flags_of(record)
    if (flag.name or name.replace("_", "-")) not in _OF_FILES
}

_OWN = ("input", "out", "user", "password", "schedule", "priority", "enabled")
_SERVICE = ("listen", "url", "token-file", "threads", "log", "mqtt", "mqtt-prefix")


class ConfigError(UsageError):
    """What is wrong with a configuration.

    Attributes:
        lines: one for each fault: file, line, what is allowed.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class Camera:
    """One camera. Two are equal if nothing about it has changed.

    Attributes:
        name: for messages, pages and metrics.
        input, outputs: with their secrets.
        options, live: as on the command line.
        schedule: when it is wanted; None is always.
        priority: one of `PRIORITIES`.
    """

    name: str
    input: str = field(repr=False)
    outputs: tuple[str, ...] = field(repr=False)
    options: Options
    live: LiveOptions
    schedule: Schedule | None = None
    priority: str = "normal"


@dataclass(frozen=True)
class ServiceConfig:
    """The whole file.

    Attributes:
        cameras: by name, in the order of the file.
        web: where the page is shown; None shows none.
        threads: to share; 0 takes what this process may use.
        log: ``lines`` or ``json``.
        mqtt: the address of a broker with its secrets; None publishes nothing.
        mqtt_prefix: what topics begin with.
    """

    cameras: dict[str, Camera]
    web: WebOptions | None = None
    threads: int = 0
    log: str = "lines"
    mqtt: str | None = field(default=None, repr=False)
    mqtt_prefix: str = "rtvideo"


def read_config(path: Path) -> ServiceConfig:
    """Read and check a file.

    Raises:
        InputError: it cannot be read.
        ConfigError: anything in it is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"{path}: cannot be read: {reason}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, words = explained(str(error), text)
        raise ConfigError([f"{path}:{line}: {words}"]) from None
    return _Reader(path, text).read(data)


class _Reader:
    """Collects the faults of a file."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._lines = path, lines_of(text)
        self._faults: list[tuple[int, str]] = []
        self._count = 0

    def read(self, data: dict[str, Any]) -> ServiceConfig:
        for name in data.keys() - {"service", "defaults", "camera"}:
            self._fault((name,), f"{name!r} is not allowed; allowed: service, defaults, camera.NAME")
        service = self._table(data, "service")
        defaults = self._table(data, "defaults")
        tables = self._table(data, "camera")
        cameras: dict[str, Camera] = {}
        for key in defaults:
            self._known(("defaults", key), key, (*_FLAGS, "schedule", "priority", "enabled"))
        for name, table in tables.items():
            if not _NAME.fullmatch(name):
                allowed = "a name of letters, digits, - and _"
                self._fault(("camera", name), f"camera {name!r} is not allowed; allowed: {allowed}")
            elif not isinstance(table, dict):
                self._fault(("camera", name), f"camera {name}: is no table; write [camera.{name}]")
            elif camera := self._camera(name, table, defaults):
                cameras[name] = camera
        if not tables:
            self._fault((), "no camera; write [camera.NAME] with an input and out")
        self._refuse_twins(cameras)
        made = self._service(service, cameras)
        if self._faults:
            raise ConfigError([f"{self._path}:{line}: {text}" for line, text in sorted(self._faults)])
        return made

    def _service(self, table: dict[str, Any], cameras: dict[str, Camera]) -> ServiceConfig:
        for key in table:
            self._known(("service", key), key, _SERVICE)

        def given(key: str, read: Callable[[str], Any], default: Any = None) -> Any:
            names = [name for name in table if _key(name) == key]
            for name in names:
                return self._try(("service", name), key, _read_text, read, table[name])
            return default

        listen, url, token = (given(key, str) for key in ("listen", "url", "token-file"))
        web = None
        if listen is not None:
            web = self._try(("service", "listen"), "listen", WebOptions.parse, listen, url, token)
        elif url or token:
            self._fault(("service",), 'url and token-file belong to the page; add listen = "[HOST:]PORT"')
        return ServiceConfig(
            cameras,
            web,
            given("threads", values.count, 0),
            given("log", values.choice("lines", "json"), "lines"),
            given("mqtt", _broker),
            given("mqtt-prefix", str, "rtvideo"),
        )

    def _camera(self, name: str, table: dict[str, Any], defaults: dict[str, Any]) -> Camera | None:
        before = self._count
        path: _Path = ("camera", name)
        for key in table:
            self._known((*path, key), key, (*_OWN, *_FLAGS))
        merged: dict[str, tuple[_Path, Any]] = {
            _key(key): (("defaults", key), value) for key, value in defaults.items()
        }
        merged |= {_key(key): ((*path, key), value) for key, value in table.items()}

        def own(key: str, read: Callable[[Any], Any], default: Any) -> Any:
            if key not in merged:
                return default
            place, value = merged[key]
            return self._try(place, f"camera {name}: {key}", read, value)

        input = own("input", partial(_read_text, expand), None)
        if "input" not in merged:
            self._fault(path, f'camera {name}: has no input; write input = "rtsp://CAMERA/stream"')
        user, password = (own(key, partial(_read_text, str), "") for key in ("user", "password"))
        if input and (user or password):
            input = self._try((*path, "user"), f"camera {name}", with_login, input, user, password)
        outputs = own("out", lambda value: tuple(expand(substituted(text)) for text in _texts(value)), ())
        schedule = own("schedule", lambda value: Schedule.parse(_texts(value)), None)
        priority = own("priority", lambda value: values.choice(*PRIORITIES)(_text(value)), "normal")
        enabled = own("enabled", _yes_or_no, True)
        if not any(_is_recording(output) for output in outputs or ()):
            for key in _RECORDING:
                if key in merged and merged[key][0][0] == "defaults":
                    del merged[key]
        records = {record: self._record(record, name, merged) for record in _RECORDS}
        if self._count > before:
            return None
        wishes = CaptureOptions(**records[CaptureOptions])
        live = LiveOptions(wishes, **records[LiveOptions])
        # HLS segments of a run before are replaced; recordings have names by time.
        options = Options(**records[Options], overwrite=True)
        camera = Camera(name, input, outputs, options, live, schedule, priority)
        for key, check in (("input", _check_input), ("model", _check_engine), ("out", _check_outputs)):
            place = merged[key][0] if key in merged else path
            self._try(place, f"camera {name}", check, camera)
        return camera if enabled else None

    def _record(self, record: type[Any], name: str, merged: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for key, (owner, attribute, default, flag) in _FLAGS.items():
            if owner is record and key in merged:
                place, value = merged[key]
                words = f"camera {name}" if place[0] == "camera" else "defaults"
                given = _plain(value, default)
                found[attribute] = self._try(place, words, flag.value, key, given, default)
        return found

    def _refuse_twins(self, cameras: dict[str, Camera]) -> None:
        first: dict[str, str] = {}
        for name, camera in cameras.items():
            for output in camera.outputs:
                if output in first:
                    which = f"{redact(output)} is an output of camera {first[output]} too"
                    self._fault(("camera", name, "out"), f"camera {name}: {which}")
                first.setdefault(output, name)

    def _table(self, data: dict[str, Any], name: str) -> dict[str, Any]:
        found = data.get(name, {})
        if isinstance(found, dict):
            return found
        wanted = f"[{name}.NAME]" if name == "camera" else f"[{name}]"
        self._fault((name,), f"{name} is no table; write {wanted}")
        return {}

    def _known(self, path: _Path, key: str, allowed: tuple[str, ...]) -> None:
        if _key(key) in allowed:
            return
        words = " ".join(path[:-1]) if path[0] == "camera" else path[0]
        of_files = "; it is for files" if _key(key) in _OF_FILES else ""
        meant = of_files or did_you_mean(key, allowed) or f"; allowed: {', '.join(allowed)}"
        self._fault(path, f"{words}: {key!r} is not allowed{meant}")

    def _try(self, path: _Path, words: str, read: Callable[..., Any], *given: Any) -> Any:
        try:
            return read(*given)
        except (RtvideoError, ArgumentTypeError) as error:
            self._fault(path, f"{words}: {error}")
            return None

    def _fault(self, path: _Path, text: str) -> None:
        self._count += 1
        fault = (line_of(path, self._lines), text)
        if fault not in self._faults:  # one of the defaults comes up with each camera
            self._faults.append(fault)


def _check_engine(camera: Camera) -> None:
    find(camera.options.model)
    check_names(camera.options.engine, camera.options.device)


def _check_input(camera: Camera) -> None:
    """Refuse an input that ends."""
    kind = kind_of(camera.input)
    if kind is LocationKind.PIPE:
        raise UsageError("its input is a pipe; allowed: a camera or an address")
    if kind is LocationKind.FILE and camera.live.wishes.format is None:
        raise UsageError(
            "its input is a file; allowed: a camera, or an address such as rtsp://CAMERA/stream1"
        )


def _check_outputs(camera: Camera) -> None:
    """Refuse recordings that the next run would replace, and what `check_outputs` refuses."""
    for output in camera.outputs:
        if kind_of(output) is LocationKind.PIPE:
            raise UsageError(f"out {output}: is a pipe, which ends; allowed: recordings, servers and lists")
        if kind_of(output) is LocationKind.FILE and not is_hls(output) and not RecordingName(output).timed:
            raise UsageError(f"out {output}: a service starts again; give a name by time, as {EXAMPLE}")
    check_outputs(camera.input, camera.outputs, camera.options, camera.live)


def _is_recording(output: str) -> bool:
    return kind_of(output) is LocationKind.FILE and is_timed(output)


def _key(text: str) -> str:
    return text.replace("_", "-")


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{value!r} is not allowed; allowed: a text in quotes")
    return str(value)


def _read_text(read: Callable[[str], Any], value: Any) -> Any:
    return read(substituted(_text(value)))


def _texts(value: Any) -> list[str]:
    return [_text(each) for each in (value if isinstance(value, list) else [value])]


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{value!r} is not allowed; allowed: true or false")
    return value


def _plain(value: Any, default: Any) -> Any:
    """Return a value as the command line would give it."""
    if isinstance(value, bool):
        return value if isinstance(default, bool) else ("on" if value else "off")
    return value if isinstance(default, bool) else _text(value)


def _broker(text: str) -> str:
    if not re.fullmatch(r"mqtts?://.+", text):
        raise UsageError(f"{redact(text)!r} is not allowed; allowed: mqtt://[USER:PASSWORD@]HOST[:PORT]")
    return text
