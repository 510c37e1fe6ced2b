"""Real little video files for tests, written with PyAV: every kind that a camera or an editor makes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

SRT = ((0, 300, "A street at night"), (400, 700, "A car comes"))


@dataclass
class Clip:
    """What to write. Times are in ticks of ``time_base``; None gives a constant rate from zero on."""

    width: int = 64
    height: int = 48
    frames: int = 12
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rate: int = 25
    time_base: Fraction | None = None
    pts: Sequence[int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    matrix: int = 2
    range: int = 0
    primaries: int = 2
    transfer: int = 2
    audio: int = 0
    subtitles: int = 0
    second_video: bool = False
    rotation: int = 0
    display_matrix: tuple[int, ...] | None = None
    chapters: bool = False
    attachment: bytes = b""
    cover: bool = False
    timecode: str = ""
    interlaced: bool = False
    sample_aspect_ratio: Fraction | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    format: str | None = None


def picture(index: int, width: int, height: int) -> np.ndarray:
    """Return a dark RGB picture (height, width, 3) with a lamp that moves, a gradient and some grain."""
    rows, columns = np.mgrid[0:height, 0:width]
    base = 20 + 30 * columns / width + 15 * rows / height
    lamp = 200 * np.exp(-((columns - 5 * index - width / 4) ** 2 + (rows - height / 2) ** 2) / (width / 2))
    grain = np.random.default_rng(index).normal(0, 2, (height, width))
    colours = np.stack([base + lamp, 0.8 * base + 0.9 * lamp, 0.6 * base + 0.7 * lamp], axis=-1)
    return np.clip(colours + grain[..., None], 0, 255).astype(np.uint8)


def write(path: Path, clip: Clip | None = None, **changes: Any) -> Path:
    """Write a clip, by default twelve frames of H.264 in 64x48; keyword arguments are fields of `Clip`."""
    clip = clip or Clip()
    for name, value in changes.items():
        assert hasattr(clip, name), name
        setattr(clip, name, value)
    options = {"fflags": "+bitexact"}  # the same clip is the same file
    if path.suffix in (".mp4", ".mov"):
        options["movflags"] = "+faststart"
    with av.open(str(path), "w", format=clip.format, options=options) as out:
        out.metadata.update(clip.metadata)
        video = _video(out, clip)
        if clip.rotation:
            video.set_display_rotation(clip.rotation)
        if clip.display_matrix:
            video.set_display_matrix(clip.display_matrix)
        if clip.timecode:
            video.metadata["timecode"] = clip.timecode
        sounds = [_sound(out, index) for index in range(clip.audio)]
        texts = [_text(out, path, index) for index in range(clip.subtitles)]
        second = out.add_stream("libx264", rate=30, width=32, height=32) if clip.second_video else None
        if clip.attachment:
            out.add_attachment("font.ttf", "application/x-truetype-font", clip.attachment)
        cover = _cover(out) if clip.cover else None
        if clip.chapters:
            base = Fraction(1, 1000)
            out.set_chapters(
                [
                    {"id": 1, "start": 0, "end": 200, "time_base": base, "metadata": {"title": "Dusk"}},
                    {"id": 2, "start": 200, "end": 480, "time_base": base, "metadata": {"title": "Night"}},
                ]
            )
        out.start_encoding()
        if cover is not None:
            out.mux(_cover_packet(cover))
        packets = _encode_video(video, clip)
        for sound in sounds:
            packets += _encode_sound(sound, clip.frames / clip.rate)
        for text in texts:
            packets += _encode_text(text)
        if second is not None:
            for index in range(10):
                frame = av.VideoFrame.from_ndarray(picture(index, 32, 32), "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 30)
                packets += second.encode(frame)
            packets += second.encode(None)
        packets.sort(key=lambda p: float((p.dts or 0) * p.time_base))
        for packet in packets:
            out.mux(packet)
    return path


def _video(out: av.container.OutputContainer, clip: Clip) -> av.VideoStream:
    base = clip.time_base or Fraction(1, clip.rate)
    video = out.add_stream(clip.codec, rate=clip.rate, time_base=base)
    assert isinstance(video, av.VideoStream)
    codec = video.codec_context
    codec.width, codec.height, codec.pix_fmt = clip.width, clip.height, clip.pix_fmt
    codec.time_base = base
    codec.options = dict(clip.options)
    codec.colorspace, codec.color_range = clip.matrix, clip.range
    codec.color_primaries, codec.color_trc = clip.primaries, clip.transfer
    if clip.sample_aspect_ratio:
        codec.sample_aspect_ratio = clip.sample_aspect_ratio
    if clip.codec == "libx265":
        codec.options = {"x265-params": "log-level=none", **codec.options}
    if clip.interlaced:
        codec.options = {"x264-params": "tff=1", "flags": "+ildct+ilme", **codec.options}
    return video


def _encode_video(video: av.VideoStream, clip: Clip) -> list[Any]:
    base = clip.time_base or Fraction(1, clip.rate)
    step = Fraction(1, clip.rate) / base
    packets = []
    for index in range(clip.frames):
        rgb = av.VideoFrame.from_ndarray(picture(index, clip.width, clip.height), "rgb24")
        frame = rgb.reformat(
            format=clip.pix_fmt,
            dst_colorspace=1 if clip.matrix == 1 else 5,
            dst_color_range=clip.range or 1,
        )
        frame.pts = round(index * step) if clip.pts is None else clip.pts[index]
        frame.time_base = base
        packets += video.encode(frame)
    return packets + video.encode(None)


def _sound(out: av.container.OutputContainer, index: int) -> Any:
    codec = "libopus" if out.format.name == "webm" else "aac"
    sound = out.add_stream(codec, rate=48000, layout="mono")
    sound.metadata["language"] = ("eng", "deu", "fra")[index]
    sound.disposition = Disposition.default if index == 0 else Disposition.comment
    return sound


def _encode_sound(sound: Any, seconds: float) -> list[Any]:
    times = np.arange(round(48000 * seconds)) / 48000
    wave = (0.2 * np.sin(2 * np.pi * (220 + 110 * sound.index) * times)).astype(np.float32)
    layout = sound.codec_context.format.name
    packets = []
    size = 960
    for start in range(0, len(wave) - size + 1, size):
        piece = wave[None, start : start + size]
        if layout.startswith("s16"):
            piece = (piece * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(piece, layout, "mono")
        frame.pts, frame.sample_rate, frame.time_base = start, 48000, Fraction(1, 48000)
        packets += sound.encode(frame)
    return packets + sound.encode(None)


def _text(out: av.container.OutputContainer, path: Path, index: int) -> Any:
    text = out.add_stream("mov_text" if path.suffix in (".mp4", ".mov") else "srt")
    text.codec_context.subtitle_header = (
        b"[Script Info]\nScriptType: v4.00+\n\n"
        b"[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\n"
        b"Style: Default,Arial,16,&Hffffff\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    )
    text.codec_context.time_base = Fraction(1, 1000)
    text.time_base = Fraction(1, 1000)
    text.metadata["language"] = ("eng", "deu", "fra")[index]
    return text


def _encode_text(text: Any) -> list[Any]:
    packets = []
    for start, end, line in SRT:
        data = line.encode()
        packet = av.Packet(
            len(data).to_bytes(2, "big") + data if text.codec_context.name == "mov_text" else data
        )
        packet.pts = packet.dts = start
        packet.duration = end - start
        packet.time_base = Fraction(1, 1000)
        packet.stream = text
        packets.append(packet)
    return packets


def _cover(out: av.container.OutputContainer) -> Any:
    cover = out.add_stream("mjpeg", rate=1, width=32, height=32, pix_fmt="yuvj420p")
    cover.disposition = Disposition.attached_pic
    return cover


def _cover_packet(cover: Any) -> Any:
    frame = av.VideoFrame.from_ndarray(picture(0, 32, 32), "rgb24").reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1, 1)
    return cover.encode(frame) + cover.encode(None)


def tagged(source: Path, target: Path, metadata: dict[str, str]) -> Path:
    """Copy the video of a clip, with metadata of the stream."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        video = out.add_stream_from_template(given.streams.video[0], opaque=True)
        video.metadata.update(metadata)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
    return target


