"""The time in the picture survives what happens to pictures, and the script runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import latency
from benchmarks.live import time_code


@pytest.mark.parametrize("gain", [0.4, 1.0, 2.6])
def test_the_time_can_be_read_back(gain: float) -> None:
    luma = np.full((72, 128), 40, np.uint8)
    for seconds in (0.0, 0.001, 12345.678, 1_000_000.123):
        time_code.draw(luma, seconds)
        noisy = luma * gain + np.random.default_rng(1).normal(0, 3, luma.shape)
        assert time_code.read(np.clip(noisy, 0, 255).astype(np.uint8)) == pytest.approx(seconds)


def test_distances_in_a_recording() -> None:
    times = [(index / 30, 100 + index / 30) for index in range(200)]
    assert latency.drift(times) == {"median": 0.0, "p95": 0.0, "p99": 0.0}
    times[50] = (times[50][0], times[50][1] + 0.5)
    assert latency.drift(times)["p99"] == 0.0 and latency.drift(times[40:60])["p95"] > 20
    assert latency.drift([]) == {}


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_short_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.json"
    words = ["--sizes", "128x72@50", "--seconds", "4", "--denoise", "off", "--json", str(target)]
    assert latency.main(words) == 0
    result = json.loads(target.read_text())["results"][0]
    assert result["frames"] > 150 and 0 < result["camera to viewer"]["median"] < 10_000
    assert result["packet to"]["enhanced"]["median"] <= result["camera to viewer"]["p99"]
    assert result["stored times are off by"]["median"] < 200
    assert "frame times" in capsys.readouterr().out


def test_wrong_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert latency.main(["--sizes", "720p"]) == 2
    assert "1280x720@30" in capsys.readouterr().err
