"""What a frame carries beside its picture (side data) as FFmpeg gives it, and what of it an encoder loses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import av
from av.sidedata.sidedata import Type as SideDataType

#: Kinds that are lost: what messages call them, and how FFmpeg calls them where a whole stream has them.
_LOST = {
    SideDataType.S12M_TIMECODE: ("the time code inside the pictures (SMPTE 12M)", ""),
    SideDataType.AFD: ("the active format description", ""),
    SideDataType.ICC_PROFILE: ("the colour profile inside the pictures", ""),
    SideDataType.STEREO3D: ("the marks of stereo video", "stereo 3d"),
    SideDataType.SPHERICAL: ("the marks of spherical video", "spherical mapping"),
    SideDataType.MASTERING_DISPLAY_METADATA: ("the mastering display", "mastering display"),
    SideDataType.CONTENT_LIGHT_LEVEL: ("the light level of the content", "content light level"),
    SideDataType.AMBIENT_VIEWING_ENVIRONMENT: ("the viewing environment", "ambient viewing"),
}

#: Kinds that describe the picture as it was, scene by scene.
_STALE = {
    SideDataType.DYNAMIC_HDR_PLUS: "HDR10+",
    SideDataType.DYNAMIC_HDR_VIVID: "HDR Vivid",
    SideDataType.DOVI_RPU_BUFFER: "Dolby Vision",
}

#: Remarks of x264 and x265 about themselves.
_ENCODERS = (UUID("dc45e9bd-e6d9-48b7-962c-d820d923eeef"), UUID("2ca2de09-b517-47db-bb55-a4fe7fc2fc4e"))


def side_data_of(frame: av.VideoFrame) -> list[tuple[SideDataType, bytes]] | None:
    """Return kinds and data; None if PyAV does not know a kind, such as EXIF: then it lists none."""
    try:
        items: Any = frame.side_data
        return [(item.type, bytes(item)) for item in items]
    except ValueError:
        return None


def has(frame: av.VideoFrame, kind: SideDataType) -> bool:
    """Whether a frame has side data of a kind."""
    return any(found == kind for found, _ in side_data_of(frame) or ())


def stale_with(frame: av.VideoFrame) -> list[str]:
    """Return what a frame says of its colours, and no longer fits when it is enhanced."""
    return [name for kind, name in _STALE.items() if has(frame, kind)]


def lost_with(frame: av.VideoFrame) -> Iterator[tuple[str, str]]:
    """Yield what is lost when a frame is encoded anew.

    Returns:
        What messages call it, and how FFmpeg calls it where the whole stream has it; else nothing.
    """
    found = side_data_of(frame)
    if found is None:
        yield "data beside the pictures that PyAV does not know (such as EXIF)", ""
    for kind, data in found or ():
        if kind in _LOST:
            yield _LOST[kind]
        elif kind == SideDataType.SEI_UNREGISTERED and (id := UUID(bytes=data[:16])) not in _ENCODERS:
            yield f"data of {len(data) - 16} bytes inside the pictures (SEI {id})", ""
