"""The channels of a sound, as names that encoders know.

FFmpeg says of some sounds only how many channels they have (AVI, WMV, DV), and lists those of others in an
order of the file's own (MOV). Encoders take neither. PyAV 18 frees such a list twice as soon as anybody reads
`layout`, so a standard layout is declared before that.
"""

from __future__ import annotations

import re

import av

#: What a number of channels usually is.
_USUAL = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}

#: Layouts of up to eight channels that decoders tell apart.
_NAMED = (
    "2.1",
    "3.0",
    "3.1",
    "4.0",
    "quad",
    "4.1",
    "5.0",
    "5.0(side)",
    "5.1",
    "5.1(side)",
    "6.0",
    "6.1",
    "7.0",
    "7.1",
)


def declare_layout(stream: av.AudioStream, described: str) -> list[int] | None:
    """Give a stream's decoder a standard layout, where the file does not name one.

    Args:
        described: the line in which FFmpeg describes the stream.

    Returns:
        The place of each standard channel among those of the file, None where they are in order.

    Raises:
        ValueError: no standard layout has so many channels.
    """
    context = stream.codec_context
    listed = re.search(r" channels \(([A-Z+]+)\)", described)
    if listed is not None:
        names = listed[1].split("+")
        layout, order = _same_channels(names) or (_usual(len(names)), None)
    elif (name := context.layout.name).endswith(" channels"):
        layout, order = _usual(int(name.split()[0])), None
    else:
        return None
    context.layout = layout
    return order


def _usual(count: int) -> str:
    if count not in _USUAL:
        raise ValueError(f"{count} channels have no usual layout")
    return _USUAL[count]


def _same_channels(names: list[str]) -> tuple[str, list[int] | None] | None:
    for layout in _NAMED:
        channels = [channel.name for channel in av.AudioLayout(layout).channels]
        if sorted(channels) == sorted(names):
            order = [names.index(channel) for channel in channels]
            return layout, None if order == sorted(order) else order
    return None
