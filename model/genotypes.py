"""Genotypes: which operation sits on each edge of a distillation cell (figure 2 d), as readable literals."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rtvideo.errors import InputError, OutputError, UsageError
from rtvideo.models.description import OPERATIONS, Description, Genotype

__all__ = [
    "AUTHORS_IEM", "AUTHORS_NRM", "HALF_SIZE_NRM", "Genotype", "check", "read", "single", "with_genotypes",
    "write",
]  # fmt: skip

#: What the authors' cooperative search derived.
AUTHORS_IEM = Genotype(
    d1="skip", r1="resconv1", d2="resdil3", r2="conv3", d3="conv3", r3="skip", c4="conv3"
)  # fmt: skip
AUTHORS_NRM = Genotype(
    d1="resconv1", r1="resconv1", d2="resdil3", r2="skip", d3="resconv1", r3="resconv1", c4="skip"
)  # fmt: skip

#: Of noise removal at half size: two convolutions of 3x3 behind each other, and nothing beside them.
HALF_SIZE_NRM = Genotype(
    d1="skip", r1="conv3", d2="skip", r2="skip", d3="skip", r3="skip", c4="conv3"
)  # fmt: skip

_PARTS = ("iem", "nrm")


def single(operation: str) -> Genotype:
    """Return the cell of one operation on every edge (the baselines of figure 8).

    Raises:
        UsageError: no such operation.
    """
    return check((operation,) * len(Genotype._fields), "genotype")


def check(edges: object, where: str) -> Genotype:
    """Return ``edges`` as a genotype; ``where`` names it in messages.

    Raises:
        UsageError: not seven names, or a name that is not a candidate operation.
    """
    if not isinstance(edges, tuple | list) or len(edges) != len(Genotype._fields):
        raise UsageError(f"{where}: {edges!r} is not a genotype; list {len(Genotype._fields)} operations")
    for edge, operation in zip(Genotype._fields, edges, strict=True):
        if operation not in OPERATIONS:
            raise UsageError(f"{where}: {edge} is {operation!r}; allowed: {', '.join(OPERATIONS)}")
    return Genotype(*edges)


def read(path: Path) -> dict[str, Genotype]:
    """Read a genotype file: a Python literal ``{"iem": (seven operations), "nrm": (seven operations)}``.

    Nothing in the file is run. One of the two parts may be missing.

    Raises:
        InputError: the file is missing or unreadable.
        UsageError: it holds something else than such a literal.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    try:
        raw = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(f'{path}: not a genotype file; write {{"iem": (...), "nrm": (...)}}') from None
    if not isinstance(raw, dict) or not raw or not set(raw) <= set(_PARTS):
        raise UsageError(f'{path}: not a genotype file; the keys must be "iem" and "nrm"')
    return {part: check(edges, f"{path}: {part}") for part, edges in raw.items()}


def text(genotypes: Mapping[str, Genotype]) -> str:
    """Return what `read` reads.

    Raises:
        UsageError: a genotype or its key is not allowed.
    """
    unknown = sorted(set(genotypes) - set(_PARTS))
    if unknown:
        raise UsageError(f'genotype key {unknown[0]!r}; allowed: "iem", "nrm"')
    lines = [f'    "{part}": {tuple(check(edges, part))!r},' for part, edges in genotypes.items()]
    return "\n".join(["{", *lines, "}"]) + "\n"


def write(path: Path, genotypes: Mapping[str, Genotype]) -> None:
    """Write what `read` reads.

    Raises:
        UsageError: a genotype or its key is not allowed.
        OutputError: the file cannot be written.
    """
    try:
        path.write_text(text(genotypes), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from None


def of(description: Description) -> dict[str, Genotype]:
    """Return a description's genotypes, as a genotype file has them."""
    found = {"iem": description.illumination.genotype}
    return found if description.noise is None else found | {"nrm": description.noise.genotype}


def with_genotypes(description: Description, found: Mapping[str, Genotype]) -> Description:
    """Return the description with the genotypes of a genotype file."""
    illumination, noise = description.illumination, description.noise
    if "iem" in found:
        illumination = replace(illumination, genotype=found["iem"])
    if "nrm" in found and noise is not None:
        noise = replace(noise, genotype=found["nrm"])
    return replace(description, illumination=illumination, noise=noise)
