"""Messages name flags, as the command line has them; whoever calls from Python reads arguments instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rtvideo.errors import RtvideoError
from rtvideo.options import Options, flags_of

#: A flag, and the word after it where that is its value and not the sentence's.
_FLAG = re.compile(r"(?<![\w-])--(?P<name>[a-z][a-z-]*)(?: (?P<word>off|auto|cpu|cuda|fused|onnx)\b)?")

#: Fields that are true or false.
_SWITCHES = {name for name, default, _ in flags_of(Options) if isinstance(default, bool)}

#: What `rtvideo.enhance_file` calls the flags that are no field of the options.
_OTHERS = {"out": "output", "input": "input"}

_FIELDS = {(flag.name or name).replace("_", "-"): name for name, _, flag in flags_of(Options)}


def in_python(text: str) -> str:
    """Return a message with ``denoise="off"`` for ``--denoise off``, and likewise for all flags."""
    return _FLAG.sub(_argument, text)


def _argument(found: re.Match[str]) -> str:
    name, word = _FIELDS.get(found["name"], _OTHERS.get(found["name"])), found["word"]
    if name is None:  # a flag of another program
        return found[0]
    if name in _SWITCHES:
        return f"{name}=True" + (f" {word}" if word else "")
    return f'{name}="{word}"' if word else name


@contextmanager
def python_words() -> Iterator[None]:
    """Let the messages of errors name arguments."""
    try:
        yield
    except RtvideoError as error:
        error.args = (in_python(str(error)),)
        raise
