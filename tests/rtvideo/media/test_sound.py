"""Sound as cameras and editors leave it: channels without names or in an odd order, headers on packets."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.media.describe import Summary
from rtvideo.options import Options, Report
from tests.helpers.doubles import FakeSession, opening

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="program ffmpeg: not installed")


def enhanced(source: Path, target: Path) -> Report:
    return enhance_video(source, target, Options(), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def made(path: Path, *options: str, seconds: float = 1.0) -> Path:
    video = ("-f", "lavfi", "-i", f"testsrc=size=64x48:rate=25:duration={seconds}")
    command = ["ffmpeg", "-v", "error", "-y", *video, *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def tones(path: Path) -> list[float]:
    """Return the loudest frequency in Hz of each channel."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-ar", "48000", "-f", "f32le", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    samples = np.frombuffer(raw, np.float32).reshape(-1, 8).T
    spectrum = np.abs(np.fft.rfft(samples, axis=1))
    return [float(k * 48000 / samples.shape[1]) for k in spectrum.argmax(axis=1)]


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize("target", ["mp4", "mov", "3gp", "mkv", "avi", "flv"])
def test_aac_of_a_transport_stream_is_copied(tmp_path: Path, target: str) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000", "-c:a", "aac", "-c:v", "libx264")
    source = made(tmp_path / "in.ts", *sound)
    size = ("-vf", "scale=176:144") if target == "3gp" else ()
    source = made(tmp_path / "in.ts", *sound, *size)
    report = enhanced(source, tmp_path / f"out.{target}")
    with av.open(str(source)) as before, av.open(str(tmp_path / f"out.{target}")) as after:
        assert after.streams.audio[0].codec_context.name == "aac"
        old = [bytes(p)[7:] for p in before.demux(audio=0) if p.size]
        new = [bytes(p) for p in after.demux(audio=0) if p.size]
    assert new == old
    with av.open(str(tmp_path / f"out.{target}")) as after:
        assert sum(frame.samples for frame in after.decode(audio=0)) >= 47000
    assert not report.warnings


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_mulaw", "adpcm_ms"])
@pytest.mark.parametrize("target", ["mp4", "mkv", "ts", "webm"])
def test_channels_without_names_are_converted(tmp_path: Path, codec: str, channels: int, target: str) -> None:
    if codec == "adpcm_ms" and channels > 2:
        return  # ffmpeg's encoder takes two at most
    sound = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000", "-c:a", codec, "-ac", str(channels))
    source = made(tmp_path / "in.avi", *sound, "-c:v", "mpeg4")
    enhanced(source, tmp_path / f"out.{target}")
    with av.open(str(tmp_path / f"out.{target}")) as after:
        assert after.streams.audio[0].codec_context.channels == channels
        seconds = sum(frame.samples / frame.sample_rate for frame in after.decode(audio=0))
    assert seconds == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@needs_ffmpeg
def test_channels_in_an_order_of_the_files_own_come_out_where_they_belong(tmp_path: Path) -> None:
    """MOV lists the channels of PCM; PyAV would free the list twice."""
    names = ("FL", "FR", "FC", "LFE", "SL", "SR", "BL", "BR")
    inputs = [part for k in range(8) for part in ("-f", "lavfi", "-i", f"sine=f={400 + 100 * k}:r=48000:d=1")]
    mix = "".join(f"[{k + 1}:a]" for k in range(8)) + "join=inputs=8:channel_layout=7.1:map="
    mix += "|".join(f"{k}.0-{name}" for k, name in enumerate(names)) + "[a]"
    source = made(
        tmp_path / "in.mov",
        *(
            *inputs,
            "-filter_complex",
            mix,
            "-map",
            "0:v",
            "-map",
            "[a]",
            "-c:a",
            "pcm_s16le",
            "-c:v",
            "libx264",
        ),
    )
    enhanced(source, tmp_path / "out.ts")
    with av.open(str(source)) as container:
        listed = re.search(r"channels \(([A-Z+]+)\)", Summary(container).line(container.streams.audio[0]))
    assert listed is not None, "this MOV names its channels in a standard order"
    stored = dict(zip(listed[1].split("+"), tones(source), strict=True))
    standard = ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")
    heard = dict(zip(standard, tones(tmp_path / "out.ts"), strict=True))
    for name in standard:
        if name != "LFE":  # AAC keeps its lowest frequencies only
            assert heard[name] == pytest.approx(stored[name], abs=3)


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_dolby_sound_is_copied_into_mp4(tmp_path: Path, codec: str) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000", "-c:a", codec, "-c:v", "libx264")
    report = enhanced(made(tmp_path / "in.mkv", *sound), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as after:
        assert after.streams.audio[0].codec_context.name == codec
    assert not report.warnings


@needs_ffmpeg
def test_what_an_encoder_cannot_take_is_mixed_and_said(tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000", "-c:a", "pcm_s16le", "-ac", "6")
    report = enhanced(made(tmp_path / "in.mov", *sound, "-c:v", "libx264"), tmp_path / "out.mpg")
    assert any("mixed to stereo" in line for line in report.warnings)
