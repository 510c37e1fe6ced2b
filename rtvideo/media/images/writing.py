"""Writes images, and says beforehand what the format cannot hold."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rtvideo.errors import OutputError, UsageError
from rtvideo.media.durable import output_errors
from rtvideo.media.images import animation, avif, bmp, exif, heic, heif, jpeg, png, tiff, webp, xmp
from rtvideo.media.images.depth import narrowed, widened
from rtvideo.media.images.formats import BY_SUFFIX, FORMATS, ImageFormat
from rtvideo.media.images.metadata import Fitted, Part, PartKind, first, fit
from rtvideo.media.images.picture import Picture, Pixels
from rtvideo.media.images.suffixes import is_image
from rtvideo.media.orientation import turned

#: Quality of JPEG and of lossy WebP: visually lossless, which the already compressed input was not.
QUALITY = 95


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse a target that cannot or must not be written, before any work is done.

    Raises:
        UsageError: a format that is not written, the input itself (through a link too), or existing.
        OutputError: its folder is missing or read-only.
        UnavailableError: a package that writes it is not installed.
    """
    if not is_image(target):
        allowed = ", ".join(suffix for form in FORMATS for suffix in form.suffixes)
        raise UsageError(
            f"{target}: an image is written as one of {allowed}, not {target.suffix or 'this'!r}"
        )
    heif.require(_format(target).name)
    with output_errors(target):
        if target.exists():
            if source.exists() and target.samefile(source):
                raise UsageError(f"{target}: output is the input; give another --out")
            if target.is_dir():
                raise UsageError(f"{target}: is a folder; name a file in it")
            if not overwrite:
                raise UsageError(f"{target}: exists already; --overwrite replaces it")
        if not target.parent.is_dir():
            raise OutputError(f"{target}: no such folder: {target.parent}; make it first")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise OutputError(f"{target}: the folder {target.parent} is not writable")


def losses(picture: Picture, path: Path) -> list[str]:
    """Return what a file of this name cannot hold of a picture, a line for each kind of loss."""
    form, notes = _format(path), []
    bits = _bits(picture, form)
    if picture.pixels.dtype == np.uint16 and bits < picture.bits:
        notes.append(f"{path}: {form.name} holds {bits} bits a sample; rounded from {picture.bits}")
    if picture.alpha is not None and not form.alpha:
        notes.append(f"{path}: {form.name} holds no transparency; dropped")
    if form.name == "GIF" and picture.pixels.ndim == 3:
        notes.append(f"{path}: GIF holds 256 colours; the nearest are taken")
    if picture.animation is not None and not form.animated:
        count = len(picture.animation.frames)
        notes.append(f"{path}: {form.name} holds one picture; only the first of {count} is enhanced")
    fitted = _fitted(picture, form)
    if fitted.lost:
        notes.append(f"{path}: {form.name} cannot hold: {_listed(fitted.lost)}; left out")
    if fitted.stale:
        notes.append(f"{path}: of the picture as it was, left out: {_listed(fitted.stale)}")
    if any("motion video" in part.name for part in fitted.parts):
        notes.append(f"{path}: the motion video behind the picture is kept as it is, not enhanced")
    return notes


