"""From what was typed to files: names, glob patterns and folders, each with its output."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtvideo.errors import InputError, OutputError, RtvideoError, UnavailableError, UsageError
from rtvideo.files.finished import is_result
from rtvideo.media.containers import container_for
from rtvideo.media.images.sequence import is_sequence, members
from rtvideo.media.images.suffixes import DEVELOPED, NAMES, RAW, is_image, is_raw
from rtvideo.media.location import missing

#: Suffixes of the videos that a folder is searched for.
VIDEOS = (
    *(
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".divx",
        ".wmv",
        ".asf",
        ".flv",
        ".f4v",
        ".ogv",
        ".mxf",
    ),
    *(".ts", ".mts", ".m2ts", ".m2t", ".tod", ".trp", ".mpg", ".mpeg", ".mpe", ".m2v", ".mod", ".vob", ".dv"),
    *(".3gp", ".3g2", ".insv", ".360", ".lrv", ".lrf", ".dav", ".nut"),
)

#: What videos are written as whose suffix is a camera's own; others that cannot be written become .mkv.
_WRITTEN_AS = {
    **dict.fromkeys((".insv", ".360", ".lrv", ".lrf"), ".mp4"),
    **dict.fromkeys((".mod", ".mpe"), ".mpg"),
    **dict.fromkeys((".tod", ".trp"), ".ts"),
    ".divx": ".avi",
    ".dv": ".mkv",  # the encoder takes two picture sizes
}


#: Ends the name of a result that lies beside its input.
_LIT = "_lit"


@dataclass(frozen=True)
class Task:
    """One file to enhance.

    Attributes:
        source, target: the file, and what it becomes.
        error: why it cannot be started; None if it can.
    """

    source: Path
    target: Path
    error: RtvideoError | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.source)


@dataclass
class BatchPlan:
    """What a command line asks for.

    Attributes:
        tasks: in the order given; of patterns and folders in the order of names.
        left_out: how many files in folders are of a kind that is not enhanced, by what to call the kind.
    """

    tasks: list[Task] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Found:
    """A file, where it goes in the output folder, and why it cannot be started."""

    source: Path
    place: Path
    error: RtvideoError | None = None


def plan(inputs: Sequence[str], out: str) -> BatchPlan:
    """Return a task for each file.

    One file goes to the file ``out``, or into it if it is a folder. Several go into the folder ``out``, which
    is made if it is not there. Files lie there under their own names, those of folders and patterns as they
    lie below the folder or the part without wildcards. An input that gives no file is a task with its error,
    so that the others can run.

    Args:
        inputs: file names, quoted glob patterns, folders of images and videos, sequences (``img_%04d.png``).
        out: file or folder.

    Raises:
        UsageError: ``out`` cannot take them all, or two would have one name.
        OutputError: a folder cannot be made.
    """
    folder, made = Path(out), BatchPlan()
    found: list[_Found] = []
    for text in inputs:
        try:
            found += found_in(text, folder, made.left_out)
        except RtvideoError as error:
            found.append(_Found(Path(text), Path(), error))
    found = _renamed(found)
    files = [each for each in found if each.error is None]
    if len(inputs) == 1 and len(files) == len(found) == 1 and files[0].source == Path(inputs[0]):
        target = folder / files[0].place if os.path.isdir(folder) or out.endswith("/") else folder
        if out.endswith("/"):
            _make(folder)
        made.tasks = [Task(files[0].source, target)]
        return made
    if not files:
        made.tasks = [Task(each.source, folder, each.error) for each in found]
        return made
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"--out {out}: is a file; several inputs need a folder")
    if not os.path.exists(folder) and folder.suffix and not out.endswith("/"):
        raise UsageError(
            f"--out {out}: looks like a file; several inputs need a folder (end it with / if it is one)"
        )
    _refuse_twins(files)
    for parent in sorted({folder / each.place.parent for each in files}):
        _make(parent)
    made.tasks = [Task(each.source, folder / each.place, each.error) for each in found]
    return made


def beside(text: str) -> str:
    """Return where the result of one input goes that has no ``--out``: ``night_lit.mp4`` for ``night.mp4``.

    Raises:
        UsageError: a pattern, whose files need a folder.
        InputError: there is no such input.
    """
    path = Path(text)
    if os.path.isdir(path):
        folder = path.resolve() if path.name in ("", "..") else path
        return f"{folder.with_name(folder.name + _LIT)}/"
    if not is_sequence(path) and not os.path.exists(path):
        if glob.has_magic(text):
            raise UsageError(f"no output for the files of {text}; give a folder: --out FOLDER/")
        raise missing(path)
    (found,) = _renamed([_Found(path, path.with_stem(path.stem + _LIT))])
    return str(found.place)


def found_in(text: str, out: Path, left_out: Counter[str]) -> list[_Found]:
    """Return the files of one input, see `plan`; of folders without those in ``out``."""
    path = Path(text)
    if os.path.isdir(path):
        found = list(_below(path, Path(), out, left_out))
        if not found:
            rest = f" ({left_out.total()} files of other kinds)" if left_out else ""
            allowed = ", ".join((*NAMES, *RAW, *VIDEOS))
            raise InputError(f"{path}: a folder without images or videos{rest}; allowed: {allowed}")
        return found
    if is_sequence(path):
        members(path)  # there is one, at least
        return [_Found(path, Path(path.name))]
    # A file may have [1] in its name: what exists is taken as it is.
    if not os.path.exists(path) and glob.has_magic(text):
        names = sorted(Path(name) for name in glob.glob(text, recursive=True) if os.path.isfile(name))
        if not names:
            raise InputError(f"{text}: no file matches this pattern")
        fixed = Path(re.split(r"[*?[]", text)[0] + "x").parent
        return [_Found(name, name.relative_to(fixed)) for name in names]
    return [_Found(path, Path(path.name))]


def _below(folder: Path, place: Path, out: Path, left_out: Counter[str]) -> Iterator[_Found]:
    """Yield the files below a folder; not those in hidden or linked folders, nor those in the output."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield _Found(folder, place, InputError(f"{folder}: cannot be read: {error.strerror}"))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry):
            if entry.is_symlink():  # it may lead back here
                left_out["linked folder"] += 1
            elif not (out.exists() and entry.samefile(out)):
                yield from _below(entry, place / entry.name, out, left_out)
        elif kind := _unknown(entry):
            left_out[kind] += 1
        elif entry.stem.endswith(_LIT) and is_result(entry):  # what `beside` named: else it becomes _lit_lit
            left_out["result of rtvideo"] += 1
        else:
            yield _Found(entry, place / entry.name)


