"""HDR and log video from file to file: what is kept, what is said, and what other programs read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.errors import InputError
from rtvideo.files.job import enhance_video
from rtvideo.files.sequence_job import enhance_to_images
from rtvideo.media import images
from rtvideo.media.hdr import ContentLight
from rtvideo.media.planes import FrameConverter, FrameFormat
from rtvideo.options import Options, Report
from tests.helpers import clips, hdr, mp4
from tests.helpers.doubles import FakeSession, opening

#: As x265 takes it: chromaticities in 1/50000, luminance in 1/10000.
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
DISPLAY = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329, 1000, 0.0001)


def enhance(source: Path, target: Path, **options: object) -> Report:
    given = Options(**options)  # type: ignore[arg-type]
    return enhance_video(source, target, given, open_engine=opening(FakeSession()))


def tags(path: Path) -> tuple[int, int, int, int]:
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        return codec.colorspace, codec.color_range, codec.color_primaries, codec.color_trc


def hdr10(path: Path, level: str = "1000,400") -> Path:
    params = f"log-level=none:master-display={MASTERING}:max-cll={level}"
    return hdr.write(path, "pq", options={"preset": "ultrafast", "x265-params": params})


def samples(path: Path) -> np.ndarray:
    return clips.first(path).to_ndarray().astype(int)


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
@pytest.mark.parametrize("kind", ["hlg", "pq"])
def test_tags_and_ten_bits_stay(tmp_path: Path, kind: str, codec: str) -> None:
    source, target = hdr.write(tmp_path / "in.mp4", kind), tmp_path / "out.mkv"
    assert enhance(source, target, codec=codec).warnings == []
    assert clips.first(target).format.name == "yuv420p10le" and tags(target) == tags(source)


@pytest.mark.parametrize("kind", ["sdr", "hlg", "pq"])
def test_strength_0_is_the_input_to_the_accuracy_of_the_codec(tmp_path: Path, kind: str) -> None:
    source, target = hdr.write(tmp_path / "in.mp4", kind), tmp_path / "out.mp4"
    enhance_video(source, target, Options(strength=0, crf=0, preset="ultrafast"))
    assert np.array_equal(samples(source), samples(target))


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
@pytest.mark.parametrize(("given", "largest"), [("1000,400", 1000), ("120,40", 203)])
def test_what_is_said_of_light_goes_with_it(tmp_path: Path, codec: str, given: str, largest: int) -> None:
    source, target = hdr10(tmp_path / "in.mp4", given), tmp_path / "out.mkv"
    assert enhance(source, target, codec=codec).warnings == []
    light = ContentLight.of(clips.first(target))
    assert light is not None and light.display == pytest.approx(DISPLAY, rel=1e-3, abs=1e-4)
    assert (light.largest, light.average) == (largest, 0)  # MaxFALL is not known before the end


def test_nothing_of_it_changes_at_strength_0(tmp_path: Path) -> None:
    source, target = hdr10(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    assert enhance_video(source, target, Options(strength=0)).warnings == []
    assert ContentLight.of(clips.first(target)) == ContentLight.of(clips.first(source))


def test_where_the_usual_encoder_has_8_bits_another_has_ten(tmp_path: Path) -> None:
    source = hdr.write(tmp_path / "in.mkv", "hlg", codec="libsvtav1", options={"preset": "12"})
    target = tmp_path / "out.webm"
    assert enhance(source, target).warnings == []
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == "av1"
    assert clips.first(target).format.name == "yuv420p10le" and tags(target) == tags(source)
    h264 = hdr.write(tmp_path / "h264.mkv", "hlg", codec="libx264", options={"preset": "ultrafast"})
    assert enhance(h264, target, overwrite=True).warnings == []
    assert clips.first(target).format.name == "yuv420p10le"


def test_an_encoder_that_cannot_say_it_is_named(tmp_path: Path) -> None:
    report = enhance(hdr10(tmp_path / "in.mp4"), tmp_path / "out.mkv", codec="mjpeg")
    assert any("8-bit" in line for line in report.warnings)
    assert any("in 8 bits shows bands; use --codec libx265" in line for line in report.warnings)
    assert any("mastering display" in line.lower() for line in report.warnings)


@pytest.mark.parametrize("program", ["ffprobe", "mediainfo"])
def test_other_programs_read_the_same(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    source, target = hdr10(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    enhance(source, target)
    if program == "ffprobe":
        command = "ffprobe -v error -show_frames -read_intervals %+#1 -select_streams v -of compact"
        words = "color_space=bt2020nc color_primaries=bt2020 color_transfer=smpte2084 max_content=1000"
    else:
        command, words = "mediainfo", "BT.2020 PQ 1000 10"
    said = subprocess.run([*command.split(), str(target)], capture_output=True, text=True, check=True).stdout
    assert all(word in said for word in words.split()), said


@pytest.mark.parametrize("kind", ["hlg", "pq"])
def test_sdr_of_it_is_what_sdr_of_the_scene_is(tmp_path: Path, kind: str) -> None:
    source, target = hdr.write(tmp_path / "in.mp4", kind), tmp_path / "out.mkv"
    report = enhance(source, target, hdr="sdr", codec="ffv1", strength=0.5)
    assert report.warnings == [] and tags(target) == (1, 1, 1, 1)
    frame = clips.first(target)
    assert frame.format.name == "yuv420p"
    made = frame.reformat(format="rgb24", src_colorspace=1).to_ndarray() / 255
    light = hdr.night(128, 80)
    below = light.max(-1) < 0.3  # the roll-off begins above
    right = hdr.signal(light, "sdr")
    assert 10 * np.log10(1 / np.square(made - right)[below].mean()) > 38
    assert made[light.max(-1) > 3].max() > 0.9


def test_eight_bits_are_dithered() -> None:
    ramp = np.repeat(np.linspace(0.02, 0.03, 128)[None, :, None], 80, 0) * np.ones(3)
    wanted = FrameFormat("yuv420p", 128, 80, hdr.coding("sdr"))
    luma = FrameConverter(wanted)(hdr.frame(ramp, "hlg"), hdr.coding("hlg")).to_ndarray()[:80].astype(float)
    right = 16 + 219 * ramp[0, :, 0] ** (1 / 2.4)
    means = [values.reshape(-1, 16).mean(1) for values in (luma.mean(0), right)]
    assert np.abs(means[0] - means[1]).max() < 0.3
    assert len(np.unique(luma[:, 40:56].mean(0))) > 2  # rounded they would be whole numbers


@pytest.mark.parametrize("name", ["slog3", "applelog", "hlg", "sdr"])
def test_a_curve_that_is_named(tmp_path: Path, name: str) -> None:
    tag = 18 if name == "sdr" else 1
    source = hdr.write(tmp_path / "in.mp4", "sdr", transfer=tag)
    target = tmp_path / "out.mp4"
    enhance_video(source, target, Options(transfer=name, preset="ultrafast"))
    assert tags(target)[3] == {"hlg": 18, "sdr": 1}.get(name, 1)
    assert np.abs(samples(source) - samples(target)).max() > 8


def test_images_of_it_are_sdr(tmp_path: Path) -> None:
    source = hdr.write(tmp_path / "in.mp4", "pq")
    report = enhance_to_images(
        source, tmp_path / "out_%02d.png", Options(frames=1), open_engine=opening(FakeSession())
    )
    assert any("becomes SDR" in line for line in report.warnings)
    pixels = images.read(tmp_path / "out_01.png").pixels
    light = hdr.night(128, 80)
    below = light.max(-1) < 0.3
    assert np.abs(pixels / 65535 - hdr.signal(light, "sdr"))[below].mean() < 0.01


@pytest.mark.parametrize(
    ("kind", "profile", "compatible", "said"),
    [
        ("hlg", 8, 4, "Dolby Vision profile 8.4 no longer fits the enhanced pictures and is dropped; HLG"),
        ("pq", 8, 1, "Dolby Vision profile 8.1 no longer fits the enhanced pictures and is dropped; PQ"),
        ("pq", 7, 6, "Dolby Vision profile 7.6 no longer fits the enhanced pictures and is dropped; PQ"),
    ],
)
def test_dolby_vision_goes_and_its_base_stays(
    tmp_path: Path, kind: str, profile: int, compatible: int, said: str
) -> None:
    source, target = hdr.write(tmp_path / "in.mp4", kind, after=hdr.RPU), tmp_path / "out.mp4"
    mp4.add(source, [(("video", True), mp4.box(b"dvvC", hdr.dolby_vision(profile, compatible)))])
    (line,) = enhance(source, target).warnings
    assert said in line
    assert tags(target) == tags(source)
    written = target.read_bytes()
    assert b"dvvC" not in written and hdr.RPU[2:30] not in written


def test_dolby_vision_without_a_base_is_refused(tmp_path: Path) -> None:
    source = hdr.write(tmp_path / "in.mp4", "pq", transfer=2, after=hdr.RPU)
    mp4.add(source, [(("video", True), mp4.box(b"dvcC", hdr.dolby_vision(5, 0)))])
    with pytest.raises(
        InputError, match=r"in\.mp4: Dolby Vision profile 5 has no picture.*ffmpeg -i .*libplacebo"
    ) as caught:
        enhance(source, tmp_path / "out.mp4")
    assert "\n" not in str(caught.value) and not (tmp_path / "out.mp4").exists()


def test_hdr10_plus_goes_and_hdr10_stays(tmp_path: Path) -> None:
    source, target = hdr.write(tmp_path / "in.mp4", "pq", before=hdr.hdr10_plus()), tmp_path / "out.mp4"
    (line,) = enhance(source, target).warnings
    assert "HDR10+ no longer fits the enhanced pictures and is dropped; PQ (BT.2100, HDR10) stays" in line
    assert tags(target) == tags(source)
    assert enhance(source, tmp_path / "sdr.mp4", hdr="sdr").warnings == []
