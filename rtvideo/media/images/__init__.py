"""Still and animated images in and out, with all that their files hold besides the pixels.

Pillow does most of the work. It cannot hold 16-bit colour, so PyAV decodes and encodes such PNG files, and
`tiff` such TIFF files. It drops what it does not know, so each format has a file here that lists all parts of
a file, and puts them into the new one as they were.

What a name needs is loaded when it is first used: a video needs no Pillow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtvideo.media.images.formats import BY_SUFFIX, holds_animation, is_lossless
    from rtvideo.media.images.picture import Picture
    from rtvideo.media.images.reading import read
    from rtvideo.media.images.suffixes import is_image
    from rtvideo.media.images.writing import check_target, losses, write

__all__ = [
    "BY_SUFFIX",
    "Picture",
    "check_target",
    "holds_animation",
    "is_image",
    "is_lossless",
    "losses",
    "read",
    "write",
]

_FILES = {
    **dict.fromkeys(("BY_SUFFIX", "holds_animation", "is_lossless"), "formats"),
    **dict.fromkeys(("check_target", "losses", "write"), "writing"),
    "Picture": "picture",
    "read": "reading",
    "is_image": "suffixes",
}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
