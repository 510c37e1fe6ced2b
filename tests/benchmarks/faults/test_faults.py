"""Each measure is shown its fault, and a result that is free of it."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import quality
from benchmarks.faults import measures, scenes
from benchmarks.faults.table import Faults, fault_table, find_faults
from benchmarks.methods import baselines
from rtvideo.errors import ExitCode, InputError
from rtvideo.sample.camera_simulator import Camera, capture, encode_decode
from tests.helpers.clips import write

GREY = np.ones((64, 64), bool)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-20, 21, shape)


def street(radius: int = 6) -> np.ndarray:
    """A dark street with an orange halo around one white lamp."""
    y, x = np.mgrid[:200, :200] - 100
    far = np.hypot(x, y)
    halo = np.clip(70 - 2.5 * far, 8, 255)[..., None] * np.array([1.0, 0.7, 0.35])
    halo[far <= radius] = 255
    return halo.astype(np.uint8)


def near_black_video() -> np.ndarray:
    """A grey scene that a noisy sensor and H.264 have turned into blocks of colour."""
    scene = np.full((96, 128, 3), 0.15, np.float32)
    camera = Camera(exposure=0.012, electrons=400.0, transfer="bt709")
    return encode_decode([capture(scene, np.random.default_rng(k), camera) for k in range(3)], 19)[-1]


def test_a_green_road_is_a_cast_and_a_noisy_one_is_not() -> None:
    grey = np.full((64, 64, 3), 120, np.uint8)
    green = grey + np.array([0, 12, 0], np.uint8)
    noisy = (grey + noise(grey.shape)).astype(np.uint8)
    assert measures.grey_cast(grey, GREY) < 0.1
    assert measures.grey_cast(green, GREY) > 5
    assert measures.grey_cast(noisy, GREY) < 2


def test_a_cast_is_not_borrowed_from_neighbours() -> None:
    picture = np.full((64, 64, 3), 120, np.uint8)
    picture[:, 32:] = (20, 160, 20)
    road = np.arange(64) < np.full((64, 1), 32)
    assert measures.grey_cast(picture, road) < 0.1
    assert math.isnan(measures.grey_cast(picture, ~GREY))


def test_a_gain_for_each_channel_casts_and_one_for_all_does_not() -> None:
    dark, road = scenes.grey_road(0)
    assert 0.2 < road.mean() < 0.8
    tinted = baselines.fixed_gain((5.0, 6.5, 5.0))(dark)
    assert measures.grey_cast(tinted, road) > measures.grey_cast(baselines.fixed_gain(6.0)(dark), road) + 3


def test_gain_turns_compressed_black_into_tiles_of_colour() -> None:
    dark = near_black_video()
    assert measures.near_black(dark).mean() > 0.5
    lit = baselines.fixed_gain(6)(dark)
    grey = np.repeat(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert measures.false_chroma(lit, dark) > max(2, 4 * measures.false_chroma(dark, dark))
    assert measures.false_chroma(grey, dark) == 0
    assert measures.lifted_black(lit, dark) > 3 * measures.lifted_black(dark, dark)


def test_blocks_are_seen_and_smooth_noise_is_not() -> None:
    dark = np.zeros((64, 64, 3), np.uint8)
    levels = np.random.default_rng(0).integers(20, 60, (8, 8, 1), np.uint8).repeat(3, 2)
    tiles = levels.repeat(8, 0).repeat(8, 1)
    grain = np.random.default_rng(0).integers(20, 60, (64, 64, 3), np.uint8)
    assert measures.blocking(tiles, dark) > 8
    assert abs(measures.blocking(grain, dark)) < 1
    # The same tiles where the input shows something are a pattern, and no fault of ours.
    assert math.isnan(measures.blocking(tiles, dark + np.uint8(40)))


def test_one_light_block_among_dark_ones_is_left_out() -> None:
    dark = np.zeros((32, 32, 3), np.uint8)
    dark[8:16, 8:16] = 200
    assert measures.near_black(dark).sum() == 15
    result = dark.copy()
    assert measures.blocking(result, dark) == 0


def test_texture_is_lost_by_blur_and_kept_by_gain() -> None:
    photo = (np.full((64, 64, 3), 100) + noise((64, 64, 1))).astype(np.uint8)
    assert measures.texture_kept(photo, photo) == pytest.approx(1)
    assert measures.texture_kept((photo * 1.5).astype(np.uint8), photo) == pytest.approx(1, abs=0.05)
    assert measures.texture_kept(cv2.GaussianBlur(photo, (0, 0), 1.2), photo) < 0.4
    added = (photo + noise((64, 64, 3), seed=1)).astype(np.uint8)
    assert measures.texture_kept(added, photo) == pytest.approx(1, abs=0.15)


def test_change_of_light_counts_both_ways() -> None:
    photo = np.full((16, 16, 3), 100, np.uint8)
    assert measures.luma_change(photo, photo) == 0
    assert measures.luma_change(photo + np.uint8(10), photo) == pytest.approx(0.1)
    assert measures.luma_change(photo - np.uint8(10), photo) == pytest.approx(0.1)


def test_a_burnt_halo_has_lost_its_shape_and_its_colour() -> None:
    dark = street()
    assert measures.burnt_halo(dark, dark) == 0
    assert measures.light_shift(dark, dark) == 0
    twice, burnt = baselines.fixed_gain(2)(dark), baselines.fixed_gain(12)(dark)
    assert measures.burnt_halo(twice, dark) == 0
    assert measures.burnt_halo(burnt, dark) > 0.5
    assert measures.light_shift(twice, dark) < 0.02
    assert measures.light_shift(burnt, dark) > 0.05


def test_no_lamp_is_no_measurement() -> None:
    assert math.isnan(measures.burnt_halo(street(radius=0), street(radius=0)))
    day = np.full((200, 200, 3), 240, np.uint8)
    assert math.isnan(measures.light_shift(day, day))


def test_the_table_leaves_out_what_could_not_show() -> None:
    lit = np.full((16, 16, 3), 120, np.uint8)
    found = find_faults(baselines.fixed_gain(3), scenes.Material([], [], [lit]))
    assert found.added_blown == 1
    assert found.luma_change == found.worst_luma_change > 1
    assert math.isnan(found.grey_cast)
    row = fault_table({"gain": found}).splitlines()[-1]
    assert row.startswith("| gain |  |  |")
    assert "100.00%" in row


def test_finds_bright_images_of_a_folder_and_frames_of_a_clip(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name, level in (("day", 180), ("night", 20)):
        cv2.imwrite(str(tmp_path / "photos" / f"{name}.png"), np.full((16, 16, 3), level, np.uint8))
    clip = write(tmp_path / "night.mp4", frames=12)
    found = scenes.named([clip, tmp_path / "photos"], [clip, tmp_path / "photos"])
    assert [len(found.grey), len(found.night), len(found.lit)] == [0, 8 + 2, 8 + 1]


def test_what_is_no_clip_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no clip")
    with pytest.raises(InputError, match=r"notes\.txt: not a readable clip"):
        scenes.named([tmp_path / "notes.txt"], [])
    with pytest.raises(InputError, match="nowhere"):
        scenes.named([], [tmp_path / "nowhere"])


def test_the_command_tells_faults_without_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(scenes, "made", lambda: scenes.Material([], [], []))
    cv2.imwrite(str(tmp_path / "day.png"), np.full((32, 32, 3), 150, np.uint8))
    out = tmp_path / "faults.json"
    assert quality.main(["--faults", "--lit", str(tmp_path), "--json", str(out)]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "0 dark and 1 lit images" in printed
    assert "pairs" not in printed
    rows = {row["method"]: row for row in json.loads(out.read_text())["faults"]["0 dark and 1 lit images"]}
    assert set(rows["input"]) == {"method", *Faults.__dataclass_fields__}
    assert rows["input"]["luma_change"] == 0
    assert rows["input"]["grey_cast"] is None
    assert rows["released-like gain"]["added_blown"] == 1
    assert rows["night, IEM"]["luma_change"] < 0.2


@pytest.mark.compile
def test_each_path_has_a_table_and_a_chosen_model_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(scenes, "made", lambda: scenes.Material([], [], []))
    folder = Path(quality.__file__).parents[1] / "rtvideo/models"
    for suffix in ("json", "safetensors"):
        (tmp_path / f"mine.{suffix}").write_bytes((folder / f"night.{suffix}").read_bytes())
    for name in ("day", "noon"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), np.full((32, 32, 3), 150, np.uint8))
    words = ["--faults", "--each", "--lit", str(tmp_path / "day"), str(tmp_path / "noon")]
    out, mine = tmp_path / "faults.json", str(tmp_path / "mine.json")
    assert quality.main([*words, "--model", mine, "--json", str(out)]) == ExitCode.DONE
    assert "faults, noon" in capsys.readouterr().out
    found = json.loads(out.read_text())["faults"]
    assert list(found) == ["scenes made for it", "day", "noon"]
    ways = ("IEM", "IEM+NRM", "IEM, debanded", "IEM+NRM, debanded")
    assert [row["method"] for row in found["day"]] == ["input", *(f"{mine}, {way}" for way in ways)]
    assert found["day"][1]["luma_change"] < 0.2


@pytest.mark.slow
def test_a_picture_of_an_infra_red_camera_is_grey_and_light() -> None:
    picture = scenes.infra_red(0)
    assert measures.luma(picture).mean() == pytest.approx(60, abs=5)
    assert np.ptp(picture.astype(int), axis=2).max() < 8
