"""The table of encoders, against FFmpeg: what a row says is what the encoder takes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import pytest

from rtvideo.errors import UsageError
from rtvideo.media import codecs, encoders
from rtvideo.media.codecs import VideoParameters, choose
from rtvideo.media.encoders import ENCODERS, EncoderSpec, Quality, spec_of
from rtvideo.media.tags import Tags

TAGS = Tags(matrix=1, range=1, transfer=1, primaries=1)


def video(
    codec: str = "h264", pix_fmt: str = "yuv420p", size: tuple[int, int] = (256, 144)
) -> VideoParameters:
    coding = TAGS.coding(pix_fmt, size[1])
    return VideoParameters(codec, pix_fmt, *size, Fraction(25), Fraction(1, 25), None, TAGS, coding)


def container(spec: EncoderSpec) -> str:
    """Return a container that holds what an encoder makes."""
    return next(name for name in ("matroska", "avi", "mov", "flv") if codecs._holds(name, spec.name))


def unused(spec: EncoderSpec, options: dict[str, str]) -> set[str]:
    """Open an encoder and return the options that it does not know."""
    encoding, _ = choose(video(), container(spec), spec.name, None, None)
    context = av.CodecContext.create(spec.name, "w")
    replace(encoding, options=encoding.options | options).configure(context)
    context.open()
    return set(context.options)


@pytest.mark.parametrize("spec", [s for s in ENCODERS if not s.on_gpu], ids=lambda s: s.name)
def test_an_encoder_takes_the_options_of_its_row(spec: EncoderSpec) -> None:
    usual, best = {}, {}
    if spec.quality is not None and spec.quality.option is not None:
        usual = {spec.quality.option: f"{spec.quality.default:g}"}
        best = {spec.quality.option: f"{spec.quality.best:g}"}
    for extra in (usual, usual | spec.live, usual | spec.streaming, best | spec.lossless):
        assert not unused(spec, spec.options | extra)
    assert "preset" not in spec.options or spec.options["preset"] in spec.presets


@pytest.mark.parametrize("spec", [s for s in ENCODERS if s.presets and not s.on_gpu], ids=lambda s: s.name)
def test_an_encoder_takes_its_presets(spec: EncoderSpec) -> None:
    for preset in (spec.presets[0], spec.presets[-1]):
        encoding, _ = choose(video(), "matroska", spec.name, None, preset)
        assert encoding.options["preset"] == preset
    with pytest.raises(UsageError, match=f"codec {spec.name} takes {spec.presets[0]}, "):
        choose(video(), "matroska", spec.name, None, "slowest")


@pytest.mark.parametrize("spec", [s for s in ENCODERS if s.quality and not s.on_gpu], ids=lambda s: s.name)
def test_quality_has_a_range(spec: EncoderSpec) -> None:
    assert spec.quality is not None
    for crf in (spec.quality.best, spec.quality.smallest):
        choose(video(), container(spec), spec.name, crf, None)
    with pytest.raises(UsageError, match=f"codec {spec.name} takes .* \\(best\\) to .* \\(smallest\\)"):
        choose(video(), container(spec), spec.name, spec.quality.smallest + 1, None)


@pytest.mark.parametrize("spec", [s for s in ENCODERS if s.aliases], ids=lambda s: s.name)
def test_aliases_name_the_encoder(spec: EncoderSpec) -> None:
    for alias in spec.aliases:
        assert choose(video(), container(spec), alias, None, None)[0].codec == spec.name


@pytest.mark.parametrize("spec", [s for s in ENCODERS if s.replaces], ids=lambda s: s.name)
def test_the_output_is_encoded_like_the_input(spec: EncoderSpec) -> None:
    for codec in spec.replaces:
        assert choose(video(codec), container(spec), None, None, None)[0].codec == spec.name


def test_names_and_replaced_codecs_stand_once() -> None:
    names = [name for spec in ENCODERS for name in (spec.name, *spec.aliases)]
    replaced = [codec for spec in ENCODERS for codec in spec.replaces]
    assert len(set(names)) == len(names) and len(set(replaced)) == len(replaced)


def test_a_row_is_all_that_an_encoder_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    row = EncoderSpec(
        name="zmbv", aliases=("dosbox",), replaces=("cinepak",), quality=Quality(1, 9, 4, option="g")
    )
    for module in (codecs, encoders):
        monkeypatch.setattr(module, "ENCODERS", (row, *ENCODERS))
    assert choose(video("cinepak"), "avi", None, None, None)[0].options == {"g": "4", "bf": "0"}
    assert choose(video(), "avi", "dosbox", 7, None)[0].options["g"] == "7"
    with pytest.raises(UsageError, match="--crf 10: codec zmbv takes 1 "):
        choose(video(), "avi", "zmbv", 10, None)
    assert encoders.usual_encoders()[0] == "zmbv"
    assert not spec_of("no_row").captions
