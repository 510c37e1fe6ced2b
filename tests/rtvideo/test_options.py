"""A field of the options is a flag: what follows from that holds for every field."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from rtvideo.cli.parser import RECORDS, parser, record_of
from rtvideo.options import CaptureOptions, Flag, LiveOptions, Options, flags_of

FLAGS = [(record, *entry) for record in RECORDS for entry in flags_of(record)]


@pytest.mark.parametrize("record", RECORDS)
def test_without_flags_the_defaults_are_taken(record: type[Any]) -> None:
    assert record_of(record, parser().parse_args([])) == record()
    assert [f.name for f in fields(record) if "flag" not in f.metadata] == (
        ["wishes"] if record is LiveOptions else []
    )


@pytest.mark.parametrize(("record", "name", "default", "flag"), FLAGS, ids=[name for _, name, *_ in FLAGS])
def test_a_flag_fills_its_field(record: type[Any], name: str, default: Any, flag: Flag) -> None:
    long = flag.name or name.replace("_", "-")
    if isinstance(default, bool):
        words = [f"--no-{long}" if default else f"--{long}"]
        wanted: Any = not default
    else:
        words = {
            "compare": "side",
            "deinterlace": "field",
            "hdr": "sdr",
            "transfer": "hlg",
            "flicker": "off",
            "purpose": "analysis",
            "when": "dark",
            "output_format": "mpegts",
        }
        given = ({"size": "320x240", "strength": "0.5", "keep": "7d"} | words).get(name, "1")
        words, wanted = [f"--{long}", given], (flag.type or str)(given)
    assert getattr(record_of(record, parser().parse_args(words)), name) == wanted != default
    if flag.short:
        assert getattr(record_of(record, parser().parse_args([f"-{flag.short}"])), name) == wanted


def test_the_help_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(parser().format_help().split())
    for _, _, _, flag in FLAGS:
        assert " ".join(flag.help.split()) in text


def test_python_shows_what_the_help_shows() -> None:
    for record in (Options, LiveOptions, CaptureOptions):
        for name, _, flag in flags_of(record):
            assert f"{name}: {flag.help}" in " ".join(str(record.__doc__).split())


def test_for_analysis_whatever_is_auto_is_off() -> None:
    plain, analysis = Options(), Options(purpose="analysis")
    assert (plain.denoise, plain.temporal, plain.deband, plain.flicker) == (None, None, None, "auto")
    assert (analysis.denoise, analysis.temporal, analysis.deband, analysis.flicker) == (0, 0, 0, "off")
    assert Options(purpose="analysis", denoise="on").denoise == 1
