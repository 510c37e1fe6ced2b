"""The configuration of the service: what it means, and what is said of each fault."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from rtvideo.errors import InputError, UsageError
from rtvideo.service.config import ConfigError, ServiceConfig, read_config
from rtvideo.service.schedule import Schedule
from rtvideo.service.secrets import Scrubber, substituted, with_login

GOOD = """\
[service]
listen = "127.0.0.1:0"
threads = 4

[defaults]
segment = "10m"   # of all cameras
keep = "7d,200GB"
strength = 0.8

[camera.yard]
input = "rtsp://${USER_NAME}:${PASSWORD}@192.168.1.20/stream1"
out = ["FOLDER/%Y-%m-%d/yard-%H%M%S.mp4", "rtsp://127.0.0.1:8554/yard"]
strength = "50%"
denoise = true
schedule = "18:00-07:30"
when = "dark"

[camera.gate]
input = "rtsp://192.168.1.21/stream1"
user = "admin"
password = "p@ss:w/rd#?%"
out = "FOLDER/gate.m3u8"
adapt = false
"""

ENVIRONMENT = {"USER_NAME": "admin", "PASSWORD": "a@b/c:d#e?f%20g"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def read(folder: Path, text: str) -> ServiceConfig:
    path = folder / "cameras.toml"
    path.write_text(text.replace("FOLDER", str(folder)))
    return read_config(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(folder, text)
    return [line.removeprefix(f"{folder / 'cameras.toml'}:") for line in error.value.lines]


def test_cameras_take_defaults_and_the_words_of_the_command_line(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD.replace(', "rtsp://127.0.0.1:8554/yard"', ""))
    yard, gate = config.cameras["yard"], config.cameras["gate"]
    assert yard.input == "rtsp://admin:a%40b%2Fc%3Ad%23e%3Ff%2520g@192.168.1.20/stream1"
    assert gate.input == "rtsp://admin:p%40ss%3Aw%2Frd%23%3F%25@192.168.1.21/stream1"
    assert (yard.options.strength, yard.options.denoise, gate.options.strength) == (0.5, 1, 0.8)
    assert (yard.live.segment, yard.live.adapt, gate.live.adapt) == (600, True, False)
    assert yard.live.keep is not None and (yard.live.keep.seconds, yard.live.keep.bytes) == (7 * 86400, 2e11)
    assert config.threads == 4 and config.web is not None
    assert "a%40b" not in repr(config) and "p%40ss" not in repr(config)


def test_cameras_are_equal_unless_their_part_has_changed(tmp_path: Path) -> None:
    before = read(tmp_path, GOOD)
    after = read(tmp_path, "\n\n" + GOOD.replace('schedule = "18:00-07:30"', 'schedule = "19:00-07:30"'))
    assert before.cameras["gate"] == after.cameras["gate"]
    assert before.cameras["yard"] != after.cameras["yard"]


def test_every_fault_is_a_line_of_its_own_with_its_line(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """\
[service]
listen = "here"
colour = 1
[defaults]
strength = 0.5
[camera.yard]
input = "rtsp://${NOWHERE}@host/"
out = "FOLDER/yard.mp4"
sgement = "10m"
[camera."front door"]
input = "rtsp://host/"
[camera.gate]
out = "FOLDER/missing/%H.mp4"
when = "night"
[camera.pond]
input = "night.mp4"
[camera.barn]
input = "rtsp://host/"
schedule = "25:00-3:00"
start = "0:10"
keep = "7 days"
[camera.dock]
input = "rtsp://host/"
out = "FOLDER/dock.mp4"
[camera.quay]
input = "rtsp://host/"
out = "FOLDER/missing/%H.mp4"
""",
    )
    assert [line.partition(":")[0] for line in found] == [
        *("2", "3", "7", "9", "10", "12", "14", "16", "19", "20", "21", "24", "27")
    ], found


def test_messages_name_the_value_and_what_is_allowed(tmp_path: Path) -> None:
    camera = '[camera.yard]\ninput = "rtsp://host/"\n'
    for line, said in {
        "strength = 3": "camera yard: strength: '3' is not allowed; allowed: a number from 0 to 1, or",
        "sgement = 9": "camera yard: 'sgement' is not allowed; did you mean segment?",
        "resume = true": "camera yard: 'resume' is not allowed; it is for files",
        "log = 'yard.jsonl'": "camera yard: 'log' is not allowed; it is for files",
        "adapt = 'no'": "camera yard: adapt: 'no' is not allowed; allowed: True or False",
        "priority = 'top'": "camera yard: priority: 'top' is not allowed; allowed: normal, low",
        "model = 'nihgt'": "camera yard: unknown model 'nihgt'",
        "user = '${NOWHERE}'": "camera yard: user: ${NOWHERE}: no such variable in the environment",
        "segment = '10m'": "camera yard: --segment 600: needs a recording with a name by time",
    }.items():
        (found,) = faults(tmp_path, camera + line)
        assert found.startswith(f"{1 if 'segment =' in line else 3}: {said}"), found


def test_a_fault_of_the_defaults_is_told_once(tmp_path: Path) -> None:
    camera = '[camera.{}]\ninput = "rtsp://host/"\n'
    found = faults(tmp_path, "[defaults]\nstrength = 3\n" + camera.format("a") + camera.format("b"))
    assert len(found) == 1 and found[0].startswith("2: defaults: strength: '3' is not allowed")


def test_what_is_no_toml_or_no_camera(tmp_path: Path) -> None:
    assert faults(tmp_path, "[camera.yard]\ninput = rtsp://host\n") == ["2: Invalid value"]
    assert faults(tmp_path, "") == ["1: no camera; write [camera.NAME] with an input and out"]
    assert faults(tmp_path, "[cameras.a]\ninput='rtsp://h/'")[0].startswith("1: 'cameras' is not allowed")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_config(tmp_path / "nowhere.toml")


def test_the_same_output_twice_is_refused(tmp_path: Path) -> None:
    camera = '[camera.{}]\ninput = "rtsp://host/"\nout = "FOLDER/%H.mp4"\n'
    (found,) = faults(tmp_path, camera.format("a") + camera.format("b"))
    assert found == f"6: camera b: {tmp_path}/%H.mp4 is an output of camera a too"


def test_secrets_from_files_and_credentials(tmp_path: Path) -> None:
    (tmp_path / "yard").write_text("s3cr€t /@\n")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path), "HOST": "cam.local"}
    login = "s3cr%E2%82%ACt%20%2F%40"
    assert substituted("rtsp://u:${credential:yard}@${HOST}/x", given) == f"rtsp://u:{login}@cam.local/x"
    assert substituted(f"http://h/?key=${{file:{tmp_path}/yard}}", given) == f"http://h/?key={login}"
    assert substituted("$${HOST} ${HOST}", given) == "${HOST} cam.local"
    for text, said in {
        "${credential:../x}": "no such credential",
        "${credential:none}": "cannot be read",
        "${vault:x}": "allowed: NAME, credential:NAME or file:PATH",
    }.items():
        with pytest.raises(UsageError, match=said):
            substituted(text, given)
    with pytest.raises(UsageError, match="give them once"):
        with_login("rtsp://a:b@host/", "a", "b")


def test_messages_of_libraries_are_scrubbed() -> None:
    scrub = Scrubber("rtsp://admin:p%40ssword@host/live?key=1", "/srv/cam.mp4")
    text = "cannot open 'rtsp://admin:p%40ssword@host/live?key=1', password p@ssword, /srv/cam.mp4"
    assert scrub(text) == "cannot open 'rtsp://***@host/live?key=***', password ***, /srv/cam.mp4"


@pytest.mark.parametrize(
    ("hours", "moment", "wanted"),
    [
        (["18:00-07:30"], "17:59", False),
        (["18:00-07:30"], "18:00", True),
        (["18:00-07:30"], "03:00", True),
        (["18:00-07:30"], "07:30", False),
        (["06:00-08:00", "20:00-24:00"], "23:59", True),
        (["06:00-08:00", "20:00-24:00"], "12:00", False),
    ],
)
def test_hours_of_a_schedule(hours: list[str], moment: str, wanted: bool) -> None:
    assert Schedule.parse(hours).includes(datetime.strptime(moment, "%H:%M")) == wanted


@pytest.mark.parametrize("text", ["18-7", "24:00-3:00", "18:60-19:00", "8:00-8:00", "night"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(UsageError, match="allowed: hours such as 18:00-07:30"):
        Schedule.parse([text])
