"""Still images in and out: PNG, JPEG, TIFF and WebP; grey or RGB, with or without alpha; 8 or 16 bits.

Pillow does the work: it is small, works without OpenCV, and keeps what FFmpeg loses (ICC profile, EXIF, XMP,
resolution, JPEG subsampling). The one thing that it cannot hold is 16-bit colour: those pixels are decoded by
PyAV and put into PNG and TIFF files here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, TiffImagePlugin, UnidentifiedImageError

from rtvideo.colour import Coding, Matrix
from rtvideo.errors import InputError, OutputError, UsageError
from rtvideo.frame import Geometry
from rtvideo.media.durable import output_errors

#: What each suffix is written as.
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}

#: Quality of JPEG and of lossy WebP: visually lossless, which the already compressed input was not.
QUALITY = 95

#: uint8 or uint16.
Pixels = npt.NDArray[Any]

#: TIFF tags that say how the pixels of one particular file are stored; the new file has its own.
_STRUCTURE = (
    *range(254, 260),
    262,
    266,
    273,
    277,
    278,
    279,
    284,
    317,
    320,
    *range(322, 326),
    338,
    339,
    347,
    34675,
)


@dataclass
class Picture:
    """A decoded image and what came with it. Pixels lie as stored: the EXIF orientation is kept, not applied.

    Attributes:
        pixels: (h, w) for grey or (h, w, 3) RGB; uint8, or uint16 over the full 0..65535.
        alpha: (h, w) of the same type, or None.
        format: ``PNG``, ``JPEG``, ``TIFF`` or ``WEBP``.
        lossless: the file held these very pixels.
        sampling: chroma subsampling of a JPEG as Pillow counts it (0 is 4:4:4), or -1.
        extras: ``icc_profile``, ``exif``, ``xmp`` (bytes) and ``dpi``, as Pillow's ``save`` takes them.
        warnings: what could not be kept, one line each.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "PNG"
    lossless: bool = True
    sampling: int = -1
    extras: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def geometry(self) -> Geometry:
        """Return the geometry of the one plane that `plane` gives."""
        height, width = self.pixels.shape[:2]
        depth = 8 * self.pixels.itemsize
        if self.pixels.ndim == 2:  # any matrix will do: grey has no chroma
            return Geometry(width, height, "gray", depth, Coding(Matrix.BT709, full_range=True))
        return Geometry(width, height, "rgb", depth, Coding(Matrix.RGB, full_range=True))

    @property
    def plane(self) -> Pixels:
        """Return the pixels, without alpha, as an engine takes them: (h, w) or (h, 3 w)."""
        return np.ascontiguousarray(self.pixels).reshape(self.pixels.shape[0], -1)


def is_image(path: Path) -> bool:
    """Return whether the name says that this is an image."""
    return path.suffix.lower() in FORMATS


