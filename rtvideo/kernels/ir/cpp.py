"""What both emitters write in the same words of C++."""

from __future__ import annotations

from collections.abc import Callable

from rtvideo.kernels.ir.program import Array, Operation, Program


def literal(value: float) -> str:
    """Return a float, whole number or truth value."""
    return str(value).lower() if isinstance(value, int) else f"{value!r}f"


def function(operation: Operation) -> str:
    """Return the name of an operation's function with its template arguments."""
    shape = ", ".join(map(literal, operation.shape))
    return f"{operation.function}<{shape}>" if shape else operation.function


def function_object(operation: Operation) -> str:
    """Return an operation's function object."""
    return f"{function(operation)}{{{', '.join(operation.arguments)}}}"


def weights_struct(program: Program, declare: Callable[[str, Array], str], end: str = "") -> str:
    """Return the struct ``Weights``, in the order of `Program.data`.

    Args:
        program: whose weights.
        declare: name -> type and size of an array, such as ``float %s[27]``.
        end: a last member.
    """
    members: list[str] = []
    cells: dict[str, dict[str, list[str]]] = {}
    for name, array in program.weights.items():
        cell, _, edge = name.rpartition(".")
        kind, _, index = cell.rstrip("]").partition("[")
        text = f"{declare(name, array) % edge};"
        if kind and kind not in cells:
            members.append(kind)
        (cells.setdefault(kind, {}).setdefault(index, []) if kind else members).append(text)
    lines = []
    for kind, one in cells.items():
        lines.append(f"struct {kind.capitalize()}Cell {{ {' '.join(next(iter(one.values())))} }};")
    lines += ["// Biases first, then [row][column][input][output].", "struct Weights {"]
    for m in members:
        lines.append(f"    {m.capitalize()}Cell {m}[{len(cells[m])}];" if m in cells else f"    {m}")
    return "\n".join([*lines, *([f"    {end}"] if end else []), "};"])
