"""The CUDA kernels that look at the frames before, run on the processor."""

from __future__ import annotations

import ctypes
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="networks of tests are torch networks")

import torch

from rtvideo.colour import Coding, Matrix, levels
from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.cpu.library import CpuNetwork
from rtvideo.kernels.cuda import launch
from rtvideo.kernels.cuda.debanding import DebandingState
from rtvideo.kernels.cuda.driver import LEAST_SHARED
from rtvideo.kernels.cuda.emit import HEADERS, emit
from rtvideo.kernels.cuda.temporal_state import TemporalLayout, TemporalState
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import PlanePointers, TimeConstants, format_of, state_format
from rtvideo.models.description import Description, Genotype, Illumination
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import compiled
from tests.rtvideo.kernels.cpu.test_temporal import LAYOUTS, Samples, film, geometry, to_codes, to_planes
from tests.rtvideo.kernels.cuda.emulated import Emulated, emulated
from tests.rtvideo.kernels.cuda.test_kernels import race
from tests.rtvideo.kernels.temporal_reference import Recursive

pytestmark = pytest.mark.compile

torch.set_num_threads(1)

#: Next to no network, since the picture so far is looked at by itself.
PLAIN = Description(
    name="plain",
    illumination=Illumination(
        genotype=Genotype(*["skip"] * 7),
        scales=(8,),
        domain="log",
        warm_start="fixed",
        exposure="statistics",
        mix=True,
        floor=1 / 255,
    ),
)


class Scene(ctypes.Structure):
    _fields_ = [
        ("noise", ctypes.c_float), ("slope", ctypes.c_float), ("curve", ctypes.c_float * 257),
        *((name, ctypes.c_int) for name in ("exposure_changed", "light_changed", "seen", "moving")),
        ("own", ctypes.c_float), ("need", ctypes.c_float), ("has_light", ctypes.c_int),
    ]  # fmt: skip


class Remembering:
    """Kernels and what they keep, for one stream of frames."""

    def __init__(self, kernels: Emulated, of: Geometry) -> None:
        self.kernels, self.geometry, self.layout = kernels, of, format_of(of)
        light = launch.light(kernels.program, of.width, of.height)
        self.state_layout = TemporalLayout(of, light)
        self.memory = device_memory(self.state_layout.size)
        self.now = 0

    def __call__(
        self, planes: Sequence[Plane], time: TimeConstants, denoise: float = 0, band: int | None = None,
        debanding: DebandingState | None = None,
    ) -> list[Plane]:  # fmt: skip
        out = self.geometry.empty()
        size = self.geometry.width, self.geometry.height
        self.kernels.planes(
            self.layout, planes, out, size, 1, denoise, band,
            time=time, state=self.state, debanding=debanding,
        )  # fmt: skip
        self.now = 1 - self.now
        return out

    @property
    def state(self) -> TemporalState:
        return self.state_layout.state(self.memory.ctypes.data, self.now)

    @property
    def scene(self) -> Scene:
        return Scene.from_address(self.state.scene)

    def picture(self) -> Samples:
        """The picture so far, in codes of 8 bits."""
        return kept_picture(self.memory, self.state.before[0], self.geometry)


