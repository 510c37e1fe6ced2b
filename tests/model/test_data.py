import dataclasses
import logging
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from model import data
from rtvideo.errors import InputError


def image(seed: int, height: int = 12, width: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb)


def test_reads_every_kind_of_png(tmp_path: Path) -> None:
    colour, grey = image(0), image(1)[..., 0]
    write(tmp_path / "a.png", colour)
    write(tmp_path / "deep" / "b.PNG", colour)
    cv2.imwrite(str(tmp_path / "c.png"), np.dstack([colour[..., ::-1], grey]))  # alpha
    cv2.imwrite(str(tmp_path / "d.png"), colour[..., ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "e.png"), grey)
    items = {i.name: i.low for i in data.unpaired([tmp_path], data.Reader())}
    # deep/b.PNG has the bytes of a.png and counts once.
    assert sorted(items) == ["a.png", "c.png", "d.png", "e.png"]
    for name in ("a.png", "c.png", "d.png"):
        np.testing.assert_array_equal(items[name], colour)
    np.testing.assert_array_equal(items["e.png"], grey[..., None].repeat(3, 2))


def test_reads_whatever_rtvideo_reads(tmp_path: Path) -> None:
    colour = image(0)
    cv2.imwrite(str(tmp_path / "a.tif"), colour[..., ::-1].astype(np.uint16) * 257)
    PIL.Image.fromarray(colour[::-1]).save(tmp_path / "b.webp", lossless=True)
    items = {i.name: i.low for i in data.unpaired([tmp_path], data.Reader())}
    np.testing.assert_array_equal(items["a.tif"], colour)
    np.testing.assert_array_equal(items["b.webp"], colour[::-1])


def test_what_cannot_be_read_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "good.png", image(0))
    write(tmp_path / "tiny.png", image(0, 3, 9))
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        items = data.unpaired([tmp_path], data.Reader())
    assert [i.name for i in items] == ["good.png"]
    for name in ("bad.jpg", "empty.png", "tiny.png"):
        assert sum(name in r.getMessage() for r in caplog.records) == 1


def test_folders_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        data.unpaired([tmp_path / "none"], data.Reader())
    with pytest.raises(InputError, match="no image in it"):
        data.unpaired([tmp_path], data.Reader())
    with pytest.raises(InputError, match="needs low/ and high/"):
        data.paired([tmp_path], data.Reader())
    write(tmp_path / "low" / "1.png", image(0))
    write(tmp_path / "high" / "1.png", image(0, 12, 11))
    with pytest.raises(InputError, match="must have one size"):
        data.paired([tmp_path], data.Reader())


def test_pairs_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for n in (1, 2):
        write(tmp_path / "low" / f"{n}.png", image(n))
        write(tmp_path / "high" / f"{n}.png", image(10 + n))
    write(tmp_path / "low" / "3.png", image(3))
    items = data.paired([tmp_path], data.Reader())
    assert [i.scene for i in items] == ["1", "2"]
    np.testing.assert_array_equal(items[1].low, image(2))
    assert items[1].high is not None
    np.testing.assert_array_equal(items[1].high, image(12))
    assert "3.png: skipped: no image of that name" in caplog.text


def test_pairs_by_table_never_touch_the_test_split(tmp_path: Path) -> None:
    for n in range(3):
        write(tmp_path / "low" / f"{n}.png", image(n))
    write(tmp_path / "ref" / "r.png", image(9))
    (tmp_path / "pairs.csv").write_text(
        "low,ref,split\n0.png,r.png,train\n1.png,r.png,train\n2.png,r.png,test\n"
    )
    items = data.paired([tmp_path], data.Reader())
    assert [i.name for i in items] == ["low/0.png", "low/1.png"]
    assert {i.scene for i in items} == {"r"}
    (tmp_path / "pairs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns low and ref"):
        data.paired([tmp_path], data.Reader())


def test_fingerprint_follows_names_and_contents(tmp_path: Path) -> None:
    def fingerprint() -> data.Fingerprint:
        reader = data.Reader()
        data.unpaired([tmp_path], reader)
        return reader.fingerprint()

    write(tmp_path / "a.png", image(0))
    first = fingerprint()
    assert first == fingerprint()
    assert first.files == 1
    write(tmp_path / "a.png", image(1))
    second = fingerprint()
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    assert len({first.sha256, second.sha256, fingerprint().sha256}) == 3


def test_long_images_are_reduced(tmp_path: Path) -> None:
    write(tmp_path / "a.png", image(0, 40, 80))
    assert data.unpaired([tmp_path], data.Reader(longest=20))[0].low.shape == (10, 20, 3)
    flat = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    write(tmp_path / "a.png", flat)
    np.testing.assert_array_equal(data.unpaired([tmp_path], data.Reader(longest=16))[0].low, flat[:16, :16])


def scenes(count: int, each: int = 3) -> list[data.Item]:
    return [data.Item(f"{s}_{n}", str(s), image(s), image(n)) for s in range(count) for n in range(each)]


def test_split_keeps_scenes_whole() -> None:
    items = scenes(20)
    train, held = data.split(items, 0.1, 0)
    assert len({i.scene for i in held}) == 2
    assert not {i.scene for i in held} & {i.scene for i in train}
    assert len(train) + len(held) == 60
    assert data.split(list(reversed(items)), 0.1, 0)[1] == list(reversed(held))
    assert {i.scene for i in data.split(items, 0.1, 1)[1]} != {i.scene for i in held}
    train, held = data.split(scenes(1), 0.1, 0)
    assert len(train) == len(held) == 3


