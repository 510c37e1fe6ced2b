"""The state of each camera by MQTT, announced so that Home Assistant finds it by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from rtvideo.errors import UnavailableError, UsageError
from rtvideo.service.runner import Status
from rtvideo.version import __version__, install

if TYPE_CHECKING:
    from paho.mqtt.client import Client

#: Seconds between two messages about a camera whose state is the same.
_EVERY = 10.0

#: Usual ports, without and with TLS.
_PORTS = {"mqtt": 1883, "mqtts": 8883}

#: What Home Assistant shows of a camera: name, unit, and more of its sensors.
_SENSORS: dict[str, dict[str, str]] = {
    "state": {"icon": "mdi:cctv"},
    "brightness": {"icon": "mdi:brightness-6", "state_class": "measurement"},
    "noise": {"icon": "mdi:grain", "state_class": "measurement"},
    "gain": {"icon": "mdi:brightness-auto", "state_class": "measurement"},
    "fps": {"icon": "mdi:filmstrip", "state_class": "measurement", "unit_of_measurement": "frames/s"},
    "last_error": {"icon": "mdi:alert", "entity_category": "diagnostic"},
}


class MqttPublisher:
    """Publishes ``PREFIX/CAMERA/state`` as JSON, and ``PREFIX/status``, ``online`` or ``offline``.

    The client connects in a thread of its own, and again when the broker was away.
    """

    def __init__(self, address: str, prefix: str) -> None:
        """Begin to connect.

        Args:
            address: ``mqtt://[USER:PASSWORD@]HOST[:PORT]``, or ``mqtts://`` for TLS.
            prefix: what topics begin with.

        Raises:
            UnavailableError: the package ``paho-mqtt`` is missing.
            UsageError: no address of a broker.
        """
        try:
            from paho.mqtt.client import Client, MQTTv311
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise UnavailableError(
                f"mqtt: the package paho-mqtt is missing; run: {install('service')}"
            ) from None
        parts = urlsplit(address)
        try:
            host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
        except ValueError:
            host, port = None, 0
        if not host:
            raise UsageError("mqtt: no address of a broker; allowed: mqtt://[USER:PASSWORD@]HOST[:PORT]")
        self._prefix = prefix.strip("/")
        self._client: Client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._client.will_set(f"{self._prefix}/status", "offline", retain=True)
        self._client.on_connect = self._connected
        self._told: dict[str, tuple[str, float]] = {}
        self._client.connect_async(host, port)
        self._client.loop_start()

    def __call__(self, cameras: Iterable[Status]) -> None:
        """Publish what has changed, and everything from time to time."""
        if not self._client.is_connected():
            return
        now, seen = time.monotonic(), set()
        for camera in cameras:
            seen.add(camera.name)
            state, at = self._told.get(camera.name, ("", 0.0))
            if not state:
                self._announce(camera.name)
            if state != camera.state or now - at >= _EVERY:
                self._told[camera.name] = camera.state, now
                self._send(f"{camera.name}/state", json.dumps(camera.as_dict()))
        for name in self._told.keys() - seen:
            del self._told[name]
            for sensor in _SENSORS:
                self._client.publish(_discovery(name, sensor), "", retain=True)

    def close(self) -> None:
        """Say goodbye."""
        self._send("status", "offline").wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, *given: Any) -> None:
        self._told = {}
        self._send("status", "online")

    def _announce(self, name: str) -> None:
        device = {
            "identifiers": [f"rtvideo_{name}"],
            "name": name,
            "manufacturer": "rtvideo",
            "sw_version": __version__,
        }
        for sensor, more in _SENSORS.items():
            described = {
                "name": sensor.replace("_", " "),
                "unique_id": f"rtvideo_{name}_{sensor}",
                "state_topic": f"{self._prefix}/{name}/state",
                "value_template": f"{{{{ value_json.{sensor} }}}}",
                "availability_topic": f"{self._prefix}/status",
                "device": device,
            }
            self._client.publish(_discovery(name, sensor), json.dumps(described | more), retain=True)

    def _send(self, topic: str, payload: str) -> Any:
        return self._client.publish(f"{self._prefix}/{topic}", payload, retain=True)


def _discovery(name: str, sensor: str) -> str:
    return f"homeassistant/sensor/rtvideo_{name}/{sensor}/config"
