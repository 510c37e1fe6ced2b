"""Clips are what they say: as dark, as bright, as large and as coarse."""

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.faults.measures import luma
from benchmarks.night import clips, scenes
from benchmarks.night.clips import Coding
from benchmarks.night.scenes import Scene
from model import panoramas
from model.tone import MEAN, Photographic
from rtvideo.errors import InputError
from rtvideo.sample.camera_simulator import metered
from tests.helpers.clips import write

SIZE = (96, 64)


def night(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A dim wall, a white lamp ten thousand times as bright, a red sign."""
    width, height = size
    dim = 0.02 + 0.02 * np.mgrid[:height, :width][1] / width
    scene = np.repeat(dim[..., None], 3, axis=2)
    scene[8:12, 20:24] = 200
    scene[8:16, 60:80] = (3, 0.1, 0.1)
    return scene.astype(np.float32)


def still(scene: np.ndarray) -> Scene:
    return Scene("still", lambda count: iter([scene] * count))


def panorama(folder: Path, columns: int = 128) -> Path:
    """A dim panorama with a lamp a quarter to the right of the middle."""
    image = np.full((64, columns, 3), 0.05, np.float32)
    image[30:34, 96] = 50
    cv2.imwrite(str(folder / "hall_1k.hdr"), image)
    return folder / "hall_1k.hdr"


def test_the_truth_is_bright_and_keeps_lamps_and_their_colour() -> None:
    scene = night()
    truth = Photographic([scene])(scene)
    assert luma(truth).mean() == pytest.approx(MEAN, abs=2)
    assert truth.min(axis=2)[20:].max() < 250
    red, green, blue = (int(v) for v in truth[12, 70])
    assert 150 < red < 250
    assert green == blue < red / 2
    # Brighter stays brighter: nothing is cut off.
    assert truth[10, 22, 0] > red


def test_auto_exposure_meters_the_mean_and_not_the_lamps() -> None:
    scene = night()
    exposure = metered(scene, clips.METERED)
    assert np.minimum(scene.max(axis=2) * exposure, 1).mean() == pytest.approx(clips.METERED, rel=0.2)
    brighter = np.where(scene > 100, scene * 10, scene)
    assert metered(brighter, clips.METERED) == pytest.approx(exposure, rel=0.01)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_clip_is_dark_and_has_a_truth_for_each_frame(codec: str) -> None:
    if codec not in av.codec.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    clip = clips.record(still(night()), 4, Coding(codec=codec))
    assert [len(clip.frames), len(clip.dark), len(clip.truth or ())] == [4, 4, 4]
    assert luma(clip.dark[0]).mean() < 40 < luma(clip.truth[0]).mean()  # type: ignore[index]
    frame = clip.frames[0]
    assert isinstance(frame, av.VideoFrame)
    assert (frame.format.name, frame.width, frame.height) == ("yuv420p", *SIZE)
    assert int(frame.colorspace) == av.video.reformatter.Colorspace.ITU709
    assert clip.moving
    assert max(clip.scored) == 3


def test_fewer_bits_leave_less() -> None:
    scene = night()
    scene += np.random.default_rng(0).random(scene.shape, np.float32) * 0.02
    fine, coarse = (
        clips.record(still(scene), 2, Coding(megabits=rate)).dark[1].astype(float) for rate in (20.0, 0.2)
    )
    clean = clips.capture(
        scene,
        np.random.default_rng(0),
        replace(
            clips.CAMERA, exposure=metered(scene, clips.METERED), electrons=1e5, read_noise=0.0, row_noise=0.0
        ),
    )
    assert np.abs(coarse - clean).mean() > 1.05 * np.abs(fine - clean).mean()


def test_the_rate_of_smaller_pictures_falls_slower_than_their_pixels() -> None:
    full, small = (int(Coding(megabits=2.0).options(*size)["b"]) for size in ((1920, 1080), (640, 360)))
    assert full == 2_000_000
    assert full / 9 < small < full / 4


def test_a_panorama_is_seen_straight_on_and_by_a_camera_that_turns(tmp_path: Path) -> None:
    image = panoramas.read(panorama(tmp_path))
    assert panoramas.brightest(image) == pytest.approx(90, abs=3)
    ahead = panoramas.view(image, 90, SIZE).max(axis=2)
    row, column = np.unravel_index(np.argmax(ahead), ahead.shape)
    assert (row, column) == (pytest.approx(32, abs=3), pytest.approx(48, abs=3))
    left = panoramas.view(image, 120, SIZE).max(axis=2)
    assert np.argmax(left.max(axis=0)) < 40
    assert panoramas.view(image, 270, SIZE).max() < 1
    pan = list(scenes.filmed(tmp_path / "hall_1k.hdr", SIZE, pans=True).frames(20))
    columns = [int(np.argmax(frame.max(axis=(0, 2)))) for frame in pan]
    assert columns[0] > columns[-1]
    assert scenes.filmed(tmp_path / "hall_1k.hdr", SIZE, pans=False).name == "hall, still"


def test_what_is_no_panorama_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is 100x64; a panorama is twice as wide as high"):
        panoramas.read(panorama(tmp_path, columns=100))
    (tmp_path / "notes.hdr").write_text("none")
    with pytest.raises(InputError, match=r"notes\.hdr: not a readable panorama"):
        panoramas.read(tmp_path / "notes.hdr")


@pytest.mark.slow
def test_the_street_has_lamps_a_thousand_times_as_bright_as_its_road() -> None:
    [frame] = scenes.street((160, 90)).frames(1)
    assert frame.max() > 1000 * np.median(frame)


def test_parts_of_a_real_clip_and_photographs_have_no_truth(tmp_path: Path) -> None:
    clip = write(tmp_path / "night.mp4", frames=12)
    parts = clips.real(clip, count=4, parts=2)
    assert [(part.name, len(part.frames), part.truth) for part in parts] == [("night", 4, None)] * 2
    assert not np.array_equal(parts[0].dark[0], parts[1].dark[0])
    assert len(clips.real(clip, count=12, parts=2)) == 1, "a short clip has one part"
    (tmp_path / "dark").mkdir()
    for number in range(2):
        cv2.imwrite(str(tmp_path / "dark" / f"{number}.png"), np.full((16, 16, 3), 9 + number, np.uint8))
    [photographs] = clips.real(tmp_path / "dark", count=4, parts=2)
    assert not photographs.moving
    assert list(photographs.scored) == [0, 1]
    with pytest.raises(InputError, match="nowhere"):
        clips.real(tmp_path / "nowhere", count=4, parts=2)