def test_batch_is_a_function_of_seed_and_step() -> None:
    items = scenes(4)
    a, b = (data.batch(items, 5, 8, seed=1, step=7) for _ in range(2))
    np.testing.assert_array_equal(a[0], b[0])
    assert a[0].shape == (5, 3, 8, 8)
    assert a[0].dtype == np.float32
    for seed, step in ((1, 8), (2, 7)):
        assert not np.array_equal(a[0], data.batch(items, 5, 8, seed=seed, step=step)[0])


def test_pairs_stay_aligned_under_augmentation() -> None:
    picture = image(0, 20, 30)
    items = [data.Item("a", "a", picture, 255 - picture)]
    seen = set()
    for step in range(60):
        low, high = data.batch(items, 2, 16, 0, step)
        assert high is not None
        np.testing.assert_allclose(low + high, 1, atol=1e-6)
        seen.add(low[0].tobytes())
    assert len(seen) > 50


def test_small_images_are_mirrored_and_unpaired_have_no_reference() -> None:
    low, high = data.batch([data.Item("a", "a", image(0))], 1, 32, 0, 0)
    assert low.shape == (1, 3, 32, 32)
    assert high is None


def smooth(seed: int, height: int = 48, width: int = 60) -> np.ndarray:
    """A scene with structure that survives a thumbnail."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def test_references_that_look_alike_are_one_scene(tmp_path: Path) -> None:
    shelf = smooth(1)
    for name, high in {"1": shelf, "2": smooth(2), "3": (shelf * 0.8).astype(np.uint8)}.items():
        write(tmp_path / "high" / f"{name}.png", high)
        write(tmp_path / "low" / f"{name}.png", high // 8)
    scenes = {i.name: i.scene for i in data.paired([tmp_path], data.Reader())}
    assert scenes == {"low/1.png": "1", "low/2.png": "2", "low/3.png": "1"}


def test_matched_folders_anywhere(tmp_path: Path) -> None:
    write(tmp_path / "dark" / "a.png", image(0))
    write(tmp_path / "truth" / "a.jpg", image(1))
    write(tmp_path / "truth" / "b.jpg", image(2))
    (item,) = data.matched(tmp_path / "dark", tmp_path / "truth", data.Reader())
    np.testing.assert_array_equal(item.low, image(0))
    write(tmp_path / "other" / "c.png", image(3))
    with pytest.raises(InputError, match="no image in it has a readable partner"):
        data.matched(tmp_path / "other", tmp_path / "truth", data.Reader())


def test_a_part_of_the_table(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write(tmp_path / "low" / f"{name}.png", image(int(name)))
        write(tmp_path / "ref" / f"{name}.png", image(int(name)))
    (tmp_path / "pairs.csv").write_text("low,ref,split\n1.png,1.png,train\n2.png,2.png,test\n")
    assert [i.name for i in data.paired([tmp_path], data.Reader())] == ["low/1.png"]
    assert [i.name for i in data.paired([tmp_path], data.Reader(), part="test")] == ["low/2.png"]


@pytest.mark.parametrize("permuted", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_a_view_has_its_part_of_the_reference(seed: int, permuted: bool) -> None:
    low = image(4, 20, 14)
    random = np.random.default_rng(seed)
    item = data.Item("a", "a", low, 255 - low)
    view = data.view(item, data.place(item, 9, random, permuted=permuted))
    assert sorted(view.low.shape[2:]) == [14, 20]
    assert view.high is not None and view.high.shape == (1, 3, 9, 9)
    np.testing.assert_allclose(view.low[(..., *view.part)] / 255 + view.high, 1, atol=1e-6)


def test_all_orders_of_channels_are_seen_where_they_may_be() -> None:
    item = data.Item("a", "a", np.full((8, 8, 3), (10, 20, 30), np.uint8))
    random = np.random.default_rng(0)
    seen = {
        permuted: {
            tuple(data.view(item, data.place(item, 8, random, permuted=permuted)).low[0, :, 0, 0])
            for _ in range(60)
        }
        for permuted in (False, True)
    }
    assert len(seen[False]) == 1
    assert len(seen[True]) == 6


def test_a_view_of_a_small_image_is_all_of_it() -> None:
    item = data.Item("a", "a", image(0))
    view = data.view(item, data.place(item, 100, np.random.default_rng(0)))
    assert view.high is None
    assert view.low[(..., *view.part)].shape == view.low.shape


def test_colours_of_image_and_reference_are_multiplied_alike() -> None:
    random = np.random.default_rng(0)
    high = random.integers(90, 160, (24, 32, 3)).astype(np.uint8)
    item = data.Item("one", "one", high // 2, high)
    placed = [data.place(item, 16, random, saturation=(1.5, 1.5)) for _ in range(40)]
    assert {seen.saturation for seen in placed} == {1.0, 1.5}
    for seen in placed:
        plain = data.view(item, dataclasses.replace(seen, saturation=1.0))
        shown = data.view(item, seen)
        assert shown.high is not None and plain.high is not None
        for given, made in ((plain.low[0] / 255, shown.low[0] / 255), (plain.high[0], shown.high[0])):
            grey = given.mean(0)
            np.testing.assert_allclose(made, grey + seen.saturation * (given - grey), atol=1.5 / 255)
