"""CUDA sources, run on the processor, against torch in double precision; and a block's threads at once."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the reference is a torch network")

import torch

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cuda import launch
from rtvideo.kernels.cuda.driver import LEAST_SHARED
from rtvideo.kernels.cuda.emit import emit
from rtvideo.kernels.cuda.schedule import schedule
from rtvideo.kernels.cuda.source import CudaSource
from rtvideo.kernels.ir.lower import lower
from rtvideo.models.description import Description, Genotype
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import anything, picture
from tests.rtvideo.kernels.cpu.test_sanitizers import NO_LIBRARY, offers
from tests.rtvideo.kernels.cuda.emulated import compile_shim, emulated

pytestmark = pytest.mark.compile

torch.set_num_threads(1)


def one_scale(scale: int, stages: int = 3, **changes: Any) -> Description:
    """A network whose stages, and all that comes before them, are two kernels."""
    light = dataclasses.replace(networks.NIGHT.illumination, scales=(scale,) * stages, **changes)
    return Description(name=f"scale {scale}", illumination=light)


DESCRIPTIONS = [
    networks.NIGHT,
    one_scale(8),
    one_scale(1, 2),
    networks.RUAS,
    networks.RELEASED,
    networks.HALF,
    networks.FINE,
    *map(anything, (0, 4, 6, 10)),
]

sizes = st.tuples(st.integers(1, 40), st.integers(1, 50))


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda d: d.name)
@given(
    size=sizes,
    seed=st.integers(0, 99),
    strength=st.sampled_from([1.0, 0.5]),
    wish=st.sampled_from([0.0, 0.7, -0.7]),
)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_f32_is_within_1e5_of_double(
    description: Description, size: tuple[int, int], seed: int, strength: float, wish: float
) -> None:
    kernels = emulated(description)
    y = picture(*size, seed)
    out = kernels.run(y, strength, 0.7, brightness=wish)
    wanted = kernels.reference(y, strength, 0.7, wish)
    assert np.abs(out - wanted).max() <= 1e-5
    assert np.ptp(wanted) > 0 or min(size) == 1


@pytest.mark.parametrize("description", [networks.NIGHT, networks.HALF, anything(4)], ids=lambda d: d.name)
@given(size=st.tuples(st.integers(1, 30), st.integers(1, 40)), seed=st.integers(0, 99))
@settings(max_examples=3, deadline=None, derandomize=True)
def test_f16_is_within_half_a_code_and_70_decibels(
    description: Description, size: tuple[int, int], seed: int
) -> None:
    kernels = emulated(description, half=True)
    y = picture(*size, seed)
    error = kernels.run(y, 1, 1) - kernels.reference(y, 1, 1)
    assert np.abs(error).max() <= 0.5 / 255
    assert np.square(error).mean() <= 1e-7


def test_tensor_cores_are_within_a_fiftieth_of_a_code_and_make_bands_alike() -> None:
    kernels = emulated(networks.HALF, tensor_cores=True)
    text = kernels.source.text
    assert "WarpRun" in text and "OctetPlane" in text and "PairTile" not in text
    y = picture(71, 21, 3)
    made = kernels.run(y, 1, 1)
    assert np.abs(made - kernels.reference(y, 1, 1)).max() <= 0.02 / 255
    assert np.abs(made - kernels.run(y, 1, 0)).max() > 1 / 255
    assert np.array_equal(kernels.run(y, 1, 1, band=32), made)


def test_tensor_cores_are_for_half_size_and_eight_channels() -> None:
    program = lower(networks.RUAS, networks.weights(networks.RUAS))
    packed = lower(networks.RUAS, networks.weights(networks.RUAS), packed=True).packed
    with pytest.raises(UnavailableError, match="half size, in 8 channels at most, and model ruas is not"):
        emit(program, LEAST_SHARED, denoise=True, packed=packed, tensor_cores=True)


def test_tiles_leave_no_seam_whatever_their_size() -> None:
    y = picture(130, 150, 7)
    small, large = emulated(networks.NIGHT), emulated(networks.NIGHT, shared=112 << 10)
    assert small.source.launches != large.source.launches
    wanted = small.reference(y, 1, 1)
    for kernels in (small, large):
        assert np.abs(kernels.run(y, 1, 1) - wanted).max() <= 1e-5


@pytest.mark.parametrize(
    ("description", "half"),
    [(networks.NIGHT, False), (networks.RUAS, False), (networks.HALF, False), (anything(4), True)],
)
def test_bands_make_the_very_same_picture_with_less_memory(description: Description, half: bool) -> None:
    y, kernels = picture(261, 9, 3), emulated(description, half=half)
    whole = launch.whole(kernels.source, 9, 261)
    bands = launch.in_bands(kernels.source, 9, 261, 32)
    assert bands.rows < whole.rows and len(bands.calls) > len(whole.calls)
    assert np.array_equal(kernels.run(y, 0.8, 1, band=32), kernels.run(y, 0.8, 1))


def test_nan_in_the_frame_stays_visible() -> None:
    kernels = emulated(networks.RUAS)
    y = picture(20, 30, 0)
    y[:, 10, 10] = np.nan
    out = kernels.run(y, 1, 1)
    assert not np.array_equal(out, kernels.run(picture(20, 30, 0), 1, 1))


@pytest.mark.parametrize("seed", range(0, 60, 7))
@pytest.mark.parametrize("shared", [LEAST_SHARED, 112 << 10])
def test_every_network_gets_kernels_that_fit(seed: int, shared: int) -> None:
    description = anything(seed)
    program = lower(description, networks.weights(description))
    for one in (program.lit, program.denoised):
        assert one is not None
        kernels = schedule(one, frozenset(), shared)
        made = {layer.output for kernel in kernels for step in kernel.flow.steps for layer in step.layers}
        assert set(one.results) <= made
        for kernel in kernels:
            assert 4 * kernel.words <= shared
            assert kernel.width % 2 == kernel.height % 2 == 0  # chroma belongs to one block


def test_a_grid_of_one_scale_takes_two_kernels_where_they_fit() -> None:
    names = [one.name for one in source(one_scale(8)).launches]
    assert names[:2] == ["reduce_frame", "stages_0"]
    names = [one.name for one in source(networks.NIGHT).launches]
    assert names[:7] == [
        "reduce_frame", "log_of_4", "log_of_8", "settle_exposure", "stage_0_0", "stage_1_0", "stage_2_0",
    ]  # fmt: skip
    wide = one_scale(8, 6, genotype=Genotype(*["dil3"] * 7))
    names = [one.name for one in source(wide).launches]
    assert names[:2] == ["reduce_frame", "stage_0_0"] and "stage_5_0" in names


def source(description: Description) -> CudaSource:
    program = lower(description, networks.weights(description))
    return emit(program, LEAST_SHARED, denoise=True)


RACE = """
int main() {
    static float planes[6][10 * 14], space[BUFFERS][4096 * 6];
    frame.width = 14, frame.height = frame.rows = 10, frame.strength = 1, frame.denoise = 1;
    frame.format.layout = FLOAT_RGB;
    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < 10 * 14; i++) planes[p][i] = i % 97 / 200.0f;
        frame.in.data[p] = (unsigned char *)planes[p], frame.out.data[p] = (unsigned char *)planes[3 + p];
        frame.in.stride[p] = frame.out.stride[p] = 14 * sizeof(float);
    }
    for (int b = 0; b < BUFFERS; b++) frame.buffers[b] = space[b];
    LAUNCHES
    return 0;
}
"""


def race(made: CudaSource, folder: Path, wanted: str = "thread", main: str = RACE) -> tuple[int, str]:
    """Run a source's kernels with four threads a block under sanitizers; return its code and report."""
    calls = [f"launch({one.name}, 1, 1, {one.shared}, 4, 0, 0);" for one in made.launches]
    text = made.text + main.replace("LAUNCHES", "\n    ".join(calls))
    # The launcher comes after the kernels.
    text = 'extern "C" void launch(void (*)(int, int), int, int, int, int, int, int);\n' + text
    for command, sanitizers in offers(wanted):
        try:
            compile_shim(
                text, folder / "race", command, f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g"
            )
            break
        except AssertionError as error:
            if not NO_LIBRARY.search(str(error)):
                raise
    else:
        pytest.skip("no compiler with sanitizers: pip install ziglang, or apt-get install g++")
    done = subprocess.run(
        [folder / "race"], capture_output=True, text=True, check=False, timeout=200,
        env=dict(os.environ, TSAN_OPTIONS="halt_on_error=1 exitcode=66"),
    )  # fmt: skip
    return done.returncode, done.stderr


# Where only ziglang is, it first builds the thread sanitizer's library, which takes a minute of one core.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("description", [networks.HALF], ids=lambda d: d.name)
def test_threads_of_a_block_do_not_race(description: Description, tmp_path: Path) -> None:
    code, report = race(source(description), tmp_path)
    assert code == 0, report[:3000]


def test_nothing_outside_is_touched(tmp_path: Path) -> None:
    code, report = race(source(networks.HALF), tmp_path, "address,undefined")
    assert code == 0, report[:3000]


@pytest.mark.timeout(900)
def test_a_missing_barrier_is_found(tmp_path: Path) -> None:
    made = source(networks.NIGHT)
    barriers = [match.start() for match in re.finditer("barrier", made.text)]
    assert len(barriers) > 8
    begin = barriers[len(barriers) // 2]
    broken = made.text[:begin] + made.text[begin + len("barrier();") :]
    code, report = race(CudaSource(broken, made.launches, made.buffers, made.coarsest), tmp_path)
    assert (code, "data race" in report) == (66, True)