def device_memory(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bytes of zero from where a device would let them begin."""
    memory = np.zeros(size + 256, np.uint8)
    return memory[-memory.ctypes.data % 256 :][:size]


def kept_picture(memory: np.ndarray[Any, np.dtype[np.uint8]], kept: PlanePointers, of: Geometry) -> Samples:
    """A picture that is kept in 16 bits, in codes of 8 bits."""
    planes = []
    for k, (rows, columns) in enumerate(of.shapes()):
        begin = kept.data[k] - memory.ctypes.data
        lines = memory[begin : begin + rows * kept.stride[k]].reshape(rows, -1)
        planes.append(lines.view(np.uint16)[:, :columns])
    return to_codes(planes, Geometry(of.width, of.height, of.layout, 16, of.coding, of.chroma))


def reference(of: Geometry, frames: float) -> Recursive:
    lv, unit = levels(of.coding, of.depth), 1 << (of.depth - 8)
    rgb = of.coding.matrix == Matrix.RGB
    return Recursive(frames, rgb=rgb, black=lv.black / unit, neutral=lv.zero / unit)


@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    size=st.tuples(st.integers(1, 150), st.integers(1, 90)),
    depth=st.sampled_from([(8, False), (10, False), (10, True), (16, False)]),
    frames=st.sampled_from([2.5, 8.0, 15.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_the_picture_so_far_is_that_of_the_reference(
    name: str, size: tuple[int, int], depth: tuple[int, bool], frames: float, seed: int
) -> None:
    check(geometry(name, *size, *depth), frames, seed)


def test_an_exposure_and_a_cut_are_noticed() -> None:
    wanted = check(geometry("nv", 150, 90, 16), 12, 1)
    assert (wanted.exposed, wanted.cuts) == (1, 1)


def check(of: Geometry, frames: float, seed: int) -> Recursive:
    kernels, wanted = Remembering(emulated(PLAIN, temporal=True), of), reference(of, frames)
    for number, codes in enumerate(film(of, seed)):
        planes, relit = to_planes(codes, of), wanted.exposed
        kernels(planes, TimeConstants(frames, 0.1, number == 0))
        exact = wanted(to_codes(planes, of))
        scene = kernels.scene
        assert (scene.seen, scene.exposure_changed) == (wanted.seen, wanted.exposed - relit)
        assert wanted.seen == 1 or abs(scene.moving - wanted.moving) <= 2
        assert scene.noise == pytest.approx(wanted.noise, abs=1e-2)
        for made, plane in zip(kernels.picture(), exact, strict=True):
            # Where an age is rounded the other way, a sample moves by a sixteenth of its change at most,
            # which is a few codes where part of a line counts.
            assert np.abs(made - plane).max() <= 0.5
            assert (np.abs(made - plane) > 0.02).mean() <= 0.02
    return wanted


def test_what_is_forgotten_does_not_count() -> None:
    of = geometry("420", 131, 83)
    kernels = Remembering(emulated(PLAIN, temporal=True), of)
    first, *others = [to_planes(codes, of) for codes in film(of, 3, 3)]
    for forget in (False, True):  # nothing is known before the first frame
        kernels(first, TimeConstants(8, 0.1, forget))
        assert all(map(np.array_equal, kernels.picture(), first))
        for frame in others:
            kernels(frame, TimeConstants(8, 0.1, False))
        assert kernels.scene.seen == 3
        assert not any(map(np.array_equal, kernels.picture(), others[-1]))


def sliding(of: Geometry, number: int) -> list[Plane]:
    """A scene that becomes a little darker while more and more of it moves."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(30, 60, (of.height // 8 + 1, 60)), np.ones((8, 8)))[: of.height]
    still, moving = scene[:, : of.width].copy(), of.height * number // 8
    still[:moving] = scene[:moving, 5 * number :][:, : of.width]
    luma = (still * (1 - 0.02 * number) + rng.normal(0, 1, still.shape)).clip(16, 235)
    return [luma.astype(np.uint8), np.full(of.shapes()[1], 128, np.uint8)]


@pytest.mark.parametrize("description", [networks.NIGHT, networks.GUIDED], ids=lambda d: d.name)
def test_the_processor_shows_the_same(description: Description) -> None:
    of = geometry("nv", 101, 67)
    kernels = emulated(description, denoise=False, temporal=True)
    lagging, following = Remembering(kernels, of), Remembering(kernels, of)
    cpu, lag, late, mixed, own = compiled(description), 0.0, 0.0, [], 0.0
    network = CpuNetwork(cpu.library, cpu.weights, of.width, of.height, format_of(of), 1)
    network.allocate_temporal_state(state_format(of))
    for number in range(8):
        frame, time = sliding(of, number), TimeConstants(8, 0.1, number == 0)
        out, exact = lagging(frame, time), of.empty()
        at_once = following(frame, TimeConstants(8, 1, number == 0))
        network.run(frame, exact, 1, 0, time)
        for made, plane in zip(out, exact, strict=True):
            assert np.abs(made.astype(int) - plane).max() <= 1
        lag = max(lag, abs(float(out[0].mean() - at_once[0].mean())))
        # What this frame has by itself, where what is shown goes to from what was shown before.
        way = following.scene.own - own
        mixed.append((lagging.scene.own - own) / way if abs(way) > 1e-5 else 1.0)
        own = lagging.scene.own
        late = max(late, abs(lagging.scene.need - following.scene.need))
    assert lag > 0.5 and late > 0.002
    assert mixed[0] == 1 and min(mixed) >= 0.1 and (min(mixed) < 0.5) == (description is networks.NIGHT)
    network.close()


@pytest.mark.parametrize("description", [networks.NIGHT, networks.HALF], ids=lambda d: d.name)
def test_the_processor_removes_the_same_noise(description: Description) -> None:
    of = geometry("nv", 101, 67)
    device, cpu = Remembering(emulated(description, temporal=True), of), compiled(description)
    network = CpuNetwork(cpu.library, cpu.weights, of.width, of.height, format_of(of), 1)
    network.allocate_temporal_state(state_format(of))
    for number in range(4):
        frame, time, exact = sliding(of, number), TimeConstants(8, 0.1, number == 0), of.empty()
        network.run(frame, exact, 1, 1, time)
        for made, plane in zip(device(frame, time, 1), exact, strict=True):
            assert np.abs(made.astype(int) - plane).max() <= 1
    network.close()


def test_time_and_a_transfer_curve_together() -> None:
    """What is averaged are the codes of the curve; a lamp above the white of SDR stays as light as it is."""
    of = Geometry(101, 67, "yuv", 10, Coding(Matrix.BT2020_NCL, False, "hlg"), (1, 1))
    kernels, cpu = emulated(networks.NIGHT, temporal=True), compiled(networks.NIGHT)
    device, alone = Remembering(kernels, of), Remembering(kernels, of)
    network = CpuNetwork(cpu.library, cpu.weights, of.width, of.height, format_of(of), 1)
    network.allocate_temporal_state(state_format(of))
    shown, single = [], []
    for number in range(3):
        luma = sliding(geometry("nv", 101, 67), 0)[0].astype(np.uint16) * 4
        luma += np.random.default_rng(number).integers(0, 24, luma.shape, np.uint16)
        luma[40:50, 60:80] = 900
        frame = [luma, *(np.full(shape, 512, np.uint16) for shape in of.shapes()[1:])]
        time, exact = TimeConstants(8, 0.1, number == 0), of.empty()
        network.run(frame, exact, 1, 1, time)
        shown.append(device(frame, time, 1))
        single.append(alone(frame, TimeConstants(8, 0.1, True), 1))
        for made, plane in zip(shown[-1], exact, strict=True):
            assert np.abs(made.astype(int) - plane).max() <= 2
    network.close()
    assert np.abs(shown[2][0][42:48, 62:78].astype(int) - 900).max() <= 2
    still = np.s_[2:30, 2:50]
    wanders, alone_wanders = (np.ptp([s[0][still] for s in made[1:]], 0).mean() for made in (shown, single))
    assert wanders < 0.8 * alone_wanders


@pytest.mark.parametrize("description", [networks.NIGHT, networks.HALF], ids=lambda d: d.name)
def test_bands_make_the_very_same_picture(description: Description) -> None:
    of = geometry("nv", 40, 151)
    kernels = emulated(description, temporal=True)
    whole, bands = Remembering(kernels, of), Remembering(kernels, of)
    for number in range(3):
        frame, time = sliding(of, number), TimeConstants(8, 0.1, number == 0)
        made, other = whole(frame, time, 1), bands(frame, time, 1, band=64)
        assert all(map(np.array_equal, made, other))


def test_without_a_pace_there_is_nothing_more_to_launch() -> None:
    for description in (networks.NIGHT, networks.GUIDED, networks.RUAS):
        program = lower(description, networks.weights(description))
        source = emit(program, LEAST_SHARED, denoise=True)
        more = emit(program, LEAST_SHARED, denoise=True, temporal=True)
        names, others = ({one.name for one in s.launches} for s in (source, more))
        assert "OVER_TIME" not in source.text and names < others
        assert not any(
            re.search("build|measure|choose|carry|estimate|compensate|filter|follow|keep", name)
            for name in names
        )


MAIN = """
static int texture(int i) {
    unsigned cell = i % WIDTH / 5 + i / WIDTH / 5 * 31;
    cell = cell * cell % 9973;
    return 60 + (cell * 2654435761u >> 20) % 41;
}

int main() {
    static unsigned char planes[3][WIDTH * HEIGHT * 3 / 2];
    static float space[BUFFERS][4096 * 6];
    static unsigned char pictures[5][2 * WIDTH * HEIGHT * 3 / 2], ages[2][WIDTH * HEIGHT / 4];
    static float values[5][1000];
    static int counts[LEVELS * BINS];
    static Scene scene;
    static FoundMotion found;
    static Mains lamps;
    static float of_lamps[4][WIDTH * HEIGHT / 64];
    static float levels[2][PYRAMID][WIDTH * HEIGHT / 4], of_blocks[2][WIDTH * HEIGHT / 256 + 99];
    static Vector vectors[2][PYRAMID][WIDTH * HEIGHT / 256 + 99];
    static Structure structures[PYRAMID][WIDTH * HEIGHT / 256 + 99];
    static float bands[2 * DEBAND_LEVELS + 2][MEANS * (WIDTH / DEBAND_CELL) * (HEIGHT / DEBAND_CELL)];
    frame.width = WIDTH, frame.height = frame.rows = HEIGHT, frame.strength = 1, frame.denoise = 1;
    Format &f = frame.format;
    f.layout = NV, f.chroma_x = f.chroma_y = 1, f.luma_gain = 1 / 255.0f;
    TemporalState &h = frame.state;
    f.code = 1, h.format = f, h.format.wide = 1, h.format.luma_gain /= 256, h.format.code /= 256;
    h.level = values[0], h.change = values[1], h.spread = values[2], h.gain = values[3];
    h.light = values[4], h.counts = counts, h.scene = &scene;
    MotionState &m = h.motion;
    m.found = &found, m.residuals = of_blocks[0], m.unsure = of_blocks[1];
    for (int k = 0; k < PYRAMID; k++) {
        m.kept[k] = levels[0][k], m.now[k] = levels[1][k], m.structures[k] = structures[k];
        m.measured[k] = vectors[0][k], m.vectors[k] = vectors[1][k];
    }
    h.mains.found = &lamps, h.mains.reference = of_lamps[0], h.mains.change = of_lamps[1];
    h.mains.rows = of_lamps[2], h.mains.share = of_lamps[3];
    DebandingState &d = frame.debanding;
    d.format = h.format, d.amount = 1;
    d.deviations = bands[2 * DEBAND_LEVELS], d.shares = bands[2 * DEBAND_LEVELS + 1];
    for (int k = 0; k < DEBAND_LEVELS; k++) d.means[k] = bands[2 * k], d.smooth[k] = bands[2 * k + 1];
    for (int b = 0; b < BUFFERS; b++) frame.buffers[b] = space[b];
    for (int k = 0; k < 16; k++) {
        // First the light changes, then a lamp makes bands, then the camera turns.
        const int of_light = k < 3, carries = k >= 13, n = of_light ? k : carries ? k - 13 : k - 3;
        for (int i = 0; i < WIDTH * HEIGHT; i++)
            planes[n & 1][i] = carries
                ? 100 + 40 * sinf((i % WIDTH + 3 * n) * 0.3f) * cosf((i / WIDTH + 2 * n) * 0.2f)
                : of_light ? 40 + i * 7919 % 13 + (i % WIDTH < 32 ? 30 : 8) * n
                : texture(i) * (1 + 0.1f * sinf(6.2832f * (1.5f * (i / WIDTH) / HEIGHT + 0.3f * n)));
        for (int p = 0; p < 2; p++) {
            const long long at = p * WIDTH * HEIGHT;
            frame.in.data[p] = planes[n & 1] + at, frame.out.data[p] = planes[2] + at;
            h.before[0].data[p] = pictures[n & 1] + 2 * at, h.after.data[p] = pictures[1 - (n & 1)] + 2 * at;
            d.picture.data[p] = pictures[2] + 2 * at, h.before[1].data[p] = pictures[3] + 2 * at;
            frame.in.stride[p] = frame.out.stride[p] = WIDTH;
            h.before[0].stride[p] = h.before[1].stride[p] = h.after.stride[p] = 2 * WIDTH;
            d.picture.stride[p] = h.mains.picture.stride[p] = 2 * WIDTH;
            h.mains.picture.data[p] = pictures[4] + 2 * at;
        }
        h.age_before = ages[n & 1], h.age = ages[1 - (n & 1)];
        frame.time = TimeConstants{8, 0.1f, n == 0, !of_light, !of_light};
        LAUNCHES
        if (k == 2 && !(scene.exposure_changed && scene.light_changed)) return 1;
        if (k == 12 && !lamps.bands) return 2;
    }
    return scene.seen == 3 && scene.noise > 0 && found.moved ? 0 : 3;
}
"""


def raced(folder: Path, wanted: str, header: str = "", old: str = "", new: str = "") -> tuple[int, str]:
    """Frames with steps of exposure and light, a lamp on the mains, a camera that turns, under sanitizers.

    In ``header`` the text ``old`` becomes ``new``.
    """
    width, height = 152, 72
    source = emulated(PLAIN, temporal=True, deband=True).source
    calls = [
        f"launch({call.launch.name}, {call.across}, {call.down}, {call.launch.shared}, 4, 0, 0);"
        for call in launch.whole(source, width, height).calls
    ]
    main = f"enum {{ WIDTH = {width}, HEIGHT = {height} }};" + MAIN.replace("LAUNCHES", " ".join(calls))
    if header:
        text = (HEADERS / header).read_text()
        assert old in text
        text = text.replace(old, new).replace("#pragma once", "")
        source = dataclasses.replace(source, text=source.text.replace(f'#include "{header}"', text))
    return race(source, folder, wanted, main)


# Where only ziglang is, it first builds the thread sanitizer's library, which takes a minute of one core.
@pytest.mark.timeout(900)
def test_threads_of_a_block_do_not_race(tmp_path: Path) -> None:
    code, report = raced(tmp_path, "thread")
    assert code == 0, report[:3000]


def test_nothing_outside_is_touched(tmp_path: Path) -> None:
    code, report = raced(tmp_path, "address,undefined")
    assert code == 0, report[:3000]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("temporal_filter.cuh", "    int moved = 0;"),
        ("motion.cuh", "    for (int item = threadIdx.x; item < count"),
    ],
)
def test_a_missing_barrier_is_found(tmp_path: Path, header: str, after: str) -> None:
    code, report = raced(tmp_path, "thread", header, f"    barrier();\n{after}", after)
    assert (code, "data race" in report) == (66, True)
