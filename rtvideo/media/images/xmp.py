"""XMP packets: properties taken out, and the two halves of a packet that a JPEG splits put together.

Packets are changed as text, so that all the rest of one stays as its writer wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

#: Where the picture's orientation stands a second time.
ORIENTATION = ("tiff:Orientation",)

#: Points to a video behind the picture, by its distance from the end of the file or its length.
MOTION = (r"GCamera:MicroVideo\w*", r"GCamera:MotionPhoto\w*", r"Container:Directory")

#: Says that there is a gain map, and how it is applied (Ultra HDR).
GAIN_MAP = (r"hdrgm:\w+",)

_GAIN_MAP_ITEM = re.compile(
    rb"<rdf:li\b[^>]*>\s*<Container:Item\b[^>]*?Semantic\s*=\s*[\"']GainMap[\"'][^>]*?/>\s*</rdf:li>", re.S
)
_BODY = re.compile(rb"<rdf:RDF\b[^>]*>(.*)</rdf:RDF\s*>", re.S)


def without(packet: bytes, names: Sequence[str]) -> bytes:
    """Return a packet without some properties; as it was, if it would no longer be XML.

    Args:
        names: regular expressions of qualified names, with the customary prefix.
    """
    name = "|".join(names).encode()
    text = re.sub(rb"<(%s)(?=[\s/>])[^>]*?(?:/>|>.*?</\1\s*>)" % name, b"", packet, flags=re.S)
    text = re.sub(rb"\s+(?:%s)\s*=\s*(?:\"[^\"]*\"|'[^']*')" % name, b"", text)
    if GAIN_MAP[0] in names:
        text = _GAIN_MAP_ITEM.sub(b"", text)
    return text if is_xml(text) else packet


def merged(packet: bytes, extension: bytes) -> bytes | None:
    """Return one packet with the properties of both; None if they do not go together.

    Args:
        packet: the part in a JPEG's first XMP segment, which names the extension.
        extension: the rest of it (XMP specification, part 3, section 1.1.3.1).
    """
    body = _BODY.search(extension)
    main = without(packet, (r"xmpNote:HasExtendedXMP",))
    end = main.rfind(b"</rdf:RDF")
    if body is None or end < 0:
        return None
    text = main[:end] + body[1] + main[end:]
    return text if is_xml(text) else None


def is_xml(packet: bytes) -> bool:
    """Whether a packet can be parsed."""
    try:
        ElementTree.fromstring(packet.strip(b"\0 \r\n\t\xef\xbb\xbf"))
    except (ElementTree.ParseError, ValueError):
        return False
    return True
