"""Still and animated images in and out, with all that their files hold besides the pixels.

Pillow does most of the work. It cannot hold 16-bit colour, so PyAV decodes and encodes such PNG files, and
`tiff` such TIFF files. It drops what it does not know, so each format has a file here that lists all parts of
a file, and puts them into the new one as they were.
"""

from rtvideo.media.images.formats import BY_SUFFIX, holds_animation, is_image
from rtvideo.media.images.picture import Picture
from rtvideo.media.images.reading import read
from rtvideo.media.images.writing import check_target, losses, write

__all__ = [
    "BY_SUFFIX",
    "Picture",
    "check_target",
    "holds_animation",
    "is_image",
    "losses",
    "read",
    "write",
]