def write(picture: Picture, path: Path) -> None:
    """Write a picture as the name's suffix says: under a temporary name, renamed when complete.

    Raises:
        OutputError: it cannot be written.
    """
    form = _format(path)
    temporary = path.with_name(f".partial-{secrets.token_hex(8)}{path.suffix}")
    try:
        with output_errors(path):
            temporary.write_bytes(_encoded(_reduced(picture, form), form))
            os.replace(temporary, path)
    except ValueError as error:  # larger than the format allows
        raise OutputError(f"{path}: cannot be written: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _format(path: Path) -> ImageFormat:
    return BY_SUFFIX[path.suffix.lower()]


def _bits(picture: Picture, form: ImageFormat) -> int:
    """Return the bits a sample that a format stores of a picture of 16: no more than its file held."""
    if form.name == "AVIF" and min(picture.pixels.shape[:2]) < avif.LEAST:
        return 8
    return min(form.bits, 10 if picture.bits <= 10 and form.name == "HEIF" else 16)


def _listed(parts: list[Part]) -> str:
    return ", ".join(dict.fromkeys(map(str, parts)))


def _fitted(picture: Picture, form: ImageFormat) -> Fitted:
    fitted = fit(picture.parts, form.holds, same_format=form.name == picture.format)
    profile = first(fitted.parts, PartKind.ICC)
    if (
        profile is not None
        and profile[16:20] == b"GRAY"
        and (picture.pixels.ndim == 3 or form.name == "WEBP")
    ):
        wrong = [part for part in fitted.parts if part.kind == PartKind.ICC]
        fitted.parts = [part for part in fitted.parts if part.kind != PartKind.ICC]
        fitted.lost += wrong
    return fitted


def _reduced(picture: Picture, form: ImageFormat) -> Picture:
    """Return the picture as the format can hold it."""
    pixels, alpha, parts = picture.pixels, picture.alpha, _fitted(picture, form).parts
    moving = picture.animation if form.animated else None
    if moving is not None:
        pixels, alpha = moving.frames[0].pixels, moving.frames[0].alpha
    elif picture.orientation != 1 and not (form.turned and form.name == picture.format):
        # Only some programs turn pictures of formats other than JPEG.
        pixels = np.ascontiguousarray(turned(pixels, picture.orientation))
        if alpha is not None:
            alpha = np.ascontiguousarray(turned(alpha, picture.orientation))
        parts = [_upright(part, pixels) for part in parts]
    if pixels.dtype == np.uint16 and _bits(picture, form) == 8:
        pixels, alpha = narrowed(pixels, 8), None if alpha is None else narrowed(alpha, 8)
    if not form.alpha:
        alpha = None
    if pixels.ndim == 2 and form.name == "WEBP":
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    parts = [_with_thumbnail(part, pixels) for part in parts]
    return replace(picture, pixels=pixels, alpha=alpha, parts=parts, animation=moving)


def _upright(part: Part, pixels: Pixels) -> Part:
    if part.kind == PartKind.EXIF:
        height, width = pixels.shape[:2]
        return replace(part, data=exif.resized(exif.upright(part.data), width, height))
    if part.kind == PartKind.XMP:
        return replace(part, data=xmp.without(part.data, xmp.ORIENTATION))
    return part


def _with_thumbnail(part: Part, pixels: Pixels) -> Part:
    if part.kind != PartKind.EXIF or not exif.has_thumbnail(part.data):
        return part
    shown = narrowed(pixels, 8) if pixels.dtype == np.uint16 else pixels
    return replace(part, data=exif.with_thumbnail(part.data, shown))


def _encoded(picture: Picture, form: ImageFormat) -> bytes:
    pixels, parts = picture.interleaved, picture.parts
    if form.name == "TIFF":
        return tiff.write(pixels, parts)
    if form.name == "PNG":
        data = png.write_deep(pixels) if pixels.dtype == np.uint16 else _saved(picture, "PNG")
        return png.with_parts(data, parts)
    if form.name == "JPEG":
        data = _saved(picture, "JPEG", quality=QUALITY, subsampling=picture.sampling, optimize=True)
        return jpeg.with_parts(data, parts)
    if form.name == "WEBP":
        options = {"lossless": True, "exact": True} if picture.lossless else {"quality": QUALITY}
        height, width = pixels.shape[:2]
        return webp.with_parts(_saved(picture, "WEBP", **options), parts, (width, height))
    if form.name in ("AVIF", "HEIF"):
        return _heif(picture, form)
    if form.name == "GIF":
        return _saved(picture, "GIF", comment=b"\n".join(part.data for part in parts))
    return bmp.with_parts(_saved(picture, form.name), parts)


def _heif(picture: Picture, form: ImageFormat) -> bytes:
    pixels, options = picture.interleaved, heif.options(picture.parts, form.name)
    if form.name == "HEIF":
        if pixels.dtype == np.uint16:
            return heic.write(pixels, _bits(picture, form), quality=QUALITY, **options)
        return _saved(picture, form.name, quality=QUALITY, **options)
    if picture.curve or pixels.dtype == np.uint16:
        return avif.write(pixels if pixels.dtype == np.uint16 else widened(pixels, 8), picture.parts)
    data, points = _saved(picture, form.name, quality=QUALITY, **options), first(picture.parts, PartKind.CICP)
    return data if points is None else heif.with_code_points(data, points)


def _saved(picture: Picture, name: str, **options: Any) -> bytes:
    if picture.animation is not None:
        return animation.stored(picture.animation, name, **options)
    with BytesIO() as file:
        Image.fromarray(picture.interleaved).save(file, name, **options)
        return file.getvalue()
