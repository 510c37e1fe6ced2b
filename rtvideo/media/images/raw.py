"""Raw photographs (DNG, ARW, CR3, NEF, ...), developed by LibRaw: linearly, by the camera's white balance.

Nothing is made lighter, sharper or less noisy. The samples are sRGB of 16 bits.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from rtvideo.errors import InputError, UnavailableError
from rtvideo.media.images import ifd, jpeg, linear_light, tiff
from rtvideo.media.images.memory import check_room
from rtvideo.media.images.metadata import Part, PartKind, first
from rtvideo.media.images.picture import Picture
from rtvideo.version import install

#: Tags of the first directory that speak of the photograph; others say how the raw samples are stored.
_KEPT = (270, 271, 272, 306, 315, 33432)  # description, make, model, date, artist, copyright


def require() -> Any:
    """Return the package that reads raw files.

    Raises:
        UnavailableError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module("rawpy")
    except ImportError:
        raise UnavailableError(f"raw photographs need rawpy: {install('raw')}") from None


def read(path: Path) -> Picture:
    """Develop a raw file; the picture is upright.

    Raises:
        InputError: it is missing, damaged, or of a camera that LibRaw does not know.
        UnavailableError: a package that reads it is not installed.
    """
    rawpy = require()
    data = path.read_bytes()
    try:
        with rawpy.imread(str(path)) as opened:
            check_room(path, opened.sizes.width, opened.sizes.height, itemsize=2)
            preview = _preview(rawpy, opened)
            light = opened.postprocess(
                gamma=(1, 1),
                no_auto_bright=True,
                adjust_maximum_thr=0,  # else the white of a light picture would depend on its content
                use_camera_wb=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
            )
    except rawpy.LibRawError as error:
        raise InputError(f"{path}: cannot be developed: {_text(error)}") from None
    picture = Picture(
        linear_light.to_srgb(light, lambda code: code), format="TIFF", parts=_parts(data, preview)
    )
    if first(picture.parts, PartKind.EXIF) is None:
        picture.warnings.append(f"{path}: no EXIF data found in it; date, camera and place are left out")
    return picture


def _text(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _preview(rawpy: Any, opened: Any) -> bytes:
    """Return the JPEG that a camera stores beside the samples, nothing if there is none."""
    try:
        found = opened.extract_thumb()
    except rawpy.LibRawError:
        return b""
    return bytes(found.data) if found.format == rawpy.ThumbFormat.JPEG else b""


def _parts(data: bytes, preview: bytes) -> list[Part]:
    """Return what is known of the photograph: from the raw file where it is a TIFF file, else its preview."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        found = first(jpeg.parts(preview), PartKind.EXIF) if preview else None
        return [] if found is None else [Part(PartKind.EXIF, _described(found))]
    parts = [part for part in tiff.parts(data) if part.kind == PartKind.XMP]
    return [*parts, Part(PartKind.EXIF, _described(data))]


def _described(data: bytes) -> bytes:
    """Return EXIF data with what speaks of the photograph, for a picture that is upright."""
    directory = next(ifd.chain(data))
    kept = ifd.Directory(directory.order)
    for tag in _KEPT:
        if tag in directory.entries:
            kept.entries[tag] = ifd.narrow(directory.entries[tag], directory.order)
    return ifd.with_branches(kept, tiff.branches(data, directory))
