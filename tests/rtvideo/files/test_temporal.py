"""``--temporal`` on whole files: on for video, off for images, right where time stamps are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo import Enhancer
from rtvideo.cli.entry import main
from rtvideo.errors import UsageError
from rtvideo.files.job import enhance_video
from rtvideo.media.partial_file import partial_files
from rtvideo.options import Options
from tests.helpers import clips

Frames = Sequence[np.ndarray[Any, Any]]


def noisy(path: Path, frames: int = 40, pts: Sequence[int] | None = None, pan: int = 0) -> Path:
    """A dark scene in colour with noise, stored without loss; 30 frames a second unless told.

    Args:
        pan: pixels that the camera turns by from frame to frame.
    """
    rng = np.random.default_rng(5)
    scenery = np.kron(rng.uniform(20, 60, (9, 12 + frames * pan // 8)), np.ones((8, 8)))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        stream.codec_context.time_base = clips.Fraction(1, 30)
        for number in range(frames):
            scene = scenery[:, number * pan : number * pan + 96]
            planes = [np.full((36, 48), 118.0), np.full((36, 48), 140.0)]
            codes = [plane + rng.normal(0, 2, plane.shape) for plane in (scene, *planes)]
            packed = np.concatenate([np.clip(np.rint(c), 0, 255).astype(np.uint8).ravel() for c in codes])
            frame = av.VideoFrame.from_ndarray(packed.reshape(-1, 96), "yuv420p")
            frame.pts = number if pts is None else pts[number]
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def luma(path: Path) -> Frames:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[:72].astype(float) for frame in container.decode(video=0)]


def lit(source: Path, name: str, **options: Any) -> Path:
    target = source.with_name(name)
    enhance_video(source, target, Options(codec="ffv1", denoise=0.0, **options))
    return target


def boiling(frames: Frames) -> float:
    return float(np.stack(frames[-12:]).std(axis=0).mean())


@pytest.mark.slow
def test_auto_quiets_video(tmp_path: Path) -> None:
    source = noisy(tmp_path / "dark.mkv")
    target = tmp_path / "auto.mkv"
    report = enhance_video(source, target, Options(codec="ffv1", denoise=0.0))
    assert report.temporal == 1.0
    assert boiling(luma(target)) < boiling(luma(lit(source, "off.mkv", temporal=0.0))) / 3


def test_off_looks_at_each_frame_alone(tmp_path: Path) -> None:
    source = noisy(tmp_path / "dark.mkv", 6)
    whole, tail = lit(source, "whole.mkv", temporal=0.0), lit(source, "tail.mkv", temporal=0.0, start=0.12)
    for a, b in zip(luma(whole)[4:], luma(tail), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.slow
def test_time_counts_and_not_frames(tmp_path: Path) -> None:
    fast = noisy(tmp_path / "fast.mkv")
    slow = noisy(tmp_path / "slow.mkv", pts=[6 * n for n in range(40)])  # 5 frames a second
    rare = noisy(tmp_path / "rare.mkv", pts=[30 * n for n in range(40)])  # one: each a scene of its own
    quiet = [boiling(luma(lit(path, f"lit_{path.name}"))) for path in (fast, slow, rare)]
    alone = boiling(luma(lit(rare, "alone.mkv", temporal=0.0)))
    assert 1.3 * quiet[0] < quiet[1] < quiet[2] / 1.1
    assert quiet[2] == pytest.approx(alone)


@pytest.mark.slow
def test_a_pan_is_quieter_where_it_was_seen_before(tmp_path: Path) -> None:
    source = noisy(tmp_path / "pan.mkv", pan=2)
    whole, alone = lit(source, "whole.mkv"), lit(source, "alone.mkv", temporal=0.0)

    def wandering(path: Path) -> float:
        return boiling([np.roll(one, 2 * k, axis=1)[:, 80:] for k, one in enumerate(luma(path))])

    assert wandering(whole) < wandering(alone) / 1.5


@pytest.mark.slow
@pytest.mark.parametrize("pan", [0, 2])
def test_a_resumed_run_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pan: int
) -> None:
    from rtvideo.engines import fused

    source, target = noisy(tmp_path / "dark.mkv", pan=pan), tmp_path / "lit.mkv"
    options = Options(codec="ffv1", denoise=0.0, resume=True)
    seen = 0

    def breaks(self: Any, *rest: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == 30:
            raise RuntimeError("the engine broke")
        enhance(self, *rest)

    enhance = fused.FusedSession.enhance
    with monkeypatch.context() as patch:
        patch.setattr(fused.FusedSession, "enhance", breaks)
        with pytest.raises(RuntimeError, match="broke"):
            enhance_video(source, target, options)
    assert partial_files(target)
    report = enhance_video(source, target, options)
    assert report.resumed > 10 and report.temporal == 1.0
    for a, b in zip(luma(target), luma(lit(source, "whole.mkv")), strict=True):
        assert np.array_equal(a, b)  # all frames before were few enough to be shown again


def test_an_image_has_no_frames_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    picture = tmp_path / "dark.png"
    Image.fromarray(np.full((16, 16, 3), 20, np.uint8)).save(picture)
    assert main([str(picture), "-o", str(tmp_path / "a.png"), "--temporal", "off"]) == 0
    assert main([str(picture), "-o", str(tmp_path / "b.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert main([str(picture), "-o", str(tmp_path / "c.png"), "--temporal", "0.5"]) == 2
    assert "temporal" in capsys.readouterr().err and not (tmp_path / "c.png").exists()


def test_arrays_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    frames = [np.clip(30 + rng.normal(0, 2, (64, 80, 3)), 0, 255).astype(np.uint8) for _ in range(25)]
    with Enhancer(denoise=0, temporal=1.0) as over_time, Enhancer(denoise=0) as alone:
        for frame in frames:
            quiet, noisy = over_time(frame), alone(frame)
        assert quiet.std() < noisy.std() / 2.5
        over_time.reset()
        assert np.array_equal(over_time(frames[0]), alone(frames[0]))


def test_engines_that_keep_nothing_say_so() -> None:
    with pytest.raises(UsageError, match='temporal="off"'), Enhancer(engine="onnx", temporal=1.0) as enhance:
        enhance(np.zeros((16, 16, 3), np.uint8))
