"""Container formats: which one a file name means, what it holds, and the options of its muxer."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import av

from rtvideo.errors import UsageError

#: Metadata about the input file itself, which would be wrong for the output.
_OWN_METADATA = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "vendor_id",
    "bps",
    "number_of_frames",
    "number_of_bytes",
    "alpha_mode",
}

#: Metadata that MP4 and MOV have a place for; other names need a flag.
_MOV_METADATA = frozenset(
    (
        *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright"),
        *("grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords"),
        *("creation_time", "timecode", "track", "disc", "episode_sort", "season_number", "media_type"),
        *("hd_video", "gapless_playback", "compilation", "location", "author", "performer", "rating"),
    )
)

#: Formats that FFmpeg's MOV muxer writes.
MOV_FAMILY = ("mov", "mp4", "m4v", "3gp", "3g2", "ipod", "f4v")

#: What FFmpeg calls the reader of these formats.
MOV_INPUT = "mov,mp4,m4a,3gp,3g2,mj2"

#: Variants of a format that FFmpeg's muxer writes with an option: its short name, and the option.
#: Blu-ray discs and AVCHD cameras put a time before each packet of MPEG-TS, and hold more codecs.
_VARIANTS = {"m2ts": ("mpegts", {"mpegts_m2ts_mode": "1"})}

#: By ending, where FFmpeg would guess otherwise.
_BY_ENDING = {".mkv": "matroska", ".m4v": "mp4", ".m2ts": "m2ts", ".mts": "m2ts"}

#: Microseconds of a fragment or cluster: the most that a file lacks which was cut off.
_PIECE = 900_000

#: Microseconds for which the muxer waits for a stream that comes rarely, such as subtitles.
_WAIT = 1_000_000


def muxer_of(container: str) -> str:
    """Return FFmpeg's short name of the muxer that writes a format of `container_for`."""
    return _VARIANTS[container][0] if container in _VARIANTS else container


def container_for(path: Path) -> str:
    """Return FFmpeg's short name of the video format that the ending of a file name means; or ``m2ts``.

    Raises:
        UsageError: there is no such format, or it holds only pictures or only sound.
    """
    suffix = path.suffix.lower()
    name = _BY_ENDING.get(suffix, "")
    try:
        if not name:
            with av.open(str(path), "w") as guess:
                name = guess.format.name
        with av.open(os.devnull, "w", format=muxer_of(name)) as probe:
            video = probe.default_video_codec
    except (ValueError, av.FFmpegError):
        name, video = "", "none"
    if video == "none" or name in (
        "",
        "image2",
        "gif",
        "apng",
        "webp",
        "avif",
        "mp3",
        "flac",
        "yuv4mpegpipe",
    ):
        raise UsageError(
            f"{path}: {repr(suffix) if suffix else 'a name without an ending'} is no video format to write; "
            "allowed: .mp4, .mov, .mkv, .webm, .avi, .ts"
        )
    return name


def holds_chapters(container: str) -> bool:
    """Whether the format has a place for chapters."""
    return container in (*MOV_FAMILY, "matroska", "webm", "ogg", "asf")


def holds_timecode(container: str) -> bool:
    """Whether the format has a place for the time code that a video begins with."""
    return muxer_of(container) not in ("mpegts", "mpeg", "vob", "dvd", "svcd")


def holds_rotation(container: str) -> bool:
    """Whether the format can say how players are to turn or mirror the picture."""
    return container in (*MOV_FAMILY, "matroska", "webm")


def metadata_of(metadata: dict[str, str]) -> dict[str, str]:
    """Return the metadata that also holds for the output."""
    kept = {
        k: v
        for k, v in metadata.items()
        if k.lower() not in _OWN_METADATA and not k.startswith("_STATISTICS")
    }
    # FFmpeg reads the name of a track in MP4 as ``name``, and writes it from ``title``.
    if (name := kept.pop("name", None)) is not None:
        kept.setdefault("title", name)
    return kept


def container_options(
    container: str, metadata: Mapping[str, str] | None = None, rates: Iterable[int] = ()
) -> dict[str, str]:
    """Return muxer options that keep times and metadata, and make the file readable while it grows.

    A file that is cut off lacks at most its last second: MP4 and MOV grow in fragments, and become an
    ordinary file in the end; Matroska grows in clusters.

    Args:
        rates: ticks a second of the streams that may start late.
    """
    options = {"flush_packets": "1", "max_interleave_delta": str(_WAIT)}
    if container in _VARIANTS:
        options |= _VARIANTS[container][1]
    if muxer_of(container) == "mpegts":
        # Without it the muxer moves all times by 1.4 s.
        options["mpegts_copyts"] = "1"
    elif container in ("matroska", "webm"):
        options["cluster_time_limit"] = str(_PIECE // 1000)
    elif container in MOV_FAMILY:
        # Without a delayed index fragments cannot say that sound or picture starts before zero.
        flags = "+hybrid_fragmented+delay_moov"
        if any(name.lower() not in _MOV_METADATA for name in metadata or ()):
            flags += "+use_metadata_tags"
        # Late starts are stored in units of the whole file's clock, by default a millisecond.
        clock = math.lcm(1000, *rates)
        options |= {
            "movflags": flags,
            "frag_duration": str(_PIECE),
            "movie_timescale": str(clock if clock < 1 << 24 else 90_000),
        }
    return options
