"""The CUDA kernels of debanding, run on the processor: against double precision and those for processors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="networks of tests are torch networks")

from rtvideo.frame import Geometry
from rtvideo.kernels.cpu.library import CpuNetwork
from rtvideo.kernels.cuda.debanding import DebandingLayout
from rtvideo.kernels.structs import TimeConstants, format_of, state_format
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import compiled
from tests.rtvideo.kernels.cpu.test_debanding import dark_scene, reference
from tests.rtvideo.kernels.cpu.test_temporal import LAYOUTS, Samples, geometry, to_codes, to_planes
from tests.rtvideo.kernels.cuda.emulated import emulated
from tests.rtvideo.kernels.cuda.test_temporal import PLAIN, Remembering, device_memory, kept_picture, sliding

pytestmark = pytest.mark.compile


def debanded(codes: Samples, of: Geometry) -> Samples:
    """The picture that the network sees, in codes of 8 bits."""
    layout = DebandingLayout(of)
    memory = device_memory(layout.size)
    memory[:] = 0xFF  # no numbers
    state = layout.state(memory.ctypes.data)
    state.amount = 1
    kernels, size = emulated(PLAIN, deband=True), (of.width, of.height)
    kernels.planes(format_of(of), to_planes(codes, of), of.empty(), size, 1, 0, debanding=state)
    return kept_picture(memory, state.picture, of)


@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    width=st.integers(1, 150),
    height=st.integers(1, 90),
    depth=st.sampled_from([(8, False), (10, False), (10, True), (16, False)]),
    seed=st.integers(0, 99),
)
@settings(max_examples=12, deadline=None, derandomize=True)
def test_the_picture_is_that_of_the_reference(
    name: str, width: int, height: int, depth: tuple[int, bool], seed: int
) -> None:
    of = geometry(name, width, height, *depth)
    codes = to_codes(to_planes(dark_scene(of, seed), of), of)
    for made, exact in zip(debanded(codes, of), reference(codes, of), strict=True):
        assert np.abs(made - np.clip(exact, 0, 256)).max() <= 0.006


def test_the_processor_shows_the_same() -> None:
    """Alone, half of it, and after frames were averaged, which makes codes finer."""
    of = geometry("nv", 101, 67)
    cpu = compiled(networks.NIGHT)
    network = CpuNetwork(cpu.library, cpu.weights, of.width, of.height, format_of(of), 1)
    network.allocate_temporal_state(state_format(of))
    network.allocate_debanding(state_format(of))
    layout = DebandingLayout(of)
    memory = device_memory(layout.size)
    state = layout.state(memory.ctypes.data)
    alone, over_time = (
        Remembering(emulated(networks.NIGHT, denoise=False, temporal=temporal, deband=True), of)
        for temporal in (False, True)
    )
    for frames, device in ((0.0, alone), (8.0, over_time)):
        for number in range(4):
            frame, time, exact = sliding(of, number), TimeConstants(frames, 0.1, number == 0), of.empty()
            frame[0] = (frame[0] - 14).clip(16)  # as dark as bands are
            state.amount = 0.5 if number == 3 else 1
            network.run(frame, exact, 1, 0, time, state.amount)
            for made, plane in zip(device(frame, time, debanding=state), exact, strict=True):
                assert np.abs(made.astype(int) - plane).max() <= 1
    network.close()


@pytest.mark.parametrize("layout", ["nv", "rgb"])
def test_dither_is_that_of_the_processor(layout: str) -> None:
    of = geometry(layout, 131, 66)
    black = 0 if layout == "rgb" else 16
    luma = black + np.rint(np.linspace(2, 9, of.width))[None] + np.zeros((of.height, 1))
    neutral = np.full((33, 66), 128.0)
    frame = to_planes([luma, luma, luma] if layout == "rgb" else [luma, neutral, neutral], of)
    cpu = compiled(networks.NIGHT)
    network = CpuNetwork(cpu.library, cpu.weights, of.width, of.height, format_of(of), 1)
    network.allocate_debanding(state_format(of))
    wanted = of.empty()
    network.run(frame, wanted, 1, 0, None, 1.0, dither=True)
    network.close()
    bands = DebandingLayout(of)
    memory = device_memory(bands.size)
    state = bands.state(memory.ctypes.data)
    state.amount = 1
    made, size = of.empty(), (of.width, of.height)
    kernels = emulated(networks.NIGHT, denoise=False, deband=True)
    kernels.planes(format_of(of), frame, made, size, 1, 0, debanding=state, dither=True)
    assert wanted[0].std(0).max() > 0.3  # columns are alike but for the dither
    for a, b in zip(made, wanted, strict=True):
        assert (a != b).mean() < 0.01