def read(path: Path) -> Picture:
    """Read an image. Raises InputError where it is missing, damaged or not one of the four formats."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow warns of large images and odd metadata; both are fine here
            with Image.open(path, formats=("PNG", "JPEG", "TIFF", "WEBP")) as image:
                return _picture(path, image)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory, not an image") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a PNG, JPEG, TIFF or WebP image") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise InputError(f"{path}: larger than {limit} megapixels, the limit for images") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow has no class of its own for damage
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read: {reason}") from None


def _picture(path: Path, image: Any) -> Picture:
    pixels, alpha = _pixels(path, image)
    extras, notes = (
        _extras(image),
        [],
    )  # after the pixels: Pillow turns a TIFF upright and then drops its orientation
    if (
        getattr(image, "n_frames", 1) > 1 and image.format != "MPO"
    ):  # an MPO is a photo followed by its previews
        notes.append(f"{path}: holds {image.n_frames} images; only the first is enhanced")
    sampling = -1
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
    if image.mode == "CMYK" and extras.pop("icc_profile", None):
        notes.append(f"{path}: CMYK is converted to RGB without its colour profile")
    return Picture(
        pixels,
        alpha,
        format="JPEG" if image.format == "MPO" else str(image.format),
        lossless=image.format in ("PNG", "TIFF") or (image.format == "WEBP" and _is_lossless_webp(path)),
        sampling=sampling,
        extras=extras,
        warnings=notes,
    )


def _pixels(path: Path, image: ImageFile.ImageFile) -> tuple[Pixels, Pixels | None]:
    """Return colour and alpha of the first image."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), None
    if _is_deep(image):
        return _split(_read_deep(path))  # Pillow would halve the depth
    if image.mode in ("1", "P", "PA", "CMYK", "YCbCr"):
        transparent = image.mode == "PA" or "transparency" in image.info
        mode = "L" if image.mode == "1" else "RGBA" if transparent else "RGB"
        return _split(np.asarray(image.convert(mode)))
    if image.mode == "RGB" and "transparency" in image.info:
        return _split(np.asarray(image.convert("RGBA")))
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return _split(np.asarray(image))
    raise InputError(
        f"{path}: pixels of kind {image.mode!r} are not supported; allowed: grey, RGB, palette, 8 or 16 bits"
    )


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Return whether 16-bit colour hides behind an 8-bit mode: its raw mode is ``RGB;16B`` or the like."""
    arguments = image.tile[0].args if image.tile else ""
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return isinstance(raw_mode, str) and ";16" in raw_mode


def _split(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """Part (h, w), (h, w, 2), (h, w, 3) or (h, w, 4) into colour and alpha."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, None
    colour = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return colour, pixels[..., -1]


def _read_deep(path: Path) -> npt.NDArray[np.uint16]:
    import av

    # A file object, not a name: FFmpeg would take "%03d" in a name for a sequence.
    with path.open("rb") as file, av.open(file, "r") as container:
        frame = next(container.decode(video=0))
        if frame.format.name.startswith("ya16"):
            frame = frame.reformat(format="rgba64le")
        return np.ascontiguousarray(frame.to_ndarray()).astype(np.uint16)


def _extras(image: ImageFile.ImageFile) -> dict[str, Any]:
    extras = {key: image.info[key] for key in ("icc_profile", "xmp", "dpi") if image.info.get(key)}
    exif = image.getexif()
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        for tag in _STRUCTURE:
            exif.pop(tag, None)
    if exif:
        extras["exif"] = exif.tobytes()  # leaves out the embedded thumbnail, which shows the dark picture
    return extras


