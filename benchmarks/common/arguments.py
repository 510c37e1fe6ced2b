"""Flags that several benchmarks have. What is wrong with one is said before anything is measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from rtvideo import values


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json FILE``."""
    parser.add_argument("--json", type=target, metavar="FILE", help="write the figures there, too")


def target(text: str) -> Path:
    """Return the path of a file that can be written as far as its folder goes."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {path.parent}; make it first")
    return path


def sizes(text: str) -> list[tuple[int, int]]:
    """Return ``WIDTHxHEIGHT,WIDTHxHEIGHT`` as pairs, none of an empty text."""
    return [values.size(part) for part in text.split(",")] if text else []


def even_size(text: str) -> tuple[int, int]:
    """Return ``WIDTHxHEIGHT`` of even numbers, which 4:2:0 asks for."""
    found = values.size(text)
    if any(side % 2 for side in found):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: even WIDTHxHEIGHT")
    return found


def even_sizes(text: str) -> list[tuple[int, int]]:
    """Return at least one ``WIDTHxHEIGHT`` of even numbers, which NV12 asks for."""
    found = sizes(text)
    if not found or any(side % 2 for size in found for side in size):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: even WIDTHxHEIGHT, with commas")
    return found


def peer(text: str) -> tuple[str, Path]:
    """Return ``NAME=FILE.onnx`` as a name and a path."""
    name, _, file = text.partition("=")
    if not name or not file:
        raise argparse.ArgumentTypeError(f"{text!r}: must be NAME=FILE.onnx")
    return name, Path(file)


def add_peer(parser: argparse.ArgumentParser) -> None:
    """Add ``--peer NAME=FILE.onnx``, which may be repeated."""
    parser.add_argument(
        "--peer",
        type=peer,
        action="append",
        default=[],
        metavar="NAME=FILE.onnx",
        help="another network: RGB in 0..1, NCHW, in and out",
    )
