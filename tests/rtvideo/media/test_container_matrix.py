"""Sound from every container into every container, held against what the program ffmpeg copies.

What ``ffmpeg -c copy`` carries over is copied packet by packet. What it cannot carry, or PyAV does not let
through, is converted or dropped with a line. ``RTVIDEO_MATRIX=all`` tries all combinations, not a sample.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from tests.helpers.matrix import enhanced, ffmpeg, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="program ffmpeg: not installed"),
]

#: Suffix of the input -> its video codec; then codecs of sound, and suffixes of outputs.
INPUTS = {
    "avi": "mpeg4",
    "mkv": "libx264",
    "mov": "libx264",
    "mp4": "libx264",
    "ts": "libx264",
    "nut": "mpeg4",
    "mpg": "mpeg2video",
    "wmv": "wmv2",
    "flv": "libx264",
    "mxf": "mpeg2video",
    "vob": "mpeg2video",
    "m2ts": "libx264",
}
SOUNDS = (
    *("aac", "ac3", "eac3", "mp2", "libmp3lame", "libopus", "libvorbis", "flac", "alac", "tta", "wavpack"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_u8", "pcm_f32le", "pcm_alaw", "pcm_mulaw"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "wmav2", "truehd", "dca", "s302m", "libspeex", "g722"),
    "pcm_bluray",
)
OUTPUTS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "mpg", "wmv", "flv", "mxf", "nut", "m2ts")
RATES = {"g722": 16000, "libspeex": 16000}

#: PyAV asks the muxer's list, which lacks these; they become PCM or AAC, with a line.
NOT_LISTED = {
    ("mkv", codec) for codec in ("pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav", "wmav2", "speex")
} | {
    ("mov", "vorbis"),
    ("mp4", "truehd"),
    ("nut", "alac"),
    ("nut", "truehd"),
    ("flv", "adpcm_swf"),
    ("avi", "dts"),
}

#: In these, times below zero do not exist: the packets that players skip in MP4 and Matroska are left out.
EARLY = ("mp4", "mov", "mkv", "flv")


@dataclass
class Sound:
    """The first sound of a file."""

    codec: str
    packets: list[str]


def sound_of(path: Path) -> Sound | None:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
        return Sound(codec, [hashlib.sha1(bytes(packet)).hexdigest() for packet in packets])


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Make each input that ffmpeg can make of those that the sample needs, and that PyAV reads."""
    folder, found = tmp_path_factory.mktemp("inputs"), {}
    for suffix, sound in {(suffix, sound) for suffix, sound, _ in COMBINATIONS}:
        path = folder / f"{sound}.{suffix}"
        size = "128x96" if suffix in ("mxf", "vob") else "64x48"
        tone = f"sine=frequency=500:sample_rate={RATES.get(sound, 48000)}"
        made = ffmpeg(
            *("-f", "lavfi", "-i", f"testsrc=size={size}:rate=25", "-f", "lavfi", "-i", tone, "-t", 0.6),
            *(
                "-c:v",
                INPUTS[suffix],
                "-pix_fmt",
                "yuv420p",
                "-g",
                8,
                "-c:a",
                sound,
                "-ac",
                2,
                "-strict",
                -2,
                path,
            ),
        )
        if made and (written := sound_of(path)) is not None and len(written.packets) > 2:
            found[suffix, sound] = path
    return found


ALL = [(i, s, o) for i in INPUTS for s in SOUNDS for o in OUTPUTS]
COMBINATIONS = sample(ALL, 60, seed=5)


@pytest.mark.parametrize(("source", "sound", "target"), COMBINATIONS)
def test_sound_is_copied_where_ffmpeg_copies_it(
    source: str, sound: str, target: str, inputs: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = inputs.get((source, sound))
    if path is None:
        return  # ffmpeg cannot make it: there is nothing to compare with
    report = enhanced(path, tmp_path / f"out.{target}")
    ours, before = sound_of(tmp_path / f"out.{target}"), sound_of(path)
    assert before is not None
    reference = tmp_path / f"reference.{target}"
    copied = ffmpeg("-i", path, "-map", "0:v", "-map", "0:a", "-c:a", "copy", "-strict", -2, reference)
    theirs = sound_of(reference) if copied else None
    same = {"mp2": "mp3", "eac3": "ac3"}  # some readers do not tell them apart
    named = any(f"({before.codec}" in line for line in report.warnings)
    if theirs is not None and theirs.codec == before.codec and (target, before.codec) not in NOT_LISTED:
        assert ours is not None and ours.codec == theirs.codec and not named, report.warnings
        missing = [packet for packet in before.packets if packet not in ours.packets]
        assert (
            len(missing) <= (source in EARLY) or before.codec == "aac"
        )  # AAC loses or gains its ADTS header
        assert abs(len(ours.packets) - len(theirs.packets)) <= 1
    else:
        kept = ours is not None and same.get(ours.codec, ours.codec) == same.get(before.codec, before.codec)
        assert named or kept, report.warnings