def _is_lossless_webp(path: Path) -> bool:
    data, position = path.read_bytes(), 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        if name in (b"VP8 ", b"VP8L"):
            return bool(name == b"VP8L")
        position += 8 + size + size % 2
    return False


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse a target that cannot or must not be written, before any work is done.

    Raises:
        UsageError: not one of the four formats, the input itself (through a link too), or existing.
        OutputError: its folder is missing or read-only.
    """
    if not is_image(target):
        raise UsageError(
            f"{target}: an image is written as one of {', '.join(FORMATS)}, not {target.suffix or 'this'!r}"
        )
    with output_errors(target):
        if target.exists():
            if source.exists() and target.samefile(source):
                raise UsageError(f"{target}: output is the input; give another --out")
            if target.is_dir():
                raise UsageError(f"{target}: is a folder; name a file in it")
            if not overwrite:
                raise UsageError(f"{target}: exists already; give -y to overwrite it")
        if not target.parent.is_dir():
            raise OutputError(f"{target}: no such folder: {target.parent}; make it first")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise OutputError(f"{target}: the folder {target.parent} is not writable")


def write(picture: Picture, path: Path) -> list[str]:
    """Write a picture as the name's suffix says: under a temporary name, renamed when complete.

    Returns:
        What the format could not hold, a line each.

    Raises:
        OutputError: it cannot be written.
    """
    fitted, notes = _fit(picture, path)
    temporary = path.with_name(f".{path.stem}.partial-{secrets.token_hex(4)}{path.suffix}")
    try:
        with output_errors(path):
            temporary.write_bytes(_encode(fitted, FORMATS[path.suffix.lower()]))
            os.replace(temporary, path)
    except ValueError as error:  # larger than the format allows
        raise OutputError(f"{path}: cannot be written: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return notes


def _fit(picture: Picture, path: Path) -> tuple[Picture, list[str]]:
    """Return the picture cut to what the format can hold, and what was lost."""
    kind, notes = FORMATS[path.suffix.lower()], []
    pixels, alpha = picture.pixels, picture.alpha
    if kind in ("JPEG", "WEBP") and pixels.dtype == np.uint16:
        notes.append(f"{path}: {kind} holds 8 bits a sample; rounded from 16")
        pixels, alpha = _shallow(pixels), None if alpha is None else _shallow(alpha)
    if kind == "JPEG" and alpha is not None:
        notes.append(f"{path}: JPEG holds no transparency; dropped")
        alpha = None
    if pixels.ndim == 2 and (kind == "WEBP" or (alpha is not None and pixels.dtype == np.uint16)):
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return Picture(pixels, alpha, picture.format, picture.lossless, picture.sampling, picture.extras), notes


def _shallow(samples: Pixels) -> npt.NDArray[np.uint8]:
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _encode(picture: Picture, kind: str) -> bytes:
    pixels, alpha, extras = picture.pixels, picture.alpha, picture.extras
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    if kind == "TIFF":
        return _tiff(pixels, extras)
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        return _deep_png(pixels, extras)
    options: dict[str, Any] = {}
    if kind == "JPEG":
        options = {"quality": QUALITY, "subsampling": picture.sampling, "optimize": True}
    elif kind == "WEBP":
        options = {"lossless": True, "exact": True} if picture.lossless else {"quality": QUALITY}
    with BytesIO() as file:
        Image.fromarray(pixels).save(file, kind, **extras, **options)
        return file.getvalue()


def _deep_png(pixels: Pixels, extras: dict[str, Any]) -> bytes:
    """Encode (h, w, 3 or 4) uint16 with FFmpeg, and put in the chunks that PyAV has no way to write."""
    import av

    frame = av.VideoFrame.from_ndarray(pixels, format=f"rgb{'48' if pixels.shape[2] == 3 else 'a64'}be")
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, frame.format.name
    encoder.time_base = 1  # type: ignore[assignment]
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    chunks = b""
    if "icc_profile" in extras:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(extras["icc_profile"]))
    if "exif" in extras:
        chunks += _chunk(b"eXIf", extras["exif"].removeprefix(b"Exif\0\0"))
    head = 8 + 25  # signature and IHDR, which comes first
    return data[:head] + chunks + data[head:]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _tiff(pixels: Pixels, extras: dict[str, Any]) -> bytes:
    """Write one deflated strip: Pillow writes no 16-bit colour, and no EXIF into compressed files."""
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    exif = Image.Exif()
    exif.load(extras.get("exif", b""))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in set(exif) - set(_STRUCTURE):
        tags[tag] = exif.get_ifd(tag) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else exif[tag]
    if "icc_profile" in extras:
        tags[TiffImagePlugin.ICCPROFILE] = extras["icc_profile"]
    if "dpi" in extras:
        tags[TiffImagePlugin.X_RESOLUTION], tags[TiffImagePlugin.Y_RESOLUTION] = extras["dpi"]
        tags[TiffImagePlugin.RESOLUTION_UNIT] = 2  # inch
    strip = zlib.compress(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
    tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH] = width, height
    tags[TiffImagePlugin.BITSPERSAMPLE] = (8 * pixels.itemsize,) * samples
    tags[TiffImagePlugin.SAMPLESPERPIXEL] = samples
    tags[TiffImagePlugin.COMPRESSION] = 8  # deflate
    tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 1 if samples < 3 else 2  # grey or RGB
    if samples in (2, 4):
        tags[TiffImagePlugin.EXTRASAMPLES] = 2  # unassociated alpha
    tags[TiffImagePlugin.ROWSPERSTRIP] = height
    tags[TiffImagePlugin.STRIPBYTECOUNTS] = len(strip)
    tags[TiffImagePlugin.STRIPOFFSETS] = 0  # Pillow adds where the directory ends
    with BytesIO() as file:
        tags.save(file)
        file.write(strip)
        return file.getvalue()
