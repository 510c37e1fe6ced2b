"""Build the wheels: `make wheels`, or `python platforms/wheels.py [PLATFORM ...]`. They lie in dist/.

Kernels for every machine are compiled here, by zig. Without a name: for 64-bit x86 and Arm on Linux.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

DEFAULT = ("linux-x86_64", "linux-aarch64")

#: Left behind: what an earlier build made would come into the wheel, whatever that is for.
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "build", "dist", "runs", "*.egg-info", "__pycache__")


def build(platform: str, folder: Path) -> Path:
    """Build one wheel, and return where it lies.

    Args:
        platform: see `PLATFORMS` of setup.py.

    Raises:
        subprocess.CalledProcessError: pip says why.
    """
    with tempfile.TemporaryDirectory() as work:
        source, made = Path(work, "source"), Path(work, "wheel")
        shutil.copytree(ROOT, source, ignore=_NOT_COPIED)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(made),
            str(source),
        ]
        subprocess.run(pip, env={**os.environ, "RTVIDEO_PLATFORM": platform}, check=True)
        (wheel,) = made.iterdir()
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


def main() -> None:
    """Run the command line."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument(
        "platforms", nargs="*", default=DEFAULT, metavar="PLATFORM", help="as setup.py names them"
    )
    flags.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the wheels (default: dist)")
    arguments = flags.parse_args()
    for platform in arguments.platforms:
        try:
            print(build(platform, arguments.out))
        except subprocess.CalledProcessError as error:
            sys.exit(f"no wheel for {platform}: pip ended with code {error.returncode}")


if __name__ == "__main__":
    main()
