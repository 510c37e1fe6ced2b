from __future__ import annotations

import configparser
import re
from pathlib import Path

from rtvideo.version import install, installed

ROOT = Path(__file__).resolve().parents[2]


def test_every_extra_that_a_message_names_can_be_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    text = "".join(path.read_text() for path in (ROOT / "rtvideo").rglob("*.py"))
    named = set(re.findall(r"install\('([\w-]+)'\)", text)) | set(re.findall(r"the extra ([\w-]+)", text))
    assert len(named) > 8
    assert named <= set(setup["options.extras_require"])


def test_commands_work_from_a_checkout_too() -> None:
    command = install("window")
    assert "pip install 'rtvideo[window]'" in command and "pip install '.[window]'" in command


def test_versions_of_packages() -> None:
    assert installed("numpy") and installed("no-such-package") is None
