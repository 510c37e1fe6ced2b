"""What HDR video says beside its pictures: the mastering display, the light of the content, Dolby Vision."""

from __future__ import annotations

import re
import shlex
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import av
from av.sidedata.sidedata import Type as SideDataType

from rtvideo.errors import InputError
from rtvideo.media.side_data import side_data_of
from rtvideo.transfer import WHITE

#: Units of SMPTE ST 2086 as HEVC stores it (H.265, D.3.28): of chromaticities, and of cd/m2.
_CHROMA, _LUMINANCE = 50_000, 10_000

#: Encoders that write both: the option that takes their settings, names of the two, and units of numbers.
_WRITERS = {
    "libx264": ("x264-params", "mastering-display", "cll", True),
    "libx265": ("x265-params", "master-display", "max-cll", True),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light", False),
}

#: What FFmpeg calls the two, of a whole stream.
SIDE_DATA = ("mastering display", "content light level")


@dataclass(frozen=True)
class ContentLight:
    """The display that a video was mastered on, and how light it gets (SMPTE ST 2086, CTA-861.3).

    Attributes:
        display: x and y of red, green, blue and white; the largest and the least luminance in cd/m2; None
            where nothing is said.
        largest, average: cd/m2 of the lightest pixel (MaxCLL) and of the lightest frame (MaxFALL); 0 is
            unknown, and None says nothing.
    """

    display: tuple[float, ...] | None = None
    largest: int | None = None
    average: int | None = None

    @classmethod
    def of(cls, frame: av.VideoFrame) -> ContentLight | None:
        """Return what a frame says, None where it says nothing."""
        data = dict(side_data_of(frame) or ())
        display = _display(data.get(SideDataType.MASTERING_DISPLAY_METADATA, b""))
        level = data.get(SideDataType.CONTENT_LIGHT_LEVEL, b"")
        largest, average = struct.unpack("=II", level[:8]) if len(level) >= 8 else (None, None)
        return cls(display, largest, average) if display or level else None

    def enhanced(self) -> ContentLight:
        """Return what holds after enhancement.

        What is lighter than the white of SDR stays as it is, and all else stays below that; so MaxCLL is
        known before the first frame is. MaxFALL is not, and becomes unknown.
        """
        if not self.largest:
            return self
        return replace(self, largest=max(self.largest, round(WHITE)), average=0)

    def options(self, codec: str) -> dict[str, str]:
        """Return the options that make an encoder write it; none where it cannot."""
        if codec not in _WRITERS:
            return {}
        name, display, level, whole = _WRITERS[codec]
        values = []
        if self.display is not None:
            *chroma, most, least = self.display
            red, green, blue, white = (_pair(chroma[k : k + 2], _CHROMA, whole) for k in (0, 2, 4, 6))
            light = _pair((most, least), _LUMINANCE, whole)
            values.append(f"{display}=G{green}B{blue}R{red}WP{white}L{light}")
        if self.largest is not None:
            values.append(f"{level}={self.largest},{self.average}")
        return {name: ":".join(values)}


def writes_light(codec: str) -> bool:
    """Whether `ContentLight` can tell an encoder what to write."""
    return codec in _WRITERS


def _pair(values: Sequence[float], unit: int, whole: bool) -> str:
    a, b = (str(round(value * unit)) if whole else f"{value:.4f}" for value in values)
    return f"({a},{b})"


def _display(data: bytes) -> tuple[float, ...] | None:
    """Read FFmpeg's AVMasteringDisplayMetadata: ten fractions, and which of them count."""
    if len(data) < 88:
        return None
    numbers = struct.unpack("=20i2i", data[:88])
    if not (numbers[20] and numbers[21]):
        return None
    values = [a / b if b else 0.0 for a, b in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
    return (*values[:8], values[9], values[8])


@dataclass(frozen=True)
class DolbyVision:
    """Dolby Vision of a stream.

    Attributes:
        profile: its number.
        compatible: what its base layer is by itself: 0 nothing, 1 HDR10, 2 SDR, 4 HLG, 6 HDR10 of a disc.
    """

    profile: int
    compatible: int

    @classmethod
    def of(cls, side_data: Iterable[str]) -> DolbyVision | None:
        """Return what FFmpeg's lines about a stream say; None where there is no Dolby Vision."""
        for line in side_data:
            if found := re.search(r"DOVI.*profile: (\d+).*compatibility id: (\d+)", line):
                return cls(int(found[1]), int(found[2]))
        return None

    def __str__(self) -> str:
        return f"Dolby Vision profile {self.profile}" + (f".{self.compatible}" if self.compatible else "")

    def check(self, name: str) -> None:
        """Raise InputError where the base layer of the file ``name`` cannot be looked at by itself."""
        if not self.compatible:
            raise InputError(
                f"{name}: {self} has no picture to be seen without its Dolby Vision data; convert it first: "
                f"ffmpeg -i {shlex.quote(name)} -vf libplacebo=colorspace=bt709:color_primaries=bt709:"
                "color_trc=bt709,format=yuv420p -c:a copy sdr.mp4"
            )
