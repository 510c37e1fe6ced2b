"""What fuzzing found, one test each."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from rtvideo.errors import OutputError, UnavailableError
from rtvideo.files.job import enhance_video
from rtvideo.media.output import VideoEncoder
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


def enhance(source: Path, target: Path) -> list[str]:
    report = enhance_video(source, target, Options(), open_engine=opening(FakeSession()))  # type: ignore[arg-type]
    assert report.frames_out == len(clips.frames(target))
    return report.warnings


def test_metadata_of_a_network_that_is_no_text(tmp_path: Path, gain_model: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="writes a network for the test")
    from rtvideo.models import find

    model = onnx.load(gain_model)
    onnx.helper.set_model_props(model, {"note": "MARK"})
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString().replace(b"MARK", b"\x80\x81\x82\x83"))
    with pytest.raises(UnavailableError, match=r"bad\.onnx: its metadata is not text"):
        find(str(tmp_path / "bad.onnx"))


def test_sound_without_the_header_that_it_needs(tmp_path: Path) -> None:
    """MP4 would refuse it only when the whole file has been written."""
    source = clips.write(tmp_path / "in.webm", codec="libvpx-vp9", audio=1)
    data = source.read_bytes()
    private = data.index(b"OpusHead") - 3  # the element's name, and its length in a byte
    assert data[private : private + 2] == b"\x63\xa2"
    source.write_bytes(data[:private] + b"\x63\xa3" + data[private + 2 :])
    (warning, *_) = enhance(source, tmp_path / "out.mp4")
    assert "opus" in warning


def test_an_error_of_ffmpeg_that_is_no_built_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = VideoEncoder.encode

    class Broken:
        @staticmethod
        def encode(frame: av.VideoFrame | None) -> list[av.Packet]:
            raise av.error.PatchWelcomeError(-1163346256, "Not yet implemented in FFmpeg", "")

    def broken(self: VideoEncoder, frame: av.VideoFrame) -> list[av.Packet]:
        self._stream = Broken()  # type: ignore[assignment]
        return original(self, frame)

    monkeypatch.setattr(VideoEncoder, "encode", broken)
    with pytest.raises(OutputError, match=r"out\.mp4: FFmpeg cannot write it: Not yet implemented"):
        enhance(clips.write(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_sound_that_changes_its_rate_in_the_middle(tmp_path: Path) -> None:
    """It is converted on, as one stream."""
    from rtvideo.media.transcode import AudioConversion, audio_settings

    small = clips.write(tmp_path / "in.mkv", audio=1, frames=25)
    with av.open(str(small)) as given, av.open(str(tmp_path / "out.webm"), "w") as out:
        source = given.streams.audio[0]
        settings = audio_settings(source, "", "libopus", "webm")
        assert settings is not None
        target = out.add_stream("libopus")
        settings.configure(target.codec_context)
        conversion = AudioConversion(source, target.codec_context, target)
        out.start_encoding()
        packets = [packet for packet in given.demux(audio=0) if packet.size]
        done = [piece for packet in packets[:10] for piece in conversion(packet)]
        other = av.AudioResampler(format="fltp", layout="stereo", rate=22050)

        class Changed:
            @staticmethod
            def decode(packet: av.Packet | None) -> list[av.AudioFrame]:
                return [piece for frame in source.decode(packet) for piece in other.resample(frame)]

        class Stream:
            codec_context = Changed

        conversion.source = Stream  # type: ignore[assignment]
        more = [piece for packet in [*packets[10:], None] for piece in conversion(packet)]
    assert len(done) > 0 and len(more) > 10
