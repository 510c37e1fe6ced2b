"""One stream of the input, copied to an output: the packets as they are, in the form that the muxer wants."""

from __future__ import annotations

from collections.abc import Iterable

from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.stream import Stream

from rtvideo.media.describe import codec_of
from rtvideo.media.timing import Packet

#: Muxers that take AAC with a header on each packet (ADTS); all others want one header for the stream.
_TAKES_ADTS = ("mpegts", "m2ts", "hls", "rtsp", "mpeg", "vob", "dvd", "svcd")


class StreamCopy:
    """Copies the packets of a stream.

    Attributes:
        source, target: the streams of the input and of the output.
    """

    def __init__(
        self,
        container: OutputContainer,
        format: str,
        source: Stream,
        first: Packet | None,
        *,
        described: bool = False,
    ) -> None:
        """Add the stream to a container.

        Args:
            format: FFmpeg's short name of the muxer.
            first: the first packet of ``source``, where it is known.
            described: MP4 and MOV will get the input's description of this data in the end.

        Raises:
            ValueError, av.FFmpegError: the container refuses it.
        """
        self.source = source
        if described and format != "mov":  # which takes what it does not know; MP4 does not
            self.target: Stream = container.add_data_stream("bin_data")
            self.target.time_base = source.time_base
        else:
            self.target = container.add_stream_from_template(source, opaque=True)
        self._filter: BitStreamFilterContext | None = None
        codec = codec_of(source)
        if format == "avi" and codec in ("h264", "hevc"):
            # AVI's muxer is the only one that does not insert this filter itself.
            self._filter = BitStreamFilterContext(f"{codec}_mp4toannexb", source)
        elif codec == "aac" and first is not None and _has_adts(first):
            # With it the muxers of the others, too, take packets without a header (`OtherStreams.follow`).
            self.target.codec_context.extradata = _aac_header(source, first)
            if format not in _TAKES_ADTS:
                # Muxers insert this filter, but too late for a header that comes before the first packet.
                self._filter = BitStreamFilterContext("aac_adtstoasc", source)

    def packets(self, packet: Packet) -> Iterable[Packet]:
        """Return what to mux for a packet of the input; its times may be changed."""
        copies = [packet] if self._filter is None else self._filter.filter(packet)
        for copy in copies:
            copy.stream = self.target
        return copies


def lacks_header(source: Stream, format: str) -> bool:
    """Whether a muxer asks for a header of the stream that only the first packet tells."""
    context = source.codec_context
    return codec_of(source) == "aac" and format not in _TAKES_ADTS and not context.extradata


def _has_adts(packet: Packet) -> bool:
    data = bytes(packet)
    return len(data) > 2 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0  # sync word, layer 0


def _aac_header(source: Stream, packet: Packet) -> bytes | None:
    """Return the stream's header (AudioSpecificConfig) that FFmpeg finds in a packet with ADTS."""
    for filtered in BitStreamFilterContext("aac_adtstoasc", source).filter(clone(packet)):
        for side_data in filtered.iter_sidedata():
            if side_data.data_type == "new_extradata":
                return bytes(side_data)
    return None


def clone(packet: Packet) -> Packet:
    """Return a packet with the same data and times, and a stream of its own to be set."""
    copy = Packet(bytes(packet))
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
    return copy
