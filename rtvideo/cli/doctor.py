"""``--doctor``: what works here, what does not, and the command that helps."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.system import POSIX
from rtvideo.version import __version__, install, installed

_PACKAGES = ("av", "numpy", "pillow", "rich")

#: What videos mostly are, by FFmpeg's names.
_CODECS = ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mjpeg", "prores")

#: Extras that nothing else here speaks of: the package of each, and what it is for.
_EXTRAS = {
    "photos": ("pillow-heif", "HEIC photographs"),
    "raw": ("rawpy", "raw photographs"),
    "completion": ("argcomplete", "completion in the shell"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        text: what was found.
        fatal: files cannot be enhanced because of it.
    """

    text: str
    fatal: bool = False


def examine(out: TextIO) -> ExitCode:
    """Print one line for each finding.

    Returns:
        `ExitCode.DONE` if a video can be enhanced, else `ExitCode.UNAVAILABLE`.
    """
    findings = [
        _program(),
        *_system(),
        *_packages(),
        _processor(),
        _decoders(),
        _encoders(),
        *_srt(),
        _cameras(),
        *_viewers(),
        *_extras(),
        _models(),
        *_engines(),
    ]
    for finding in findings:
        print(finding.text, file=out)
    if any(finding.fatal for finding in findings):
        print("verdict: videos cannot be enhanced here", file=out)
        return ExitCode.UNAVAILABLE
    print("verdict: all that is needed works", file=out)
    return ExitCode.DONE


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _program() -> Finding:
    return Finding(f"rtvideo {__version__}, Python {platform.python_version()}, {platform.platform()}")


def _system() -> list[Finding]:
    """Say what of rtvideo is for Linux, on others."""
    system = platform.system()
    if system == "Linux":
        return []
    lacking = ["cameras", "virtual cameras", "the window (--preview)"]
    if not POSIX:
        lacking += ["rtvideo serve", "SRT through ffmpeg"]
    made = "files, photographs, streams and the web viewer are made to work, but were not run"
    return [Finding(f"system: {system}: {made}; not here: {', '.join(lacking)}")]


def _packages() -> list[Finding]:
    from rtvideo.engines.registry import ENGINES

    names = dict.fromkeys((*_PACKAGES, *(name for engine in ENGINES for name in engine.packages)))
    versions = {name: installed(name) for name in names}
    found = [
        Finding(
            "packages: " + ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        )
    ]
    if versions["onnxruntime"] and versions["onnxruntime-gpu"]:
        # Both install the same module; whichever came last wins, and CUDA is gone without a word.
        found.append(
            Finding(
                "problem: onnxruntime and onnxruntime-gpu are both installed and overwrite each other; "
                f"run: pip uninstall -y onnxruntime onnxruntime-gpu && {install('onnx')}"
            )
        )
    return found


def _processor() -> Finding:
    from rtvideo.cpus import usable_cpus

    return Finding(f"cpu: {processor()}, this process may use {usable_cpus()} of its threads")


def _decoders() -> Finding:
    try:
        found = [name for name in _CODECS if _has_codec(name, "r")]
    except ImportError:  # told with the encoders
        return Finding("decoders: none")
    missing = [name for name in _CODECS if name not in found]
    return Finding(f"decoders: {', '.join(found)}" + (f"; missing: {', '.join(missing)}" if missing else ""))


def _encoders() -> Finding:
    try:
        import av
    except ImportError as error:
        return Finding(
            f"problem: PyAV cannot be loaded ({error}); run: pip install 'av >= 18, < 19'", fatal=True
        )
    from rtvideo.media.encoders import usual_encoders

    found = [name for name in usual_encoders() if _has_codec(name, "w")]
    version = getattr(av, "ffmpeg_version_info", "of unknown version")
    return Finding(f"encoders: {', '.join(found) or 'none'} (FFmpeg {version})", fatal=not found)


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec
    from av.error import FFmpegError

    try:
        Codec(name, mode)
    except (ValueError, FFmpegError):
        return False
    return True


def _srt() -> list[Finding]:
    try:
        from rtvideo.media.network.srt import program_for
    except ImportError:  # told already
        return []
    try:
        program = program_for("srt://")
    except RtvideoError:
        help = "; run: apt-get install ffmpeg" if platform.system() == "Linux" else ""
        return [Finding(f"srt: no{help}")]
    return [Finding(f"srt: through {program}" if program else "srt: yes")]


def _cameras() -> Finding:
    if platform.system() != "Linux":
        return Finding(f"cameras: read on Linux alone, not on {platform.system()}; streams and pipes work")
    from rtvideo.media.camera import devices

    found = devices()
    closed = [device.path for device in found if not os.access(device.path, os.R_OK | os.W_OK)]
    names = ", ".join(f"{device.path} ({device.name})" for device in found) or "none"
    help = f"; not allowed: {', '.join(closed)}; run: sudo usermod -aG video $USER" if closed else ""
    return Finding(f"cameras: {names}{help}")


def _extras() -> list[Finding]:
    found = []
    for extra, (package, use) in _EXTRAS.items():
        version = installed(package)
        found.append(
            Finding(f"{use}: " + (f"{package} {version}" if version else f"no; run: {install(extra)}"))
        )
    return found


def _viewers() -> list[Finding]:
    opencv, websockets = installed("opencv-python"), installed("websockets")
    if platform.system() != "Linux":
        window = f"on Linux alone, not on {platform.system()}"
    elif opencv is None:
        window = f"no (--preview); run: {install('window')}"
    elif installed("opencv-python-headless"):
        window = (
            "may fail, since opencv-python-headless is installed too; run: "
            "pip uninstall -y opencv-python-headless && pip install --force-reinstall opencv-python"
        )
    elif not os.environ.get("DISPLAY"):
        window = f"no screen here (DISPLAY is not set); opencv-python {opencv}"
    else:
        window = f"opencv-python {opencv}, screen {os.environ['DISPLAY']}"
    web = f"websockets {websockets}" if websockets else f"no (--serve); run: {install('serve')}"
    return [Finding(f"window: {window}"), Finding(f"web viewer: {web}")]


def _models() -> Finding:
    from rtvideo.models import names

    found = names()
    if not found:
        return Finding(
            "problem: no models are installed; run: pip install --force-reinstall rtvideo", fatal=True
        )
    return Finding(f"models: {', '.join(found)}")


def _engines() -> list[Finding]:
    from rtvideo.engines.registry import available

    engines = available()
    findings = [
        Finding(f"engine {e.name} on {e.device}: {'works' if e.works else 'fails'}, {e.reason}")
        for e in engines
    ]
    if any(engine.works for engine in engines):
        return [*findings, _trial()]
    return [*findings, Finding(f"problem: no engine works; run: {install('onnx')}", fatal=True)]


def _trial() -> Finding:
    """Enhance one small frame: an engine that is installed may still fail."""
    import numpy as np

    from rtvideo.enhancer import Enhancer
    from rtvideo.models import names
    from rtvideo.options import Options

    model = Options.model
    if model not in names():
        return Finding(f"problem: the default model {model} is not installed", fatal=True)
    try:
        with Enhancer(model) as enhance:
            enhance(np.zeros((16, 16, 3), np.uint8))
    except RtvideoError as error:
        return Finding(f"problem: {error}", fatal=True)
    return Finding(f"trial: model {model} enhanced a frame")
