"""What an image holds besides its pixels, part by part, and what another format makes of each part.

Each format lists all parts of a file once (its ``parts``), known or not, and says once which kinds it holds.
What the input has and the output cannot hold is converted, or named in one line.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rtvideo.media.images import exif, icc, pngtext, xmp


class PartKind(Enum):
    """Kinds of parts; the value is what messages call them."""

    EXIF = "EXIF"
    XMP = "XMP"
    EXTENDED_XMP = "extended XMP"
    IPTC = "IPTC"
    PHOTOSHOP = "Photoshop resources"
    ICC = "colour profile"
    CICP = "colour code points"
    GAMMA = "gamma"
    CHROMATICITIES = "chromaticities"
    SRGB = "sRGB mark"
    MASTERING = "mastering display"
    LIGHT = "content light level"
    DENSITY = "resolution"
    COMMENT = "comment"
    TEXT = "text"
    TIME = "time of change"
    #: Bytes behind the end of the picture, such as the video of a motion photo.
    TRAILER = "data behind the picture"
    #: Segments, chunks and boxes that this project does not know; only the format they come from takes them.
    OTHER = "unknown data"
    DAMAGED = "damaged data"
    #: What shows or describes the picture as it was.
    STALE = "data of the old picture"


#: Those that say what the pixel values mean.
_COLOUR = (PartKind.CICP, PartKind.ICC, PartKind.SRGB, PartKind.GAMMA, PartKind.CHROMATICITIES)


@dataclass(frozen=True)
class Part:
    """One part of a file.

    Attributes:
        data: EXIF begins with its TIFF header; IPTC is the record (IIM); colour and time are the bodies of
            the PNG chunks of these names, text with the chunk's name before it.
        name: what messages call it, where that says more than the kind does.
    """

    kind: PartKind
    data: bytes
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.kind.value


def density(unit: int, x: float, y: float) -> Part:
    """Return a resolution; unit 1 is dots an inch, 2 a centimetre, 0 says that only the ratio is known."""
    name = f"resolution of {round(x, 2):g} x {round(y, 2):g}{('', ' dpi', ' dots a cm')[unit]}"
    return Part(PartKind.DENSITY, struct.pack(">B2d", unit, x, y), name)


def density_of(part: Part) -> tuple[int, float, float]:
    """Return what `density` took."""
    unit, x, y = struct.unpack(">B2d", part.data)
    return unit, x, y


@dataclass
class Fitted:
    """What becomes of the parts of an image in a format.

    Attributes:
        parts: what the format holds, converted where needed.
        lost: what it cannot hold.
        stale: what would be wrong beside the new picture.
    """

    parts: list[Part] = field(default_factory=list)
    lost: list[Part] = field(default_factory=list)
    stale: list[Part] = field(default_factory=list)


def fit(parts: Sequence[Part], holds: Mapping[PartKind, int], *, same_format: bool) -> Fitted:
    """Sort parts by what becomes of them in a format.

    Args:
        holds: the kinds that the format holds, and how many bytes of one such part.
        same_format: the image has this format already.
    """
    fitted = Fitted()
    for part in _converted([_checked(part) for part in parts], holds):
        if part.kind == PartKind.STALE:
            fitted.stale.append(part)
        elif (part.kind in (PartKind.OTHER, PartKind.TRAILER) and not same_format) or part.kind not in holds:
            fitted.lost.append(part)
        elif len(part.data) > holds[part.kind]:
            fitted.lost.append(Part(part.kind, part.data, f"{part} of {len(part.data)} bytes"))
        else:
            fitted.parts.append(part)
    if any(part.kind == PartKind.TRAILER for part in fitted.lost):
        _change_xmp(fitted.parts, xmp.MOTION)
    if any(part.kind == PartKind.STALE for part in fitted.stale):
        _change_xmp(fitted.parts, xmp.GAIN_MAP)
    return fitted


def first(parts: Sequence[Part], kind: PartKind) -> bytes | None:
    """Return the data of the first part of a kind."""
    return next((part.data for part in parts if part.kind == kind), None)


def _checked(part: Part) -> Part:
    sound = part.kind != PartKind.EXIF or exif.is_sound(part.data)
    return part if sound else Part(PartKind.DAMAGED, part.data, "damaged EXIF")


def _change_xmp(parts: list[Part], without: Sequence[str]) -> None:
    for place, part in enumerate(parts):
        if part.kind == PartKind.XMP:
            parts[place] = Part(PartKind.XMP, xmp.without(part.data, without))


def _converted(parts: Sequence[Part], holds: Mapping[PartKind, int]) -> list[Part]:
    """Return the parts, with those replaced that the format holds in another form."""
    found = list(parts)
    if PartKind.EXTENDED_XMP not in holds:
        found = _whole_xmp(found)
    if PartKind.COMMENT not in holds and PartKind.TEXT in holds:
        found = [_as_text(part) if part.kind == PartKind.COMMENT else part for part in found]
    elif PartKind.TEXT not in holds and PartKind.COMMENT in holds:
        found = [_as_comment(part) if part.kind == PartKind.TEXT else part for part in found]
    colour = [part for part in found if part.kind in _COLOUR]
    if any(part.kind not in holds for part in colour):
        found = [part for part in found if part.kind not in _COLOUR] + _as_profile(colour)
    data = first(found, PartKind.EXIF)
    if (
        PartKind.DENSITY not in holds
        and PartKind.EXIF in holds
        and data is not None
        and exif.has_density(data)
    ):
        found = [part for part in found if part.kind != PartKind.DENSITY]
    return found


def _whole_xmp(parts: list[Part]) -> list[Part]:
    packet, extension = first(parts, PartKind.XMP), first(parts, PartKind.EXTENDED_XMP)
    whole = xmp.merged(packet, extension) if packet is not None and extension is not None else None
    if whole is None:
        return parts
    rest = [part for part in parts if part.kind not in (PartKind.XMP, PartKind.EXTENDED_XMP)]
    return [*rest, Part(PartKind.XMP, whole)]


def _as_text(part: Part) -> Part:
    return Part(PartKind.TEXT, pngtext.chunk("Comment", _decoded(part.data)), "comment")


def _as_comment(part: Part) -> Part:
    keyword, text = pngtext.read(part.data)
    return Part(PartKind.COMMENT, text.encode()) if keyword == "Comment" else part


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _as_profile(parts: Sequence[Part]) -> list[Part]:
    """Return a colour profile that says what PNG's chunks say (in its order of precedence); none for sRGB."""
    bodies = {part.kind: part.data for part in parts}
    chromaticities = icc.BT709
    curve: icc.Curve | float = icc.srgb
    if PartKind.CICP in bodies:
        primaries, transfer = bodies[PartKind.CICP][:2]
        if primaries not in icc.PRIMARIES or transfer not in icc.CURVES:
            return [part for part in parts if part.kind in (PartKind.CICP, PartKind.ICC)]
        chromaticities, curve = icc.PRIMARIES[primaries], icc.CURVES[transfer]
    elif PartKind.ICC in bodies:
        return [part for part in parts if part.kind == PartKind.ICC]
    elif PartKind.SRGB not in bodies:
        if PartKind.GAMMA in bodies:
            (gamma,) = struct.unpack(">I", bodies[PartKind.GAMMA])
            curve = icc.srgb if abs(gamma - 45455) < 1000 else 1e5 / gamma
        if PartKind.CHROMATICITIES in bodies:
            numbers = struct.unpack(">8I", bodies[PartKind.CHROMATICITIES])
            if any(abs(a / 1e5 - b) > 0.002 for a, b in zip(numbers, icc.BT709, strict=True)):
                chromaticities = tuple(number / 1e5 for number in numbers)
    if (chromaticities, curve) == (icc.BT709, icc.srgb):
        return []
    try:
        return [Part(PartKind.ICC, icc.profile(chromaticities, curve))]
    except ValueError:
        return list(parts)
