"""On how many edges two searches chose the same."""

from __future__ import annotations

from collections.abc import Sequence


def agreeing(first: Sequence[str], second: Sequence[str]) -> int:
    """Return on how many edges two searches chose the same."""
    return sum(a == b for a, b in zip(first, second, strict=True))


def function(operation: str) -> str:
    """Return which of the operations computes the same functions: a residual is a one in the kernel."""
    return operation.removeprefix("res")
