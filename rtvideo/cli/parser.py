"""The flags of ``rtvideo``: the parser, the values that they take, and the options that come of them."""

from __future__ import annotations

import argparse

from rtvideo import values
from rtvideo.options import Options
from rtvideo.version import __version__

_DESCRIPTION = "Make night video visible. Sound, subtitles, time stamps and colour tags stay as they are."
_EXAMPLES = """\
examples:
  rtvideo --input night.mp4 --out lit.mp4
  rtvideo --input 'photos/*.jpg' --out lit/
  rtvideo --input night.mp4 --out half.mkv --strength 0.5 --compare split
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; what it refuses is a `UsageError`."""
    flags = values.Parser(
        prog="rtvideo",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("positional", nargs="*", metavar="INPUT", help="the same as --input")
    files = flags.add_argument_group("files")
    files.add_argument(
        "-i",
        "--input",
        dest="named",
        action="append",
        default=[],
        metavar="X",
        help="video, image, folder of images, quoted pattern (may be repeated), or one live source: a camera "
        "(cam, a number, /dev/videoN), a URL, or - for y4m on stdin",
    )
    files.add_argument(
        "-o",
        "--out",
        action="append",
        default=[],
        metavar="Y",
        help="output file; a folder for several inputs; also /dev/videoN (a virtual camera), a URL to send "
        "to, a .m3u8 list (HLS), - for y4m on stdout; may be repeated for one input",
    )
    files.add_argument("-y", "--overwrite", action="store_true", help="replace existing outputs")
    files.add_argument(
        "--resume",
        action="store_true",
        help="go on where an earlier run ended; skip outputs that are complete",
    )
    files.add_argument(
        "--jobs", type=values.positive, default=1, metavar="N", help="run N files side by side (1)"
    )
    files.add_argument("--stats", metavar="FILE", help="write what happened as JSON; - for stdout")

    look = flags.add_argument_group("look")
    look.add_argument(
        "--model", default="night", metavar="NAME", help="a name of --list-models, or a model file (night)"
    )
    look.add_argument(
        "--strength",
        type=values.share,
        default=1.0,
        metavar="S",
        help="0 (unchanged) to 1 (full, the default)",
    )
    look.add_argument(
        "--denoise",
        type=values.share_or_auto,
        metavar="D",
        help="noise removal: off, auto (default) or 0 to 1",
    )
    look.add_argument(
        "--temporal",
        type=values.share_or_auto,
        metavar="T",
        help="quiet shadows and steady light over time: off, auto (the default: on for video) or 0 to 1",
    )
    look.add_argument(
        "--compare",
        choices=("split", "side"),
        help="show the original in the left half, or beside the result",
    )

    run = flags.add_argument_group("engine")
    run.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N")
    run.add_argument("--engine", default="auto", metavar="E", help="auto takes the fastest that works")
    run.add_argument(
        "--threads",
        type=values.count,
        default=0,
        metavar="N",
        help="for the engine; of live input for decoder and encoders too; 0 takes what may be used",
    )

    video = flags.add_argument_group("video")
    video.add_argument(
        "--codec", metavar="C", help="encoder, such as libx264; default: what suits container and input"
    )
    video.add_argument(
        "--crf", type=values.quality, metavar="Q", help="constant quality of the encoder; lower is better"
    )
    video.add_argument("--preset", metavar="P", help="preset of the encoder, such as veryfast")
    video.add_argument("--start", type=values.time, metavar="T", help="begin there: seconds or HH:MM:SS.ms")
    video.add_argument("--duration", type=values.length, metavar="T", help="go on for so long")
    video.add_argument("--max-fps", type=values.rate, metavar="N", help="keep N frames a second at most")
    video.add_argument("--frames", type=values.positive, metavar="N", help="stop after N frames")
    video.add_argument(
        "--video-stream",
        type=values.count,
        default=0,
        metavar="N",
        help="which is enhanced (0, the first); others are copied",
    )

    _add_live(flags.add_argument_group("live"))

    ask = flags.add_argument_group("information")
    ask.add_argument("--list-models", action="store_true", help="one a line, its name first")
    ask.add_argument("--list-devices", action="store_true", help="one a line, its name first")
    ask.add_argument(
        "--doctor", action="store_true", help="say what works here, what does not, and what to do"
    )
    ask.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    ask.add_argument("-v", "--verbose", action="store_true", help="tracebacks of internal errors")
    ask.add_argument("--version", action="version", version=f"rtvideo {__version__}")
    return flags


def _add_live(live: argparse._ArgumentGroup) -> None:
    live.add_argument("--preview", action="store_true", help="show it in a window (default without --out)")
    live.add_argument("--serve", metavar="[HOST:]PORT", help="show it on a web page")
    live.add_argument("--no-adapt", action="store_true", help="never do less where the machine is too slow")
    live.add_argument(
        "--reconnect",
        type=values.time,
        default=30.0,
        metavar="S",
        help="seconds for which a lost source is tried again (30); 0 is never",
    )
    live.add_argument("--size", type=values.size, metavar="WxH", help="of a camera or of raw video")
    live.add_argument("--rate", type=values.rate, metavar="N", help="frames a second, likewise")
    live.add_argument("--pix-fmt", metavar="P", help="pixel format, likewise, such as mjpeg or rgb24")
    live.add_argument("--input-format", metavar="F", help="what FFmpeg is to read, such as rawvideo")


def options_of(arguments: argparse.Namespace) -> Options:
    """Return what the flags say about how inputs are enhanced."""
    return Options(
        model=arguments.model,
        engine=arguments.engine,
        device=arguments.device,
        threads=arguments.threads,
        strength=arguments.strength,
        denoise=arguments.denoise,
        temporal=arguments.temporal,
        overwrite=arguments.overwrite,
        codec=arguments.codec,
        crf=arguments.crf,
        preset=arguments.preset,
        start=arguments.start,
        duration=arguments.duration,
        frames=arguments.frames,
        max_fps=arguments.max_fps,
        video_stream=arguments.video_stream,
        compare=arguments.compare,
        resume=arguments.resume,
    )