@dataclass
class Stream:
    """What a test compares of one stream: its description, and each packet's hash, time and length."""

    type: str
    codec: str
    language: str | None
    disposition: int
    hashes: list[str]
    times: list[Fraction | None]


def streams(path: Path) -> list[Stream]:
    """Read all streams and packets of a file."""
    with av.open(str(path)) as container:
        found = []
        for stream in container.streams:
            context = stream.codec_context
            name = context.codec.canonical_name if context else getattr(stream, "name", "") or ""
            found.append(Stream(stream.type, name, stream.language, int(stream.disposition), [], []))
        for packet in container.demux():
            if packet.size:
                stream = found[packet.stream_index]
                stream.hashes.append(hashlib.sha256(bytes(packet)).hexdigest())
                stream.times.append(None if packet.pts is None else packet.pts * packet.time_base)
    return found


def frames(path: Path, index: int = 0) -> list[av.VideoFrame]:
    """Decode a video stream."""
    with av.open(str(path)) as container:
        return list(container.decode(video=index))


def times(path: Path, index: int = 0) -> list[Fraction]:
    """Return the exact time of each frame of a video stream."""
    with av.open(str(path)) as container:
        container.streams.video[index].thread_type = "AUTO"
        return [frame.pts * frame.time_base for frame in container.decode(video=index)]


def first(path: Path) -> av.VideoFrame:
    """Decode the first frame."""
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return a frame's planes as int32 arrays of their visible size."""
    wide = frame.format.components[0].bits > 8
    arrays = []
    for index, plane in enumerate(frame.planes):
        dtype = np.dtype("<u2" if wide else "u1")
        array = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
        packed = 3 if frame.format.name == "rgb24" else 2 if index and frame.format.name == "nv12" else 1
        arrays.append(array[:, : plane.width * packed].astype(np.int32))
    return arrays
