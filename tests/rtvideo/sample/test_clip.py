from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.errors import OutputError, UsageError
from rtvideo.sample import clip as sample
from rtvideo.sample import street

SIZE = (160, 96)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.make_clip(folder / "night.mp4", truth=folder / "truth.mp4", seconds=1, size=SIZE, fps=12)
    return folder / "night.mp4"


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.slow
def test_it_is_a_tagged_video_with_sound(clip: Path) -> None:
    with av.open(str(clip)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.format.name, video.average_rate) == ("h264", "yuv420p", 12)
        assert (video.width, video.height) == SIZE
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio)], axis=1)
        assert 0.9 < sound.shape[1] / audio.rate <= 1.1
        assert 0.003 < np.abs(sound).mean() < 0.2
    for frame in frames(clip):
        assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, limited
    assert len(frames(clip)) == 12
    assert not list(clip.parent.glob(".*"))


def test_it_is_dark_and_its_truth_is_not(clip: Path) -> None:
    dark, lit = ([f.to_ndarray(format="rgb24") for f in frames(p)] for p in (clip, clip.with_stem("truth")))
    assert len(dark) == len(lit)
    assert 5 < np.mean(dark) < 25
    assert 90 < np.mean(lit) < 150
    # One scene: the dark clip resembles its truth, and not its truth mirrored.
    for low, high in zip(dark, lit, strict=True):
        assert likeness(low, high) > likeness(low, high[:, ::-1]) + 0.05


def likeness(low: sample.Image, high: sample.Image) -> float:
    return float(np.corrcoef(np.sqrt(low).ravel(), high.ravel())[0, 1])


def test_it_moves(clip: Path) -> None:
    lit = [f.to_ndarray(format="gray").astype(int) for f in frames(clip.with_stem("truth"))]
    assert np.abs(lit[0] - lit[-1]).mean() > 5


@pytest.mark.slow
def test_frames_are_repeatable_and_seeds_differ() -> None:
    dark, lit = sample.render_frame(7, size=SIZE)
    sample._street.cache_clear()
    street._town.cache_clear()
    again, _ = sample.render_frame(7, size=SIZE)
    np.testing.assert_array_equal(dark, again)
    assert dark.shape == lit.shape == (SIZE[1], SIZE[0], 3) and dark.dtype == lit.dtype == np.uint8
    other = sample.render_frame(7, size=SIZE, seed=1)[1]
    assert np.abs(lit.astype(int) - other).mean() > 10


def test_light_falls_where_the_lamps_are() -> None:
    z = np.float32([street.LAMPS[1][0], street.LAMPS[1][0] + 8])
    under, between = street.street_light(np.float32([street.LAMPS[1][1]] * 2), np.zeros(2), z, "up")[:, 1]
    assert under > 2 * between


def test_a_passing_car_is_heard() -> None:
    (moment, *_) = street.Street.passings(4)
    sound = sample.ambience(4, 30, 0)
    at = int(moment * sample.RATE)
    near = sound[0, at - 4000 : at + 4000].std()
    assert near > 1.5 * sound[0, :20000].std()
    assert near > 1.2 * sound[1, at - 4000 : at + 4000].std()  # on the left


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"size": (641, 360)}, "--size 641x360: a sample has an even"),
        ({"size": (16, 16)}, "--size 16x16"),
        ({"seconds": 0}, "--duration 0"),
        ({"seconds": float("nan")}, "--duration nan"),
        ({"fps": 1000}, "--rate 1000"),
    ],
)
def test_bad_values_are_named(tmp_path: Path, wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        sample.make_clip(tmp_path / "a.mp4", **wrong)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_text("mine")
    with pytest.raises(UsageError, match=r"a\.mp4: exists already"):
        sample.make_clip(target, seconds=0.1, size=SIZE)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("name", ["missing/a.mp4", "a.nonsense"])
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=name):
        sample.make_clip(tmp_path / name, seconds=0.1, size=SIZE)
    assert not list(tmp_path.iterdir())
