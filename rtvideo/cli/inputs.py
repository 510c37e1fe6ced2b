"""From what was typed to files: names, glob patterns and folders, each with its output."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtvideo.cli.listing import Listing
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
        listing: the tasks where they are looked for while the first ones run; ``tasks`` is empty then.
    """

    tasks: list[Task] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    listing: Listing[Task] | None = None

    @property
    def several(self) -> bool:
        """Whether there is more than one task."""
        return len(self.tasks) > 1 if self.listing is None else self.listing.at_least(2)


@dataclass(frozen=True)
class Found:
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
    found: list[Found] = []
    for text in inputs:
        try:
            found += list(found_in(text, folder, made.left_out))  # all, or none
        except RtvideoError as error:
            found.append(Found(Path(text), Path(), error))
    found = _renamed(found)
    files = [each for each in found if each.error is None]
    if len(inputs) == 1 and len(files) == len(found) == 1 and files[0].source == Path(inputs[0]):
        target = folder / files[0].place if os.path.isdir(folder) or out.endswith("/") else folder
        if out.endswith("/"):
            make_folder(folder)
        made.tasks = [Task(files[0].source, target)]
        return made
    if not files:
        made.tasks = [Task(each.source, folder, each.error) for each in found]
        return made
    check_folder(out)
    _refuse_twins(files)
    for parent in sorted({folder / each.place.parent for each in files}):
        make_folder(parent)
    made.tasks = [Task(each.source, folder / each.place, each.error) for each in found]
    return made


def check_folder(out: str) -> None:
    """Refuse an output for several inputs that is no folder, nor one that may be made.

    Raises:
        UsageError: see above.
    """
    folder = Path(out)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"--out {out}: is a file; several inputs need a folder")
    if not os.path.exists(folder) and folder.suffix and not out.endswith("/"):
        raise no_folder(out)


def no_folder(out: str) -> UsageError:
    """Return the complaint about several inputs and an output that looks like a file."""
    return UsageError(
        f"--out {out}: looks like a file; several inputs need a folder (end it with / if it is one)"
    )


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
    (found,) = _renamed([Found(path, path.with_stem(path.stem + _LIT))])
    return str(found.place)


def found_in(text: str, out: Path, left_out: Counter[str]) -> Iterator[Found]:
    """Yield the files of one input, see `plan`; of folders without those in ``out``."""
    path = Path(text)
    if os.path.isdir(path):
        empty = True
        for each in _below(path, Path(), out, left_out):
            empty = False
            yield each
        if empty:
            rest = f" ({left_out.total()} files of other kinds)" if left_out else ""
            allowed = ", ".join((*NAMES, *RAW, *VIDEOS))
            raise InputError(f"{path}: a folder without images or videos{rest}; allowed: {allowed}")
    elif is_sequence(path):
        members(path)  # there is one, at least
        yield Found(path, Path(path.name))
    elif is_pattern(text):
        names = [name for name in glob.iglob(text, recursive=True) if os.path.isfile(name)]
        if not names:
            raise InputError(f"{text}: no file matches this pattern")
        fixed = Path(re.split(r"[*?[]", text)[0] + "x").parent
        for name in sorted(names, key=lambda name: name.split("/")):
            yield Found(Path(name), Path(name).relative_to(fixed))
    else:
        yield Found(path, Path(path.name))


def is_pattern(text: str) -> bool:
    """Whether a text is a glob pattern. A file may have [1] in its name: what exists is taken as it is."""
    return glob.has_magic(text) and not os.path.exists(text)


def _below(folder: Path, place: Path, out: Path, left_out: Counter[str]) -> Iterator[Found]:
    """Yield the files below a folder; not those in hidden or linked folders, nor those in the output."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        yield Found(folder, place, InputError(f"{folder}: cannot be read: {error.strerror}"))
        return
    for name in names:
        if name.startswith("."):
            continue
        entry = folder / name
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
            yield Found(entry, place / entry.name)


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


def _renamed(found: list[Found]) -> list[Found]:
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
        named.append(Found(each.source, place, each.error))
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


def _refuse_twins(files: Sequence[Found]) -> None:
    first: dict[Path, Path] = {}
    for each in files:
        if each.place in first:
            raise UsageError(
                f"{first[each.place]} and {each.source} would both be written as {each.place}; "
                "enhance them apart, or give the folder that holds both"
            )
        first[each.place] = each.source


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made: {error.strerror}") from None