def _unknown(path: Path) -> str:
    """Return what to call the kind of a file that is not enhanced here; nothing if it is."""
    suffix = path.suffix.lower()
    if suffix not in (*NAMES, *RAW):
        return "" if suffix in VIDEOS else suffix or "without a suffix"
    from rtvideo.media.images import heif, raw  # loads Pillow, which videos do without

    try:
        if suffix in RAW:
            raw.require()
        else:
            heif.require(NAMES[suffix])
    except UnavailableError as error:
        return f"{suffix} ({error})"
    return ""


def _renamed(found: list[_Found]) -> list[_Found]:
    """Give files whose suffix cannot be written another one, and a longer name if that is taken."""
    taken = {each.place for each in found}
    named = []
    for each in found:
        place = each.place
        if each.error is None and renamed(place) != place:
            place = renamed(place)
            if place in taken:
                place = each.place.with_name(each.place.name + place.suffix)
            taken.add(place)
        named.append(_Found(each.source, place, each.error))
    return named


def renamed(place: Path) -> Path:
    """Return a name whose suffix can be written."""
    if is_image(place) or _writable(place):
        return place
    return place.with_suffix(DEVELOPED if is_raw(place) else _WRITTEN_AS.get(place.suffix.lower(), ".mkv"))


def _writable(path: Path) -> bool:
    if path.suffix.lower() in _WRITTEN_AS:
        return False
    try:
        return bool(container_for(Path("video" + path.suffix)))
    except UsageError:
        return False


def _refuse_twins(files: Sequence[_Found]) -> None:
    first: dict[Path, Path] = {}
    for each in files:
        if each.place in first:
            raise UsageError(
                f"{first[each.place]} and {each.source} would both be written as {each.place}; "
                "enhance them apart, or give the folder that holds both"
            )
        first[each.place] = each.source


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made: {error.strerror}") from None
