"""What Prometheus reads: ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rtvideo.service.runner import STATES, Status

#: Name, meaning and value of what only grows, and of what goes up and down.
_COUNTERS: tuple[tuple[str, str, Callable[[Status], float]], ...] = (
    ("frames", "pictures enhanced", lambda camera: camera.frames),
    ("dropped", "pictures left out because the machine was too slow", lambda camera: camera.dropped),
    ("restarts", "times that the camera was started again", lambda camera: camera.restarts),
)
_GAUGES: tuple[tuple[str, str, Callable[[Status], float | None]], ...] = (
    ("up", "whether pictures come", lambda camera: camera.state == "live"),
    ("fps", "pictures in the last second", lambda camera: camera.vitals.fps),
    ("latency_seconds", "from capture until enhanced, median", lambda camera: _latency(camera, 0)),
    ("latency_p99_seconds", "from capture until enhanced, p99", lambda camera: _latency(camera, 1)),
    ("silent_seconds", "since the last picture", lambda camera: camera.vitals.silent),
    ("brightness", "mean luma as recorded, 0 to 1", lambda camera: camera.vitals.brightness),
    ("noise", "deviation as recorded, in codes of 255", lambda camera: camera.vitals.noise),
    ("gain", "enhanced by recorded brightness", lambda camera: camera.vitals.gain),
)


class _Cameras(Collector):
    def __init__(self, cameras: Iterable[Status]) -> None:
        self._cameras = list(cameras)

    def collect(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("rtvideo_camera_state", "1 for the present one", labels=["camera", "state"])
        for camera in self._cameras:
            for word in STATES:
                state.add_metric([camera.name, word], float(camera.state == word))
        yield state
        for name, meaning, counted in _COUNTERS:
            counter = CounterMetricFamily(f"rtvideo_camera_{name}", meaning, labels=["camera"])
            for camera in self._cameras:
                counter.add_metric([camera.name], counted(camera))
            yield counter
        for name, meaning, measured in _GAUGES:
            gauge = GaugeMetricFamily(f"rtvideo_camera_{name}", meaning, labels=["camera"])
            for camera in self._cameras:
                if (value := measured(camera)) is not None:
                    gauge.add_metric([camera.name], float(value))
            yield gauge


def metrics(cameras: Iterable[Status]) -> bytes:
    """Return the text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Cameras(cameras))
    return generate_latest(registry)


def _latency(camera: Status, place: int) -> float | None:
    return None if camera.vitals.latency is None else camera.vitals.latency[place]
