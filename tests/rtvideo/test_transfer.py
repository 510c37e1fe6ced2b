"""Transfer curves against the figures that their standards and makers print."""

from __future__ import annotations

import numpy as np
import pytest

from rtvideo.errors import UsageError
from rtvideo.options import Options
from rtvideo.transfer import CURVES, STEPS, of_tag, tables


@pytest.mark.parametrize(
    ("name", "light", "signal"),
    [
        ("hlg", 1.0, 0.75),  # BT.2408, table 1
        ("pq", 1.0, 0.58),
        ("pq", 10_000 / 203, 1.0),
        ("slog3", 0.0, (95 - 64) / 876),  # codes of 10 bits that the makers print
        ("slog3", 0.18, (420 - 64) / 876),
        ("slog3", 0.9, (598 - 64) / 876),
        ("vlog", 0.0, (128 - 64) / 876),
        ("vlog", 0.18, (433 - 64) / 876),
        ("flog2", 0.18, (400 - 64) / 876),
        ("flog", 0.18, (470 - 64) / 876),
        ("nlog", 0.18, (372 - 64) / 876),
        ("applelog", 0.18, 0.488),
        ("log100", 0.1, 0.5),
        ("log316", 1.0, 1.0),
    ],
)
def test_published_points(name: str, light: float, signal: float) -> None:
    assert CURVES[name].code(np.array(light)) == pytest.approx(signal, abs=0.001)


@pytest.mark.parametrize("name", CURVES)
def test_the_way_there_and_back_loses_a_tenth_of_a_code_of_10_bits(name: str) -> None:
    curve, table = CURVES[name], tables(name, wide=False)
    codes = np.linspace(0, 1, 877)
    codes = codes[curve.light(codes) > 0]
    assert np.all(np.diff(curve.seen(codes)) >= 0)
    assert curve.coded(curve.seen(codes)) == pytest.approx(codes, abs=1e-9)
    seen = table.seen[(codes * STEPS + 0.5).astype(int)]
    back = table.coded[(np.sqrt(seen / table.peak) * STEPS + 0.5).astype(int)]
    assert np.abs(back - codes).max() < 0.1 / 876


def test_light_of_one_scene_looks_the_same_by_every_curve() -> None:
    grey = np.linspace(0.001, 1, 50)
    for name in ("hlg", "pq"):
        scene = grey ** (1 / 1.2) if name == "hlg" else grey
        assert CURVES[name].seen(CURVES[name].code(scene)) == pytest.approx(grey ** (1 / 2.4), rel=1e-6)


@pytest.mark.parametrize("name", CURVES)
def test_the_view_of_colours_is_undone_and_leaves_greys(name: str) -> None:
    table = tables(name, wide=True)
    assert table.from_view @ table.to_view == pytest.approx(np.eye(3), abs=1e-12)
    assert table.to_view.sum(1) == pytest.approx(np.ones(3))


def test_tags() -> None:
    assert [of_tag(tag) for tag in (0, 1, 2, 13, 14, 16, 18, 9)] == [
        "",
        "",
        "",
        "",
        "",
        "pq",
        "hlg",
        "log100",
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("dlogm", "no formula of D-Log M.*lut3d"),
        ("slog4", "allowed: sdr, hlg.*did you mean slog3"),
        ("", "allowed"),
    ],
)
def test_a_curve_that_is_not_there(given: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Options(transfer=given)


@pytest.mark.parametrize("given", ["S-Log3", "SLOG3", "slog3", "s_log3"])
def test_names_as_people_write_them(given: str) -> None:
    assert Options(transfer=given).transfer == "slog3"
