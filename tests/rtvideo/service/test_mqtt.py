"""What a broker is told, and what Home Assistant makes of it."""

from __future__ import annotations

import json
import socket

import pytest

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt: not installed (pip install 'rtvideo[service]')")

from rtvideo.errors import UsageError
from rtvideo.service.messages import Vitals
from rtvideo.service.mqtt import MqttPublisher
from rtvideo.service.runner import Status
from tests.helpers.servers import Server
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]


class Broker:
    """As much of MQTT 3.1.1 as a client needs that only publishes.

    Attributes:
        login: what the client gave, as it stands in its first packet.
        topics: the last payload of each.
    """

    def __init__(self) -> None:
        self.login = b""
        self.topics: dict[str, str] = {}

    def __call__(self, connection: socket.socket, server: Server) -> None:
        with connection.makefile("rb") as packets:
            while head := packets.read(1):
                length, shift = 0, 0
                while (byte := packets.read(1)[0]) & 0x80:
                    length, shift = length | (byte & 0x7F) << shift, shift + 7
                body = packets.read(length | byte << shift)
                if head[0] >> 4 == 1:
                    self.login = body
                    connection.sendall(b"\x20\x02\x00\x00")
                elif head[0] >> 4 == 3:
                    end = 2 + int.from_bytes(body[:2], "big")
                    self.topics[body[2:end].decode()] = body[end:].decode()


def test_cameras_are_announced_and_their_state_is_published() -> None:
    camera = Status("yard", state="live", vitals=Vitals(brightness=0.1, noise=2.5, gain=3.0))
    broker = Broker()
    with Server(broker) as server:
        publisher = MqttPublisher(f"mqtt://user:p%40ss@127.0.0.1:{server.port}", "rtvideo/")
        wait_until(lambda: publisher([camera]) or "rtvideo/yard/state" in broker.topics)
        state = json.loads(broker.topics["rtvideo/yard/state"])
        assert (state["state"], state["brightness"], state["gain"]) == ("live", 0.1, 3.0)
        assert broker.topics["rtvideo/status"] == "online" and broker.login.endswith(b"\x04user\x00\x04p@ss")
        sensor = json.loads(broker.topics["homeassistant/sensor/rtvideo_yard/brightness/config"])
        assert (
            sensor["state_topic"] == "rtvideo/yard/state" and sensor["availability_topic"] == "rtvideo/status"
        )
        assert sensor["value_template"] == "{{ value_json.brightness }}"

        camera.state = "silent"
        publisher([camera])
        wait_until(lambda: json.loads(broker.topics["rtvideo/yard/state"])["state"] == "silent")
        publisher([])
        wait_until(lambda: broker.topics["homeassistant/sensor/rtvideo_yard/gain/config"] == "")
        publisher.close()
        wait_until(lambda: broker.topics["rtvideo/status"] == "offline")


def test_what_is_no_broker() -> None:
    with pytest.raises(UsageError, match="no address of a broker"):
        MqttPublisher("mqtt://host:port", "x")
