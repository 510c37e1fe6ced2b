"""The Python API, on arrays, frames and files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given, settings
from hypothesis import strategies as st

import rtvideo
from rtvideo import enhancer as enhancer_module
from rtvideo.colour import Coding, Matrix
from rtvideo.engines import session_cache
from rtvideo.engines.session import Settings
from rtvideo.engines.session_cache import SESSIONS
from rtvideo.enhancer import Enhancer
from rtvideo.errors import InputError, OutputError, UnavailableError, UsageError
from rtvideo.files import image_job
from rtvideo.frame import Geometry, Planes
from rtvideo.media import images
from rtvideo.media.images import Picture
from rtvideo.media.planes import geometry_of, views
from rtvideo.models import Model
from tests.helpers import hdr


class Double:
    """An engine that adds one to every sample (unless the strength is 0) and remembers what it was given."""

    opened: list[Double]
    engine = name = "double"
    remembers = False
    debands = False
    delay = 0

    def __init__(self, model: Model, geometry: Geometry, settings: Settings, **wishes: Any) -> None:
        self.geometry, self.settings, self.wishes = geometry, settings, wishes
        self.closed, self.flushed = False, False
        self.queue: list[Planes] = []
        self.opened.append(self)

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        assert [plane.shape for plane in planes] == self.geometry.shapes()
        for source, target in zip(planes, out, strict=True):
            np.copyto(target, source + (self.settings.strength > 0))
        self.queue.append(out)

    def receive(self) -> Planes | None:
        if not self.queue or (self.delay and not self.flushed):
            return None
        return self.queue.pop(0)

    def flush(self) -> None:
        self.flushed = True

    def close(self) -> None:
        self.closed = True

    def __str__(self) -> str:
        return "double"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Double]]:
    Double.opened, Double.delay = [], 0
    for module in (enhancer_module, image_job):
        monkeypatch.setattr(module, "find", lambda name: Model(name, None))
    monkeypatch.setattr(session_cache, "open_session", Double)
    yield Double
    Double.delay = 0


def noise(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 200, shape, np.uint8)


def filled(form: str, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, form)
    rng = np.random.default_rng(0)
    for plane in frame.planes:
        top = 3 if frame.format.components[0].bits > 8 else 200  # high byte of a 10-bit sample
        samples = rng.integers(0, 200, plane.buffer_size, np.uint8)
        samples[1::2] %= top
        plane.update(samples.tobytes())
    frame.pts, frame.time_base = 1234, Fraction(1, 90000)
    return frame


def pixels(frame: av.VideoFrame) -> list[npt.NDArray[Any]]:
    geometry = geometry_of(frame.format.name, frame.width, frame.height, Coding(Matrix.BT709, True))
    return [np.array(view) for view in views(frame, geometry)]


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.integers(1, 70), st.integers(1, 50), st.sampled_from(["plain", "strided", "reversed", "fortran"]))
def test_real_engine_on_arrays(gain_model: Path, width: int, height: int, memory: str) -> None:
    frame = noise(height * 2, width * 2, 3)[:height, :width]
    if memory == "strided":
        frame = noise(height * 2, width * 2, 3)[::2, ::2]
    elif memory == "reversed":
        frame = frame[::-1, :, ::-1]
    elif memory == "fortran":
        frame = np.asfortranarray(frame)
    before = frame.copy()
    with Enhancer(str(gain_model), threads=1) as brighten:
        lit = brighten(frame)
    assert lit.shape == frame.shape and lit.dtype == np.uint8
    np.testing.assert_array_equal(lit, np.minimum(before.astype(int) * 3, 255))
    np.testing.assert_array_equal(frame, before)


def test_strength_0_returns_the_input(gain_model: Path) -> None:
    frame = noise(33, 17, 3)
    with Enhancer(str(gain_model), strength=0) as enhancer:
        lit = enhancer(frame)
        np.testing.assert_array_equal(lit, frame)
        assert not np.shares_memory(lit, frame)
        enhancer.settings.strength = 1
        assert (enhancer(frame) > frame).any()


def test_brightness_can_be_asked_for_between_calls(gain_model: Path) -> None:
    frame = noise(40, 60, 3) // 5
    with Enhancer(brightness=-0.5, threads=1) as enhancer:
        darker = enhancer(frame)
        enhancer.brightness = "0.5"
        brighter = enhancer(frame)
        enhancer.brightness = 0
        assert darker.mean() < enhancer(frame).mean() < brighter.mean()
        with pytest.raises(ValueError, match=r"-2.*allowed: a number from -1"):
            enhancer.brightness = -2
    with pytest.raises(ValueError, match="no adjustable brightness"):
        Enhancer(str(gain_model), brightness=0.5)


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p10le", "nv12", "gray", "rgb24"])
def test_video_frames_keep_everything_but_the_picture(double: type[Double], form: str) -> None:
    frame = filled(form, 63, 35)
    frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.JPEG
    frame.color_primaries, frame.color_trc = 1, 1
    before = pixels(frame)
    lit = Enhancer()(frame)
    assert (lit.format.name, lit.width, lit.height) == (form, 63, 35)
    assert (lit.pts, lit.time_base) == (1234, Fraction(1, 90000))
    assert (lit.colorspace, lit.color_range) == (Colorspace.ITU709, ColorRange.JPEG)
    assert (lit.color_primaries, lit.color_trc) == (1, 1)
    for old, now, new in zip(before, pixels(frame), pixels(lit), strict=True):
        np.testing.assert_array_equal(now, old)
        np.testing.assert_array_equal(new, old + 1)


def test_video_frames_of_other_formats_come_back_in_theirs(double: type[Double]) -> None:
    frame = filled("bgr24", 32, 20)
    lit = Enhancer(strength=0)(frame)
    assert lit.format.name == "bgr24"
    np.testing.assert_array_equal(lit.to_ndarray(), frame.to_ndarray())
    assert double.opened[0].geometry.layout == "rgb"


def test_hdr_frames_stay_hdr() -> None:
    frame = hdr.frame(hdr.night(128, 80), "pq")
    lit = Enhancer(engine="fused")(frame)
    assert (lit.format.name, lit.color_trc, lit.colorspace) == ("yuv420p10le", 16, 9)
    dark, light = (one.to_ndarray()[:80].astype(int) for one in (frame, lit))
    assert np.median(light - dark) > 20 and np.abs(light - dark)[dark > 700].max() <= 1


def test_video_frames_that_cannot_be_enhanced(double: type[Double]) -> None:
    constant = filled("yuv420p10le", 32, 20)
    constant.colorspace = 10
    with pytest.raises(InputError, match="colour matrix 10"):
        Enhancer()(constant)
    with pytest.raises(InputError, match="pal8"):
        Enhancer()(av.VideoFrame(32, 20, "pal8"))


@pytest.mark.parametrize(
    ("frame", "kind", "says"),
    [
        (np.zeros((4, 4, 3), np.int32), TypeError, "int32; allowed: uint8"),
        (np.full((4, 4, 3), 255.0), ValueError, "from 255 to 255; floats are allowed from 0 to 1"),
        (np.full((4, 4, 3), np.nan), ValueError, "floats are allowed from 0 to 1"),
        (np.zeros((3, 4, 5), np.uint8), ValueError, r"\(3, 4, 5\); allowed: \(height, width, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"\(0, 4, 3\)"),
        ("night.png", TypeError, "of type str; allowed"),
    ],
)
def test_wrong_frames(double: type[Double], frame: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        Enhancer()(frame)


WRONG = [
    *({"strength": value} for value in (1.5, float("nan"), None, "much", True)),
    *({"denoise": value} for value in (-0.1, "strong", [0.5])),
    *({"temporal": value} for value in (2, "auto", None)),
    *({"threads": value} for value in (-1, 1.5, None)),
    *({"engine": "warp"}, {"device": "gpu"}, {"model": 3}),
]


@pytest.mark.parametrize("wish", WRONG, ids=str)
def test_wrong_settings(double: type[Double], gain_model: Path, wish: dict[str, Any]) -> None:
    for name, value in wish.items():
        with pytest.raises(ValueError, match=re.escape(str(value))) as met:
            Enhancer(**wish)
        assert name in str(met.value) and "allowed:" in str(met.value) and "--" not in str(met.value)


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ({}, Settings(1.0, 1.0, 0.0, adapts=True)),
        ({"strength": "50%", "denoise": "off", "temporal": "off"}, Settings(0.5, 0.0, 0.0)),
        (
            {"strength": "0.25", "denoise": "auto", "temporal": np.float32(0.5)},
            Settings(0.25, 1.0, 0.5, adapts=True),
        ),
        ({"denoise": "on", "temporal": "on"}, Settings(1.0, 1.0, 1.0)),
        ({"model": Path("ruas"), "denoise": "100%"}, Settings(1.0, 1.0, 0.0)),
    ],
)
def test_an_enhancer_takes_the_words_of_the_command_line(words: dict[str, Any], settings: Settings) -> None:
    settings = replace(settings, alone=True, dither=True)  # of all enhancers
    with Enhancer(**words) as enhancer:
        assert enhancer.settings == settings
    with Enhancer() as enhancer:
        for name in words.keys() - {"model"}:
            setattr(enhancer, name, words[name])
        assert enhancer.settings == settings


def test_settings_are_changed_by_name_and_a_wrong_name_is_refused(gain_model: Path) -> None:
    frame = noise(8, 8, 3)
    with Enhancer(str(gain_model)) as enhancer:
        enhancer.strength = 0.0
        np.testing.assert_array_equal(enhancer(frame), frame)
        with pytest.raises(UsageError, match=r"^strength: '7.0' is not allowed"):
            enhancer.strength = 7.0
        with pytest.raises(UsageError, match=r'no noise removal; use denoise="off"'):
            enhancer.denoise = 1.0
        for thing in (enhancer, enhancer.settings):
            with pytest.raises(AttributeError, match="strenght"):
                thing.strenght = 0.5  # type: ignore[union-attr]
        for name in ("model", "settings", "engine"):  # they would do nothing
            with pytest.raises(AttributeError, match=name):
                setattr(enhancer, name, "ruas")
        assert enhancer.strength == 0.0


def test_wrong_names(gain_model: Path) -> None:
    with pytest.raises(UsageError, match="'dusk'"):
        Enhancer("dusk")
    with pytest.raises(UsageError, match="'warp'"):
        Enhancer(str(gain_model), engine="warp")(noise(2, 2, 3))
    with pytest.raises(UnavailableError, match="cuda"):
        Enhancer(str(gain_model), device="cuda")(noise(2, 2, 3))


def test_sessions_are_kept_and_closed(double: type[Double]) -> None:
    with Enhancer(engine="onnx", device="cpu", threads=3) as enhancer:
        for _ in range(3):
            enhancer(noise(4, 4, 3))
        assert len(double.opened) == 1
        assert double.opened[0].wishes == {"engine": "onnx", "device": "cpu", "threads": 3}
        for size in range(5, 5 + SESSIONS):
            enhancer(noise(size, 4, 3))
        assert [session.closed for session in double.opened] == [True] + [False] * SESSIONS
    assert all(session.closed for session in double.opened)
    enhancer.close()
    with pytest.raises(ValueError, match="closed"):
        enhancer(noise(4, 4, 3))


def test_the_longest_unused_session_goes(double: type[Double]) -> None:
    enhancer = Enhancer()
    for size in (1, 2, 3, 4, 1, 5):  # 2 is now the one that nobody has asked for
        enhancer(noise(size, 4, 3))
    assert [session.geometry.height for session in double.opened if session.closed] == [2]


def test_an_engine_that_looks_ahead_is_flushed(double: type[Double]) -> None:
    double.delay = 1
    np.testing.assert_array_equal(Enhancer()(noise(4, 4, 3)), noise(4, 4, 3) + 1)


def test_enhance_file_on_an_image(gain_model: Path, tmp_path: Path) -> None:
    dark = noise(21, 34, 3)
    images.write(Picture(dark, noise(21, 34)), tmp_path / "a.png")
    report = rtvideo.enhance_file(
        tmp_path / "a.png", str(tmp_path / "b.png"), model=str(gain_model), threads=1
    )
    lit = images.read(tmp_path / "b.png")
    np.testing.assert_array_equal(lit.pixels, np.minimum(dark.astype(int) * 3, 255))
    np.testing.assert_array_equal(lit.alpha, noise(21, 34))
    assert (report.frames_in, report.frames_out, report.incomplete) == (1, 1, None)
    assert report.engine == "onnx cpu, 1 thread"
    assert sorted(report.milliseconds) == ["decode", "encode", "enhance"]


def test_16_bits_and_grey_reach_the_engine_as_they_are(gain_model: Path, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65535, (21, 34, 3), np.uint16, endpoint=True)
    for name, dark in (("rgb", deep), ("grey", deep[..., 0]), ("shallow", noise(21, 34))):
        images.write(Picture(dark), tmp_path / f"{name}.png")
        for strength, want in ((0, dark), (1, np.minimum(dark.astype(int) * 3, np.iinfo(dark.dtype).max))):
            target = tmp_path / f"{name}{strength}.png"
            rtvideo.enhance_file(tmp_path / f"{name}.png", target, model=str(gain_model), strength=strength)
            lit = images.read(target).pixels
            assert lit.dtype == dark.dtype
            np.testing.assert_allclose(lit.astype(int), want, atol=strength)


def test_comparison_of_images(gain_model: Path, tmp_path: Path) -> None:
    dark = noise(5, 7, 3)
    images.write(Picture(dark, noise(5, 7)), tmp_path / "a.png")
    lit = np.minimum(dark.astype(int) * 3, 255)
    for compare, want in (
        ("split", np.concatenate([dark[:, :3], lit[:, 3:]], axis=1)),
        ("side", np.concatenate([dark, lit], axis=1)),
    ):
        target = tmp_path / f"{compare}.png"
        rtvideo.enhance_file(tmp_path / "a.png", target, model=str(gain_model), compare=compare)
        np.testing.assert_array_equal(images.read(target).pixels, want)


def test_one_enhancer_for_many_images(double: type[Double], tmp_path: Path) -> None:
    options = rtvideo.Options()
    with closing(image_job.sessions_for(options)) as shared:
        for name in ("a.png", "b.png"):
            images.write(Picture(noise(4, 4, 3)), tmp_path / name)
            image_job.enhance_image(tmp_path / name, tmp_path / f"lit-{name}", options, shared)
    assert len(double.opened) == 1


def test_files_that_are_refused(double: type[Double], tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    images.write(Picture(noise(4, 4, 3)), image)
    before = image.read_bytes()
    with pytest.raises(UsageError, match="is the input"):
        rtvideo.enhance_file(image, image, overwrite=True)
    with pytest.raises(UsageError, match=r"\.mp4"):
        rtvideo.enhance_file(image, tmp_path / "a.mp4")
    with pytest.raises(UsageError, match=r"an image, and .* is not"):
        rtvideo.enhance_file(tmp_path / "a.mp4", tmp_path / "b.png")
    with pytest.raises(UsageError, match="crf is for videos"):
        rtvideo.enhance_file(image, tmp_path / "b.png", crf=20)
    with pytest.raises(InputError, match="no such file"):
        rtvideo.enhance_file(tmp_path / "none.png", tmp_path / "b.png")
    with pytest.raises(OutputError, match="no such folder"):
        rtvideo.enhance_file(image, tmp_path / "none" / "b.png")
    with pytest.raises(TypeError, match="contrast: no such option; allowed: overwrite, "):
        rtvideo.enhance_file(image, tmp_path / "b.png", contrast=2)
    with pytest.raises(TypeError, match=r"did you mean denoise\?"):
        rtvideo.enhance_file(image, tmp_path / "b.png", denoice=1)
    assert image.read_bytes() == before
    assert list(tmp_path.iterdir()) == [image]


@pytest.mark.parametrize(
    ("input", "output", "kind", "says"),
    [
        (0, "b.mp4", TypeError, "input: 0 is not allowed; allowed: the path of a file"),
        ("a.png", None, TypeError, "output: None is not allowed"),
        (np.zeros((4, 4, 3)), "b.mp4", TypeError, "input: a ndarray is not allowed"),
        ("", "b.png", ValueError, "input: '' is not allowed"),
        ("rtsp://me:secret@cam/1", "b.mp4", ValueError, r"rtsp://\*\*\*@cam/1 is no file"),
        ("-", "b.mp4", ValueError, "input: - is no file; the command line takes"),
        ("~/nowhere.mp4", "b.mp4", ValueError, f"nothing replaces ~ here; write {Path.home()}"),
        (".", "lit", ValueError, "a folder; call enhance_file for each file"),
    ],
)
def test_what_is_no_file_is_refused_in_one_line(
    input: Any,
    output: Any,
    kind: type[Exception],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    images.write(Picture(noise(4, 4, 3)), tmp_path / "a.png")
    with pytest.raises(kind, match=says) as met:
        rtvideo.enhance_file(input, output)
    assert "\n" not in str(met.value) and "secret" not in str(met.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_in_a_folder_the_file_keeps_its_name(gain_model: Path, tmp_path: Path) -> None:
    images.write(Picture(noise(4, 4, 3)), tmp_path / "a.png")
    (tmp_path / "lit").mkdir()
    report = rtvideo.enhance_file(tmp_path / "a.png", tmp_path / "lit", model=gain_model)
    assert report.output == str(tmp_path / "lit" / "a.png") and (tmp_path / "lit" / "a.png").exists()
    with pytest.raises(TypeError, match="progress: True cannot be called"):
        rtvideo.enhance_file(tmp_path / "a.png", tmp_path / "b.png", progress=True)  # type: ignore[arg-type]


def test_import_is_light() -> None:
    heavy = ("torch", "onnxruntime", "cv2", "av", "numpy", "PIL", "rich")
    code = (
        "import sys, rtvideo, rtvideo.cli.entry\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
        "rtvideo.Enhancer\n"
        "print([name for name in ('torch', 'onnxruntime', 'cv2', 'av') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


def test_names_of_the_package() -> None:
    assert set(rtvideo.__all__) <= set(dir(rtvideo))
    with pytest.raises(AttributeError, match="Enhancerr"):
        rtvideo.Enhancerr  # noqa: B018
