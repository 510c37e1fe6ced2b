"""The flags of ``rtvideo``: the fields of `rtvideo.options`, and those of the command line alone."""

from __future__ import annotations

import argparse
from typing import Any, TypeVar

from rtvideo import values
from rtvideo.options import CaptureOptions, Flag, LiveOptions, Options, flags_of
from rtvideo.version import __version__

R = TypeVar("R", Options, LiveOptions, CaptureOptions)

#: The records whose fields are flags.
RECORDS = (Options, LiveOptions, CaptureOptions)

_DESCRIPTION = "Make night video visible. Sound, subtitles, time stamps and colour tags stay as they are."
_EXAMPLES = """\
examples:
  rtvideo night.mp4                                   writes night_lit.mp4 beside it
  rtvideo night.mp4 --out lit.mp4
  rtvideo --input 'photos/*.jpg' --out lit/
  rtvideo --input night.mp4 --out half.mkv --strength 0.5 --compare split
"""
_MORE = "\nrtvideo --help-all lists every flag, --doctor says what works on this machine.\n"

#: What people type instead of flags that are no field of an option.
_SYNONYMS = {
    **dict.fromkeys(("--output", "--outfile", "--dest", "--out-dir", "--output-dir"), "--out"),
    **dict.fromkeys(("-j", "--workers", "--parallel"), "--jobs"),
    **dict.fromkeys(("--models", "--list"), "--list-models"),
    **dict.fromkeys(("--devices", "--cameras"), "--list-devices"),
    **dict.fromkeys(("--window", "--show", "--play"), "--preview"),
    **dict.fromkeys(("--web", "--port", "--http"), "--serve"),
    **dict.fromkeys(("--demo", "--example"), "--sample"),
    **dict.fromkeys(("--check", "--info"), "--doctor"),
    **dict.fromkeys(("--ray", "--distributed", "--nodes"), "--cluster"),
    "-V": "--version",
}


def parser(*, everything: bool = True) -> values.Parser:
    """Return the parser; what it refuses is a `UsageError`.

    Args:
        everything: its help has all flags; else those of every day.
    """
    flags = values.Parser(
        prog="rtvideo",
        usage="rtvideo INPUT [INPUT ...] [--out OUTPUT] [flags]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES if everything else _EXAMPLES + _MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    flags.synonyms |= _SYNONYMS
    flags.add_argument("positional", nargs="*", metavar="INPUT", help="the same as --input")
    groups = {
        name: flags.add_argument_group(name)
        for name in ("files", "look", "engine", "video", "live", "information")
    }
    _add_names(groups["files"])
    _add_viewers(groups["live"])
    for record in RECORDS:
        for name, default, flag in flags_of(record):
            _add_flag(groups[flag.group], name, default, flag)
            flags.synonyms |= dict.fromkeys(flag.synonyms, f"--{flag.name or name.replace('_', '-')}")
    _add_information(groups["information"])
    if not everything:
        _hide(flags)
    return flags


class _Help(argparse.Action):
    """Prints the help, short or long, and ends."""

    def __call__(self, *arguments: Any) -> None:
        parser(everything=self.const).print_help()
        raise SystemExit(0)


def _hide(flags: argparse.ArgumentParser) -> None:
    """Take the flags that are not of every day out of the help."""
    rare = {name for record in RECORDS for name, _, flag in flags_of(record) if not flag.everyday}
    rare |= {
        "positional",
        "cluster",
        "piece",
        "stats",
        "serve_url",
        "serve_token_file",
        "list_devices",
        "quiet",
        "verbose",
    }
    for action in flags._actions:
        if action.dest in rare:
            action.help = argparse.SUPPRESS


def record_of(record: type[R], arguments: argparse.Namespace, **more: Any) -> R:
    """Return an `Options` or another one of `RECORDS`, filled from the flags.

    Args:
        more: fields without a flag.
    """
    return record(**{name: getattr(arguments, name) for name, _, _ in flags_of(record)}, **more)


def _add_flag(group: argparse._ArgumentGroup, name: str, default: Any, flag: Flag) -> None:
    names = [f"-{flag.short}"] if flag.short else []
    long = flag.name or name.replace("_", "-")
    if isinstance(default, bool):
        action = "store_false" if default else "store_true"
        names.append(f"--no-{long}" if default else f"--{long}")
        group.add_argument(*names, dest=name, action=action, help=flag.help)
        return
    group.add_argument(
        *names,
        f"--{long}",
        dest=name,
        default=default,
        type=flag.reader or str,
        choices=flag.choices,
        metavar=flag.metavar or (None if flag.choices else name[0].upper()),
        help=flag.help.replace("%", "%%"),
    )


def _add_viewers(live: argparse._ArgumentGroup) -> None:
    live.add_argument(
        "--preview", action="store_true", help="show it in a window (default of live input without --out)"
    )
    live.add_argument("--serve", metavar="[HOST:]PORT", help="show it on a web page")
    live.add_argument(
        "--serve-url", metavar="URL", help="where a reverse proxy shows the page: https://cam.example/cam1/"
    )
    live.add_argument(
        "--serve-token-file",
        metavar="FILE",
        help="holds the token of the page; a missing file is made (RTVIDEO_TOKEN may hold the token instead)",
    )


def _add_names(files: argparse._ArgumentGroup) -> None:
    files.add_argument(
        "-i",
        "--input",
        dest="named",
        action="append",
        default=[],
        metavar="X",
        help="video, image, folder of images, quoted pattern (may be repeated), or one live source: a camera "
        "(cam, a number, /dev/videoN), a URL, @FILE with a URL in it, or - for y4m on stdin",
    )
    files.add_argument(
        "-o",
        "--out",
        action="append",
        default=[],
        metavar="Y",
        help="output file (default: NAME_lit beside the input); a folder for several inputs; also "
        "/dev/videoN (a virtual camera), a URL to send to, a .m3u8 list (HLS), - for y4m on stdout; may be "
        "repeated for one input",
    )
    files.add_argument(
        "--jobs", type=values.positive, default=1, metavar="N", help="run N files side by side (1)"
    )
    files.add_argument(
        "--cluster",
        metavar="WHERE",
        help="run on a Ray cluster: local (this machine), auto (one that runs here, else local) or "
        "ray://HEAD:10001 (docs/scale.md)",
    )
    files.add_argument(
        "--piece",
        type=values.span,
        metavar="T",
        help="with --cluster: cut films that are longer into pieces of about this length: 30s, 2m",
    )
    files.add_argument(
        "--sample",
        metavar="FILE",
        help="make a clip of a street at night to try rtvideo on (--size, --duration)",
    )
    files.add_argument("--stats", metavar="FILE", help="write what happened as JSON; - for stdout")


def _add_information(ask: argparse._ArgumentGroup) -> None:
    ask.add_argument("-h", "--help", action=_Help, nargs=0, const=False, help="the flags of every day")
    ask.add_argument("--help-all", action=_Help, nargs=0, const=True, help="all flags")
    ask.add_argument("--list-models", action="store_true", help="one model a line, its name first")
    ask.add_argument("--list-devices", action="store_true", help="one device a line, its name first")
    ask.add_argument(
        "--doctor", action="store_true", help="say what works here, what does not, and what to do"
    )
    ask.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    ask.add_argument("-v", "--verbose", action="store_true", help="tracebacks of internal errors")
    ask.add_argument("--version", action="version", version=f"rtvideo {__version__}")
