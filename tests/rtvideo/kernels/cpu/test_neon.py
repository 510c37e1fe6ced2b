"""Kernels for 64-bit Arm, compiled by ziglang and run by an emulator, against torch in double precision."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")

import torch

from model.ruas import RUAS
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.isa import INSTRUCTION_SETS
from rtvideo.kernels.ir.lower import lower
from rtvideo.models.description import Description
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import picture

pytestmark = pytest.mark.compile

NEON = next(one for one in INSTRUCTION_SETS if one.name == "neon")


@pytest.mark.parametrize("description", [networks.HALF], ids=lambda d: d.name)
def test_neon_is_within_1e5_of_double(description: Description, tmp_path: Path) -> None:
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    zig = next((one for one in build.compilers() if one.kind == "zig"), None)
    if emulator is None or zig is None:
        pytest.skip("no emulator or compiler for 64-bit Arm: apt-get install qemu-user; pip install ziglang")
    program = lower(description, weights := networks.weights(description))
    source, binary = tmp_path / "network.cpp", tmp_path / "frame"
    source.write_text(emit(program))
    # The emulator has no Arm libraries, so everything is linked in.
    target = ["-target", "aarch64-linux-musl", "-static"]
    flags = [one for one in zig.arguments(NEON) if one != "-shared"]
    flags[flags.index("-target") : flags.index("-target") + 2] = target
    main = Path(__file__).with_name("frame.cpp")
    command = [*flags, *build.INCLUDES, f'-DKERNEL="{source}"', str(main), "-o", str(binary), "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr

    y = picture(37, 53, 1)
    ran = subprocess.run(
        [emulator, binary, "53", "37"], input=program.data().tobytes() + y.tobytes(), capture_output=True,
        check=False, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    out = np.frombuffer(ran.stdout, np.float32).reshape(y.shape)
    net = RUAS(description).double()
    net.load_state_dict({k: torch.from_numpy(np.array(v)).double() for k, v in weights.items()})
    with torch.no_grad():
        wanted = net(torch.from_numpy(y).double()[None], 1.0, 1.0)[0].numpy()
    assert np.abs(out - wanted).max() <= 1e-5
