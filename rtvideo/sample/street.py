"""A street at night, rendered with NumPy: the sample clip's scene, dark and lit from one set of surfaces.

The camera looks along +z from a moving car: x is right, y up, metres. It only ever moves along z, so every
pixel always sees the same surface at the same distance, and a frame is mostly two table look-ups: road and
house fronts are textures that repeat every `PERIOD`. All else (cars, people, trees, lamps) is flat and
upright: sprites, drawn from far to near; a car is a row of them, one a slice, which gives it volume.

Every surface has six channels. The first three are its radiance at night: albedo times light plus emission.
The last three are the truth: albedo times the same light, strongly compressed, plus dimmed emission. So the
truth is what a Retinex method looks for: the same scene with its illumination evened out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from rtvideo.sample import sprites
from rtvideo.sample.sprites import Array, Sprite, f32

PERIOD = 128.0  # metres after which the street repeats
TEXEL = 0.05  # metres, of the textures' finest level
WALL = 8.5  # house fronts stand at x = -WALL and x = WALL
TALL = 18.0  # height of the fronts' texture
FAR = 170.0  # nothing but skyline beyond
EYE = (1.75, 1.3)  # x and y of the camera: the right-hand lane
LAMPS = [(16.0 * k, -4.9 if k % 2 else 4.9) for k in range(8)]  # z and x; the heads hang at LAMP_HEIGHT
LAMP_HEIGHT = 6.5
LAMP_COLOUR = f32([1.0, 0.78, 0.50])
AMBIENT = f32([0.020, 0.024, 0.036])
BEAM = 2.6  # of our own car's head lamps on the road
ONCOMING = (34.0, 86.0, 138.0)  # metres ahead at the start
CLOSING = 18.5  # metres a second at which they come nearer
LOOP = 156.0  # metres after which they come again
HAZE = f32([0.075, 0.070, 0.080, 0.36, 0.36, 0.44])


def even_out(light: Array) -> Array:
    """Return light (..., 3) with its range and its tint compressed, as a good exposure would show it."""
    luma = np.maximum(light @ f32([0.25, 0.6, 0.15]), 1e-4)[..., None]
    evened: Array = f32(1.15) * luma ** f32(0.27) * (light / luma) ** f32(0.35)
    return evened


def dim(emission: Array) -> Array:
    """Return how emission looks in the truth: sources keep their colour and stay below white."""
    dimmed: Array = emission / (2 + emission)
    return dimmed


def surface(albedo: Array, light: Array, emission: Array | float = 0.0) -> Array:
    """Return the six channels of a surface from albedo, light and emission, each (..., 3)."""
    emission = f32(emission) * f32(2.5) + np.zeros_like(albedo)
    return np.concatenate([albedo * light + emission, albedo * even_out(light) + dim(emission)], -1)


def street_light(x: Array, y: Array, z: Array, faces: str) -> Array:
    """Return the light of lamps and sky on points whose surface ``faces`` 'up', the 'road' or 'all' sides."""
    total = np.zeros((*np.broadcast_shapes(x.shape, y.shape, z.shape), 3), np.float32) + AMBIENT
    for lamp_z, lamp_x in LAMPS:
        dz = (z - lamp_z + PERIOD / 2) % PERIOD - PERIOD / 2
        dx, dy = x - lamp_x, np.maximum(LAMP_HEIGHT - y, 0.0)
        square = dx * dx + dy * dy + dz * dz + 0.5
        across = {"up": dy, "road": np.abs(dx), "all": dy * 0.6 + 1.5}[faces]
        cut_off = 0.12 + 0.88 / (1 + np.exp(-3.0 * (LAMP_HEIGHT - 0.7 - y)))  # little light goes upwards
        total += (LAMP_HEIGHT**2 * across / square**1.5 * cut_off)[..., None] * LAMP_COLOUR
    return total


@functools.lru_cache(maxsize=4096)
def _light_at(x: float, z: float) -> Array:
    """Return the light on something that stands in the street."""
    return street_light(f32(x), f32(1.5), f32(z), "all")


def fractal(
    shape: tuple[int, int], rng: np.random.Generator, slope: float = 1.0, smallest: float = 0.0
) -> Array:
    """Return periodic noise of mean 0 and deviation 1 whose amplitude falls with frequency as f ** -slope."""
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None] * 8, np.fft.rfftfreq(shape[1])[None] * 8)
    f[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * f**-slope * np.exp(-((f * smallest) ** 2))
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, shape)
    return np.asarray(noise / noise.std(), np.float32)


class Pyramid:
    """A texture (rows along z, columns along x or y, channels), box-filtered ever coarser, in one flat table.

    A street's surfaces are seen at a grazing angle: rows are halved at each level, columns at every second.
    """

    def __init__(self, texture: Array, levels: int = 8) -> None:
        self.row_step, self.column_step, self.shapes, tables = [], [], [], []
        for level in range(levels):
            self.row_step.append(TEXEL * 2**level)
            self.column_step.append(TEXEL * 2 ** (level // 2))
            self.shapes.append(texture.shape[:2])
            tables.append(texture.reshape(-1, texture.shape[2]))
            if level + 1 == levels:
                break
            texture = (texture[::2] + texture[1::2]) / 2
            if level % 2:
                texture = (texture[:, ::2] + texture[:, 1::2]) / 2
        self.table: Array = np.ascontiguousarray(np.concatenate(tables), np.float32)
        self.start = np.cumsum([0] + [len(t) for t in tables[:-1]])


class View:
    """The pixels that see one surface, and all of the look-up that does not change from frame to frame."""

    def __init__(
        self, pyramid: Pyramid, pixels: Array, across: Array, z: Array, footprint: Array, cover: Array
    ):
        self.pyramid, self.pixels, self.z = pyramid, pixels, z
        level = np.clip(np.log2(footprint / TEXEL) + 0.2, 0, len(pyramid.shapes) - 1).round().astype(np.intp)
        columns = np.asarray([s[1] for s in pyramid.shapes])[level]
        place = np.clip(across / np.asarray(pyramid.column_step)[level] - 0.5, 0, columns - 1.001)
        left = place.astype(np.intp)
        self.u = (place - left).astype(np.float32)[:, None]
        self.base, self.columns = pyramid.start[level] + left, columns
        self.rows, self.step = (
            np.asarray([s[0] for s in pyramid.shapes])[level],
            np.asarray(pyramid.row_step)[level],
        )
        self.clear = (cover * np.exp(-np.maximum(z - 15, 0) / 110)).astype(np.float32)[:, None]
        self.cover = cover.astype(np.float32)[:, None]
        self.beam: Array = np.zeros((len(z), 1), np.float32)

    def sample(self, travelled: float) -> Array:
        """Return the surface (pixels, channels) bilinearly, with haze; the last channel is coverage."""
        place = (self.z + travelled) / self.step - 0.5
        near = np.floor(place).astype(np.intp)
        v = (place - near).astype(np.float32)[:, None]
        a = self.base + near % self.rows * self.columns
        b = self.base + (near + 1) % self.rows * self.columns
        table, u = self.pyramid.table, self.u
        first: Array = table.take(a, 0)
        second: Array = table.take(b, 0)
        first += u * (table.take(a + 1, 0) - first)
        second += u * (table.take(b + 1, 0) - second)
        first += v * (second - first)
        coverage = first[:, 6:] * self.cover
        first[:, 6:] *= self.clear
        first[:, :6] *= self.clear
        first[:, :6] += (coverage - first[:, 6:]) * HAZE
        first[:, 6:] = coverage
        return first


@dataclass(frozen=True)
class House:
    """One front: from z0 to z1 along the street, so high, so coloured."""

    z0: float
    z1: float
    height: float
    colour: Array


PAINTS = f32(
    [
        [0.62, 0.54, 0.40],
        [0.45, 0.22, 0.15],
        [0.60, 0.41, 0.20],
        [0.48, 0.47, 0.45],
        [0.30, 0.38, 0.46],
        [0.68, 0.66, 0.60],
        [0.52, 0.30, 0.26],
        [0.42, 0.46, 0.36],
    ]
)
WARM = f32([[1.0, 0.72, 0.38], [1.0, 0.82, 0.55], [0.85, 0.92, 1.0], [1.0, 0.60, 0.28]])


def build_houses(rng: np.random.Generator) -> list[House]:
    """Return a row of adjoining houses that fills one period."""
    widths = rng.uniform(9, 16, 10)
    ends = np.round(np.cumsum(widths) / widths.sum() * PERIOD, 1)
    storeys = rng.permutation([2, 3, 3, 4, 4, 5, 3, 2, 4, 5])
    paints = rng.permutation(len(PAINTS))
    return [
        House(z0, z1, 4.4 + 3.1 * (n - 1), PAINTS[paints[k % len(PAINTS)]])
        for k, (z0, z1, n) in enumerate(zip([0.0, *ends[:-1]], ends, storeys, strict=True))
    ]


def paint_front(
    houses: list[House], side: int, rng: np.random.Generator
) -> tuple[Array, list[tuple[float, Array]]]:
    """Return the texture of one side's fronts (z, y, 7) and the lit shops as (z, colour)."""
    shape = (round(PERIOD / TEXEL), round(TALL / TEXEL))
    z, y = (np.arange(shape[0]) + 0.5) * TEXEL, (np.arange(shape[1]) + 0.5) * TEXEL
    albedo, emission = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 3), np.float32)
    alpha = np.zeros((*shape, 1), np.float32)
    grain, stain = fractal(shape, rng, 0.4), fractal(shape, rng, 1.3)
    shops: list[tuple[float, Array]] = []

    def box(array: Array, z0: float, z1: float, y0: float, y1: float, value: Array | float) -> None:
        array[round(z0 / TEXEL) : round(z1 / TEXEL), round(y0 / TEXEL) : round(y1 / TEXEL)] = value

    for house in houses:
        z0, z1, top = house.z0, house.z1, house.height
        rows, tall = slice(round(z0 / TEXEL), round(z1 / TEXEL)), round(top / TEXEL)
        texture = 1 + 0.07 * grain[rows, :tall] + 0.12 * stain[rows, :tall]
        if house.colour[0] > 1.8 * house.colour[1]:  # brick: courses, every second one shifted
            course = (y[:tall] / 0.3).astype(int)
            joint = ((y[:tall] % 0.3) < 0.06)[None] | (((z[rows, None] + 0.3 * course) % 0.6) < 0.06)
            texture = texture * np.where(joint, 1.35, 1.0)
        albedo[rows, :tall] = house.colour * texture[..., None]
        alpha[rows, :tall] = 1
        trim = np.clip(house.colour * 1.25 + 0.06, 0, 0.8)
        box(albedo, z0, z1, 0, 0.6, house.colour * 0.45)
        for line in np.arange(3.75, top - 1, 3.1):
            box(albedo, z0, z1, line, line + 0.2, trim)
        box(albedo, z0, z1, top - 0.55, top - 0.1, trim)
        box(albedo, z0, z1, top - 0.65, top - 0.55, house.colour * 0.4)
        box(albedo, z0, z0 + 0.15, 0, top, house.colour * 0.55)

        count = int((z1 - z0 - 0.8) // 2.3)
        pitch = (z1 - z0 - 0.6) / count
        for column in range(count):
            middle = z0 + 0.3 + (column + 0.5) * pitch
            for sill in np.arange(4.75, top - 1.9, 3.1):
                box(albedo, middle - 0.68, middle + 0.68, sill - 0.14, sill + 1.74, trim)
                glass = (middle - 0.55, middle + 0.55, sill, sill + 1.6)
                box(albedo, *glass, f32([0.045, 0.055, 0.07]) * rng.uniform(0.7, 1.6))
                if rng.random() < 0.22:
                    tone = WARM[rng.integers(len(WARM))] * rng.uniform(0.25, 1.0)
                    box(emission, *glass, tone)
                    box(emission, glass[0], glass[0] + 0.25, sill, sill + 1.6, tone * 0.5)
                    box(emission, glass[1] - 0.25, glass[1], sill, sill + 1.6, tone * 0.5)
                for array in (albedo, emission):
                    bar: Array | float = trim if array is albedo else 0.0
                    box(array, middle - 0.04, middle + 0.04, sill, sill + 1.6, bar)
                    box(array, middle - 0.55, middle + 0.55, sill + 1.05, sill + 1.12, bar)
        if rng.random() < 0.6:  # shops
            sign = f32(rng.permutation([0.5, 0.18, 0.08]))
            box(albedo, z0 + 0.4, z1 - 0.4, 2.95, 3.6, sign)
            lit = rng.random() < 0.6
            tone = WARM[rng.integers(3)] * rng.uniform(0.7, 1.6)
            if lit:
                box(emission, z0 + 0.8, z1 - 0.8, 3.12, 3.45, sign * 0.5)
                shops.append(((z0 + z1) / 2, tone))
            panes = max(2, int((z1 - z0) / 3))
            for pane in range(panes):
                left = z0 + 0.5 + pane * (z1 - z0 - 1.0) / panes
                right = left + (z1 - z0 - 1.0) / panes - 0.25
                box(albedo, left, right, 0.6, 2.85, f32([0.05, 0.06, 0.07]))
                if lit:
                    box(emission, left, right, 0.6, 2.85, tone * 0.55)
                    box(emission, left, right, 1.9, 2.85, tone * 0.85)
                    for thing in np.arange(left + 0.2, right - 0.4, 0.55):  # goods on display
                        height = 0.6 + rng.uniform(0.3, 1.2)
                        box(
                            emission,
                            thing,
                            thing + rng.uniform(0.2, 0.45),
                            0.6,
                            height,
                            tone * rng.uniform(0.08, 0.4),
                        )
        else:
            door = z0 + 0.3 + (count // 2 + 0.5) * pitch
            for column in range(count):
                middle = z0 + 0.3 + (column + 0.5) * pitch
                if abs(middle - door) < 0.1:
                    box(albedo, door - 0.75, door + 0.75, 0, 2.75, trim)
                    box(
                        albedo,
                        door - 0.6,
                        door + 0.6,
                        0,
                        2.6,
                        f32(rng.permutation([0.28, 0.12, 0.07])),
                    )
                    box(emission, door - 0.6, door + 0.6, 2.25, 2.6, f32([0.35, 0.25, 0.12]))
                else:
                    box(albedo, middle - 0.68, middle + 0.68, 1.0, 2.9, trim)
                    box(albedo, middle - 0.55, middle + 0.55, 1.12, 2.8, f32([0.05, 0.06, 0.075]))
    light = street_light(f32([[side * WALL]]), f32(y[None]), f32(z[:, None]), "road")
    return np.concatenate([surface(albedo, light, emission) * alpha, alpha], -1), shops


def paint_ground(shops: list[tuple[int, float, Array]], rng: np.random.Generator) -> Array:
    """Return the texture (z, x, 7) of road and pavements; ``shops`` are (side, z, colour) that light them."""
    shape = (round(PERIOD / TEXEL), round(2 * (WALL + 0.7) / TEXEL))
    z = f32((np.arange(shape[0]) + 0.5) * TEXEL)[:, None]
    x = f32((np.arange(shape[1]) + 0.5) * TEXEL - WALL - 0.7)[None]
    away = np.abs(x)
    grain, stain, vein = fractal(shape, rng, 0.3), fractal(shape, rng, 1.4), fractal(shape, rng, 1.6, 0.6)
    road = 0.115 * (1 + 0.16 * grain + 0.13 * stain)
    for lane in (-1.75, 1.75):
        for track in (-0.75, 0.75):
            road = road * (1 - 0.18 * np.exp(-(((x - lane - track) / 0.28) ** 2)))
    for _ in range(14):  # mended places
        at, side, size = rng.uniform(0, PERIOD), rng.uniform(-5, 4), rng.uniform(1.0, 4.0, 2)
        patch = (np.abs((z - at) % PERIOD) < size[0]) & (x > side) & (x < side + size[1] * 0.6)
        road = np.where(patch, road * rng.uniform(0.65, 0.85), road)
    road = np.where(np.abs(vein) < 0.012, road * 0.5, road)
    for _ in range(5):
        at, side = rng.uniform(0, PERIOD), rng.uniform(-3, 3)
        r = np.hypot((z - at) % PERIOD, x - side)
        road = np.where(r < 0.36, 0.05 + 0.04 * ((x * 9).astype(int) % 2), road)
    worn = np.clip(0.62 + 0.10 * stain + 0.08 * grain, 0.2, 0.8)
    dash = (away < 0.075) & (z % 8 < 3.2)
    edge = (away > 3.5) & (away < 3.6)
    zebra = (np.abs(z - 52) < 1.7) & (away < 3.5) & ((x + 16) % 1.0 < 0.5)
    road = np.where(dash | edge | zebra, worn, road)
    slab_z, slab_x = np.floor(z / 0.6).astype(int), np.floor(x / 0.6).astype(int)
    tone = rng.uniform(0.85, 1.15, (int(PERIOD / 0.6) + 2, 40))
    slabs = 0.27 * tone[slab_z, slab_x % 40] * (1 + 0.06 * grain + 0.08 * stain)
    slabs = np.where((z % 0.6 < 0.05) | (x % 0.6 < 0.05), slabs * 0.6, slabs)
    kerb = 0.36 * (1 + 0.05 * grain) * np.where(z % 1.2 < 0.05, 0.7, 1.0)
    gutter = 0.07 * (1 + 0.1 * grain)
    gray = np.where(away < 5.3, road, np.where(away < 5.6, gutter, np.where(away < 5.85, kerb, slabs)))
    albedo = f32(gray)[..., None] * f32([1.0, 0.98, 0.95])
    light = street_light(x, f32([[0.0]]), z, "up")
    for side, at, tone_of_shop in shops:
        dz = ((z - at + PERIOD / 2) % PERIOD - PERIOD / 2) / 4.0
        light += (0.9 * np.exp(-(dz**2) - ((x - side * WALL) / 2.6) ** 2))[..., None] * tone_of_shop
    return np.concatenate([surface(albedo, light), np.ones((*shape, 1), np.float32)], -1)


@dataclass(frozen=True)
class Actor:
    """A sprite at x, z metres ahead of the camera, in a light (six channels); ``glow`` names its `GLOWS`."""

    x: float
    z: float
    sprite: Sprite
    light: Array
    glow: str = ""


#: Lamps of an actor: x and y beside its foot, colour, and reach of the glow in metres.
GLOWS = {
    "lamp": [(0.0, LAMP_HEIGHT, (7.0, 5.2, 3.2), 0.9)],
    "head": [(-0.66, 0.6, (9.0, 8.6, 8.0), 0.5), (0.66, 0.6, (9.0, 8.6, 8.0), 0.5)],
    "tail": [(-0.66, 0.74, (1.6, 0.10, 0.06), 0.3), (0.66, 0.74, (1.6, 0.10, 0.06), 0.3)],
}


def own_beam(x: Array, z: Array) -> Array:
    """Return how bright our own low beam, which aims a little to the right, is at x and z ahead."""
    spread = (x - EYE[0] - 0.03 * z) / (1.3 + 0.16 * z)
    reach = np.exp(-(((z - 8) / 8) ** 2)) + 0.25 * np.exp(-(((z - 16) / 16) ** 2))
    return f32(BEAM * np.exp(-(spread**2)) * reach)


class Town:
    """All that does not depend on the picture's size: painted surfaces, sprites, and who stands where."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.houses = {side: build_houses(rng) for side in (-1, 1)}
        self.fronts, shops = {}, []
        for side in (-1, 1):
            texture, lit = paint_front(self.houses[side], side, rng)
            self.fronts[side] = Pyramid(texture)
            shops += [(side, z, colour) for z, colour in lit]
        self.ground = Pyramid(paint_ground(shops, rng))
        paints = f32(
            [
                [0.32, 0.03, 0.03],
                [0.05, 0.10, 0.28],
                [0.42, 0.42, 0.44],
                [0.60, 0.60, 0.58],
                [0.04, 0.04, 0.05],
            ]
        )
        coats = f32([[0.40, 0.07, 0.05], [0.08, 0.20, 0.32], [0.42, 0.33, 0.10]])
        self.rear = [sprites.car(paint, oncoming=False) for paint in paints]
        self.face = [sprites.car(paint, oncoming=True) for paint in paints[[2, 1, 3]]]
        self.parked = [sprites.car(paint, oncoming=False, lit=False) for paint in paints]
        self.trees = [sprites.tree(rng) for _ in range(2)]
        self.walkers = [[sprites.walker(k / 12, coat) for k in range(12)] for coat in coats]
        self.posts = {side: sprites.lamp_post(side, LAMP_HEIGHT) for side in (-1, 1)}
        spots = [(z, x) for x in (-4.45, 4.45) for z in np.arange(3.0, PERIOD - 4, 6.4)]
        keep = rng.random(len(spots)) < 0.45
        models = rng.integers(len(paints), size=len(spots))
        self.spots = [(z, x, m) for (z, x), k, m in zip(spots, keep, models, strict=True) if k]


@functools.lru_cache(maxsize=1)
def _town(seed: int) -> Town:
    """Return a town; the last one is kept, since building it takes as long as dozens of pictures."""
    return Town(seed)


class Street:
    """The street as seen at one picture size.

    Args:
        width, height: of the picture in pixels, at least 16.
        fps: frames a second.
        seed: another seed is another street: houses, colours, traffic.
    """

    SPEED = 8.0  # metres a second, of the camera

    def __init__(self, width: int = 640, height: int = 360, fps: float = 30.0, seed: int = 0) -> None:
        self.width, self.height, self.fps = width, height, fps
        self.focal = 0.85 * max(width, 1.2 * height)
        self.horizon = 0.50 * height
        self.town = _town(seed)
        self.sky = self._paint_sky(np.random.default_rng((seed, 2)))
        self._lay_out(self.town.fronts, self.town.ground)

    def _lay_out(self, fronts: dict[int, Pyramid], ground: Pyramid) -> None:
        """Find out which pixel sees which surface where."""
        row, column = np.mgrid[: self.height, : self.width].astype(np.float32) + f32(0.5)
        right = (column - self.width / 2) / self.focal
        down = (row - self.horizon) / self.focal
        with np.errstate(divide="ignore"):
            to_ground = np.where(down > 0, EYE[1] / down, np.inf)
            side = np.sign(right).astype(int)
            to_wall = (WALL - side * EYE[0]) / np.abs(right)
        # How much of a pixel is ground: both are equally far along the seam.
        seam = np.clip(0.5 + (down - EYE[1] * np.abs(right) / (WALL - side * EYE[0])) * self.focal, 0, 1)
        self.views: list[View] = []
        for which in (-1, 1):
            see = (side == which) & (seam < 1) & (to_wall < FAR)
            z, y = to_wall[see], EYE[1] - down[see] * to_wall[see]
            see[see] = y < TALL - 0.1
            z, y = to_wall[see], EYE[1] - down[see] * to_wall[see]
            footprint = z / (np.abs(right[see]) * self.focal)
            cover = (1 - seam[see]) * np.clip((FAR - z) / 40, 0, 1)
            self.views.append(View(fronts[which], np.flatnonzero(see), np.maximum(y, 0), z, footprint, cover))
        see = (seam > 0) & (to_ground < FAR)
        z = to_ground[see]
        x = EYE[0] + right[see] * z
        footprint = z / (down[see] * self.focal)
        cover = seam[see] * np.clip((FAR - z) / 40, 0, 1)
        self.views.append(View(ground, np.flatnonzero(see), x + WALL + 0.7, z, footprint, cover))
        self.ground_x, self.ground_z = x, z
        self._cast_beam()

    def _cast_beam(self) -> None:
        """Light what lies ahead with the low beam of our own car, which aims a little to the right."""
        for view, x in zip(self.views, (-WALL, WALL, self.ground_x), strict=True):
            view.beam = own_beam(np.asarray(x), view.z)[:, None]

    def _paint_sky(self, rng: np.random.Generator) -> Array:
        """Return what lies behind the street: sky, stars, the moon, and a skyline; (height, width, 6)."""
        row, column = np.mgrid[: self.height, : self.width].astype(np.float32)
        up = np.maximum(self.horizon - row, 0)[..., None] / self.focal
        glow = np.exp(-up / 0.10)
        night = f32([0.010, 0.014, 0.030]) + glow * f32([0.10, 0.075, 0.06])
        lit = f32([0.16, 0.22, 0.38]) + np.exp(-up / 0.22) * f32([0.40, 0.33, 0.26])
        sky = np.concatenate([night, lit], -1)
        count = self.width * self.height // 1500
        places = rng.integers(0, int(self.horizon * 0.8), count), rng.integers(0, self.width, count)
        stars = (rng.random((count, 1)) ** 4 * 0.9).astype(np.float32) * rng.uniform(0.8, 1, (count, 3))
        sky[places] += np.concatenate([stars, 0.35 * stars], -1)
        moon = np.hypot(column - 0.36 * self.width, row - 0.13 * self.height) / (0.016 * self.width)
        face = np.clip((1 - moon) * 0.016 * self.width + 0.5, 0, 1)[..., None]
        halo = np.exp(-((moon / 3.5) ** 1.2))[..., None] * f32([0.06, 0.06, 0.07] * 2)
        sky += halo + face * (f32([1.6, 1.55, 1.4, 0.93, 0.92, 0.86]) - sky)
        for scale, tone in ((0.11, 0.020), (0.07, 0.030)):
            left = 0.0
            while left < self.width:
                right = left + rng.uniform(0.015, 0.05) * self.width
                top = self.horizon - rng.uniform(0.3, 1.0) * scale * self.focal
                block = (column >= left) & (column < right) & (row >= top) & (row < self.horizon + 2)
                sky[block] = f32([tone, tone, 1.2 * tone, 0.24 + tone, 0.25 + tone, 0.32 + tone])
                windows = block & (row.astype(int) % 4 > 1) & ((column - left).astype(int) % 5 > 2)
                windows &= rng.random(windows.shape) < 0.25
                sky[windows] = f32([0.50, 0.37, 0.20, 0.62, 0.52, 0.38])
                left = right
        sky[int(self.horizon) + 1 :] = HAZE
        for axis in (0, 1):  # a lens blurs; a star on one photosite alone would look coloured
            sky = (np.roll(sky, 1, axis) + 2 * sky + np.roll(sky, -1, axis)) / 4
        return sky.astype(np.float32)

    def _actors(self, time: float) -> list[Actor]:
        """Return everything that stands upright ahead of the camera at a time in seconds, farthest first."""
        here = self.SPEED * time
        found: list[Actor] = []

        def place(slices: list[tuple[float, Sprite]], x: float, z: float, glow: str = "") -> None:
            if not 1.3 < z < 90:
                return
            night = _light_at(x, round((here + z) % PERIOD, 1))
            light = np.concatenate([night + own_beam(f32(x), f32(z)), even_out(night)])
            for k, (offset, sprite) in enumerate(slices):
                # A car far away needs few slices; trees have only three.
                if k % (1 + int(z / 7) ** 2) == 0 or len(slices) < 4:
                    found.append(Actor(x, z + offset, sprite, light, glow if k == 0 else ""))

        def ahead(z: float) -> float:
            return float((z - here - 1.2) % PERIOD + 1.2)

        for z, x in LAMPS:
            side = 1 if x > 0 else -1
            place(self.town.posts[side], x, ahead(z), "lamp")
            place(self.town.trees[int(z) % 3 % 2], -side * 6.7, ahead(z + 0.5))
        for z, x, model in self.town.spots:
            place(self.town.parked[model], x, ahead(z))
        place(self.town.rear[0], EYE[0], 15.0 + 1.5 * float(np.sin(0.8 * time)), "tail")
        for k, car in enumerate(self.town.face):
            place(car, -1.75, (ONCOMING[k] - CLOSING * time) % LOOP + 1.2, "head")
        for k, (x, z, pace) in enumerate(((6.2, 10.0, 1.3), (-6.1, 24.0, -1.2), (6.4, 36.0, -1.35))):
            steps = self.town.walkers[k]
            place([(0.0, steps[int(abs(pace) * time / 1.5 * 12 + 4 * k) % 12])], x, ahead(z + pace * time))
        return sorted(found, key=lambda actor: -actor.z)

    @staticmethod
    def passings(seconds: float) -> list[float]:
        """Return the moments, up to so many seconds, at which an oncoming car passes the camera."""
        laps = range(int(seconds * CLOSING / LOOP) + 1)
        times = [(start + lap * LOOP) / CLOSING for start in ONCOMING for lap in laps]
        return sorted(time for time in times if time <= seconds)

    def radiance(self, time: float) -> Array:
        """Return the scene at a time in seconds as (height, width, 6): radiance at night, and the truth's."""
        here = self.SPEED * time
        actors = self._actors(time)
        canvas = self.sky.copy()
        self._draw_gables(canvas, here)
        flat = canvas.reshape(-1, 6)
        for view in self.views:
            seen = view.sample(here)
            seen[:, :3] += seen[:, 3:6] * view.beam
            if view is self.views[2]:
                self._shine(seen, [a for a in actors if a.glow == "head"])
            flat[view.pixels] = flat[view.pixels] * (1 - seen[:, 6:]) + seen[:, :6]
        for actor in actors:
            self._draw(canvas, actor)
        return canvas

    def _shine(self, ground: Array, cars: list[Actor]) -> None:
        """Light the road before oncoming cars."""
        for car in cars:
            # Rows of the picture run from far to near, so the pixels between two distances are neighbours.
            first = np.searchsorted(-self.ground_z, -(car.z + 1))
            last = np.searchsorted(-self.ground_z, -max(car.z - 22, 0.0))
            x, z = self.ground_x[first:last], car.z - self.ground_z[first:last]
            pool = 1.6 * np.exp(-(((x - car.x) / (1.0 + 0.1 * z)) ** 2)) * np.exp(-(((z - 5) / 6.5) ** 2))
            ground[first:last, :3] += ground[first:last, 3:6] * f32(pool)[:, None]

    def _draw_gables(self, canvas: Array, here: float) -> None:
        """Draw the sides of houses that stand out above a lower neighbour; the fronts lack them."""
        for side, houses in self.town.houses.items():
            ends = [
                (far.z0, near.height, far)
                for near, far in zip([houses[-1], *houses[:-1]], houses, strict=True)
            ]
            for z, low, far in sorted(((z - here) % PERIOD, low, far) for z, low, far in ends)[::-1]:
                if far.height <= low or not 3 < z < FAR:
                    continue
                x = self.width / 2 + self.focal * (side * f32([WALL, WALL + 10]) - EYE[0]) / z
                y = self.horizon + self.focal * (EYE[1] - f32([far.height, low])) / z
                left, right = np.clip(np.rint(np.sort(x)), 0, self.width).astype(int)
                top, bottom = np.clip(np.rint(y), 0, self.height).astype(int)
                wall = surface(f32(far.colour * 0.8), 2.2 * AMBIENT)
                clear = f32(np.exp(-max(z - 15, 0) / 110))
                canvas[top:bottom, left:right] = HAZE + clear * (wall - HAZE)

    def _draw(self, canvas: Array, actor: Actor) -> None:
        """Draw a sprite where it stands, in the light that falls there, and the glow around its lamps."""
        scale = self.focal / actor.z
        middle = self.width / 2 + (actor.x - EYE[0]) * scale
        bottom = self.horizon + EYE[1] * scale
        x0, x1, y0, y1 = (v * scale for v in actor.sprite.bounds)
        clear = f32(np.exp(-max(actor.z - 15, 0) / 110))
        haze = np.append(HAZE, 1 - clear)
        actor.sprite.draw(canvas, middle + x0, middle + x1, bottom - y1, bottom - y0, actor.light, haze)
        for x, y, colour, reach in GLOWS.get(actor.glow, ()):
            self._glow(canvas, middle + x * scale, bottom - y * scale, reach * scale, clear * f32(colour))

    def _glow(self, canvas: Array, x: float, y: float, reach: float, colour: Array) -> None:
        """Add light scattered in the lens around a lamp at pixel (x, y)."""
        reach = max(reach, 3.0)
        top, bottom = (int(np.clip(v, 0, self.height)) for v in (y - 3 * reach, y + 3 * reach))
        left, right = (int(np.clip(v, 0, self.width)) for v in (x - 3 * reach, x + 3 * reach))
        if top >= bottom or left >= right:
            return
        row = f32(np.arange(top, bottom)[:, None] + 0.5 - y)
        column = f32(np.arange(left, right)[None] + 0.5 - x)
        square = (row * row + column * column) / f32(reach * reach)
        haze = np.maximum(1 / (1 + 14 * square) - f32(1 / 127), 0)[..., None]
        canvas[top:bottom, left:right] += haze * np.concatenate([colour, 0.15 * colour / (3 + colour)])

    def scene(self, frame: int) -> tuple[Array, Array]:
        """Return a frame by its number as (radiance at night, truth), each (height, width, 3), linear."""
        both = self.radiance(frame / self.fps)
        return both[..., :3], both[..., 3:]
