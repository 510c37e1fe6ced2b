"""Read the files of a model. They are untrusted, so their size is bounded."""

from __future__ import annotations

from pathlib import Path

from rtvideo.errors import UnavailableError

#: No model file may be larger, in bytes: ours take a few kB, networks worth comparing with a few MB.
SIZE_LIMIT = 16 << 20


def read(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        UnavailableError: missing, unreadable, or larger than `SIZE_LIMIT`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > SIZE_LIMIT:
        raise UnavailableError(f"{path}: larger than {SIZE_LIMIT >> 20} MB, the limit for model files")
    return data


def read_network(path: Path) -> bytes:
    """Return an ONNX file's bytes, checked as far as can be without parsing them.

    Raises:
        UnavailableError: missing, larger than `SIZE_LIMIT`, or with weights in other files.
    """
    data = read(path)
    # A tensor kept in another file must name that file under the key "location", in plain bytes: refusing
    # every file that holds them is blunt, but nothing gets past it, and no network of ours has that word.
    if b"location" in data:
        raise UnavailableError(
            f"{path}: weights in other files are not allowed; store them inside the ONNX file"
        )
    return data
