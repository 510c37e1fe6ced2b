"""Flat, upright things of the night street: cars (by slices), people, trees, lamps. See `.street`.

A sprite is an array (rows from the top down, columns, 7): albedo times alpha, alpha, emission. It is drawn
with shapes in metres, at `DENSITY` pixels a metre, around x = 0 with y = 0 on the ground.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DENSITY = 56.0
HALVINGS = 3  # of a sprite's size
GLASS = (0.03, 0.04, 0.05)
RUBBER = (0.02, 0.02, 0.02)


def f32(value: object) -> Array:
    """Return numbers as an array of float32, which all pictures here are made of."""
    return np.asarray(value, np.float32)


class Sprite:
    """A picture that shapes are painted into, and its ever coarser copies."""

    def __init__(self, width: float, height: float, density: float = DENSITY) -> None:
        self.width, self.height, self.density = width, height, density
        rows, columns = round(height * density), round(width * density)
        self.bounds = (0.0, 0.0, 0.0, 0.0)
        self.levels: list[Array] = [np.zeros((rows, columns, 7), np.float32)]
        self.x = f32((np.arange(columns) + 0.5) / density - width / 2)[None]
        self.y = f32(height - (np.arange(rows) + 0.5) / density)[:, None]

    def paint(self, mask: Array, colour: object = (0, 0, 0), glow: object = (0, 0, 0)) -> Sprite:
        """Cover what lies below ``mask`` (0..1) with a colour (albedo) and a glow (emission)."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows):
            window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            over = np.concatenate([np.asarray(colour, np.float32), [1], np.asarray(glow, np.float32)])
            part = self.levels[0][window]
            part += mask[window][..., None] * (over.astype(np.float32) - part)
        return self

    def box(self, x: float, y: float, half_width: float, half_height: float, round_: float = 0.03) -> Array:
        """Return the mask of a box with rounded corners around (x, y)."""
        dx, dy = np.abs(self.x - x) - half_width + round_, np.abs(self.y - y) - half_height + round_
        distance = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - round_
        return np.clip(0.5 - distance * self.density, 0, 1)

    def limb(self, x0: float, y0: float, x1: float, y1: float, radius: float) -> Array:
        """Return the mask of a capsule from (x0, y0) to (x1, y1)."""
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((self.x - x0) * dx + (self.y - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
        distance = np.hypot(self.x - x0 - along * dx, self.y - y0 - along * dy) - radius
        return np.clip(0.5 - distance * self.density, 0, 1)

    def trapezium(self, y0: float, y1: float, half0: float, half1: float) -> Array:
        """Return the mask between heights y0 and y1, half as wide as half0 below and half1 above."""
        share = np.clip((self.y - y0) / (y1 - y0), 0, 1)
        inside = np.minimum(
            half0 + share * (half1 - half0) - np.abs(self.x), np.minimum(self.y - y0, y1 - self.y)
        )
        return np.clip(0.5 + inside * self.density, 0, 1)

    def done(self) -> Sprite:
        """Cut off what is clear, and add the coarser levels; the sprite is finished.

        ``bounds`` then says what the picture covers, in metres: left, right, bottom, top.
        """
        image = self.levels[0]
        rows, columns = np.flatnonzero(image[..., 3].any(1)), np.flatnonzero(image[..., 3].any(0))
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        # A clear margin on all sides, and more at the top right, so that halving leaves no remainder.
        more_rows, more_columns = (-(n + 2) % (1 << HALVINGS) for n in image.shape[:2])
        image = np.pad(image, ((1 + more_rows, 1), (1, 1 + more_columns), (0, 0)))
        left = (columns[0] - 1) / self.density - self.width / 2
        bottom = self.height - (rows[-1] + 2) / self.density
        self.bounds = (
            left,
            left + image.shape[1] / self.density,
            bottom,
            bottom + image.shape[0] / self.density,
        )
        self.levels = [image]
        for _ in range(HALVINGS):
            image = (image[::2] + image[1::2]) / 2
            image = (image[:, ::2] + image[:, 1::2]) / 2
            self.levels.append(image)
        return self

    def draw(
        self, canvas: Array, x0: float, x1: float, y0: float, y1: float, light: Array, haze: Array
    ) -> None:
        """Draw the sprite from pixel (x0, y0) to (x1, y1) of a canvas (height, width, 6).

        Args:
            light: what falls on it, six channels as in `rtvideo.sample.street`.
            haze: six channels of what the air adds, and its share as the seventh.
        """
        height, width, _ = canvas.shape
        left, right = max(int(np.ceil(x0 - 0.5)), 0), min(int(np.ceil(x1 - 0.5)), width)
        top, bottom = max(int(np.ceil(y0 - 0.5)), 0), min(int(np.ceil(y1 - 0.5)), height)
        if left >= right or top >= bottom:
            return
        fine = self.levels[0].shape[1] / (x1 - x0)
        image = self.levels[int(np.clip(np.rint(np.log2(max(fine, 1e-3))), 0, len(self.levels) - 1))]
        emission = image[..., 4:]
        shaded = np.empty_like(image)
        shaded[..., :3] = image[..., :3] * light[:3] + emission
        shaded[..., 3:6] = image[..., :3] * light[3:] + emission / (2 + emission)
        shaded[..., 6] = image[..., 3]
        shaded[..., :6] += haze[6] * (image[..., 3:4] * haze[:6] - shaded[..., :6])
        lower, v = _places(np.arange(top, bottom), y0, y1, image.shape[0])
        strip = shaded[lower] + v[:, None, None] * (shaded[lower + 1] - shaded[lower])
        lower, u = _places(np.arange(left, right), x0, x1, image.shape[1])
        sample = strip[:, lower] + u[None, :, None] * (strip[:, lower + 1] - strip[:, lower])
        part = canvas[top:bottom, left:right]
        part *= 1 - sample[..., 6:]
        part += sample[..., :6]


def _places(pixels: Array, start: float, end: float, count: int) -> tuple[Array, Array]:
    """Return for each pixel the texel before its centre, and how far it lies towards the next."""
    place = np.clip((pixels + 0.5 - start) / (end - start) * count - 0.5, 0, count - 1.001)
    lower = place.astype(np.intp)
    return lower, f32(place - lower)


def car(colour: Array, oncoming: bool, lit: bool = True) -> list[tuple[float, Sprite]]:
    """Return a car's slices as (metres behind its near end, sprite), the near end facing the camera."""
    length, slices = 4.2, 18
    return [
        (s * length, _car_slice(colour, s if not oncoming else 1 - s, k == 0, oncoming, lit))
        for k, s in enumerate(np.linspace(0, 1, slices))
    ]


def _car_slice(colour: Array, s: float, near: bool, oncoming: bool, lit: bool) -> Sprite:
    """Return the slice at ``s`` (0 rear, 1 front) of a car; the near one carries lamps and plate."""
    sprite = Sprite(2.1, 1.55)
    roof = float(np.interp(s, [0, 0.06, 0.2, 0.52, 0.68, 1], [0.98, 1.1, 1.46, 1.44, 0.98, 0.74]))
    half = float(np.interp(s, [0, 0.08, 0.9, 1], [0.82, 0.88, 0.88, 0.80]))
    wheel = min(abs(s - 0.19), abs(s - 0.82)) < 0.075
    sprite.paint(sprite.box(0, 0.32, half - 0.1, 0.12), (0.015, 0.015, 0.015))
    if wheel:
        for x in (-half + 0.13, half - 0.13):
            sprite.paint(sprite.box(x, 0.31, 0.13, 0.31, 0.06), RUBBER)
    belt = min(roof, 0.92)
    sprite.paint(sprite.trapezium(0.3, belt, half - 0.04, half), colour * (0.85 if not wheel else 0.6))
    if roof > 0.95:
        sprite.paint(sprite.trapezium(belt - 0.02, roof, half - 0.03, half - 0.2), GLASS)
        if 0.2 < s < 0.55:
            sprite.paint(sprite.box(0, roof - 0.04, half - 0.24, 0.045), colour)
        if min(abs(s - 0.2), abs(s - 0.36), abs(s - 0.52)) < 0.04:
            sprite.paint(sprite.trapezium(belt - 0.02, roof, half - 0.03, half - 0.2), colour * 0.8)
            sprite.paint(sprite.trapezium(belt + 0.02, roof - 0.09, half - 0.13, half - 0.27), GLASS)
    if near and not oncoming:
        sprite.paint(sprite.box(0, 0.42, half, 0.13, 0.05), colour * 0.55)
        sprite.paint(
            sprite.box(0, 0.66, 0.26, 0.055, 0.01), (0.62, 0.62, 0.52), f32([0.10, 0.10, 0.08]) * lit
        )
        for x in (-half + 0.17, half - 0.17):
            sprite.paint(
                sprite.box(x, 0.74, 0.15, 0.085, 0.03),
                (0.40, 0.03, 0.02),
                f32([1.9, 0.09, 0.05]) * lit,
            )
            sprite.paint(
                sprite.box(x * 1.04, 0.74, 0.06, 0.05, 0.02),
                (0.5, 0.2, 0.1),
                f32([3.6, 0.5, 0.3]) * lit,
            )
    if near and oncoming:
        sprite.paint(sprite.box(0, 0.38, half - 0.12, 0.09, 0.04), (0.03, 0.03, 0.03))
        sprite.paint(sprite.box(0, 0.55, 0.34, 0.06, 0.02), (0.08, 0.08, 0.08))
        for x in (-half + 0.2, half - 0.2):
            sprite.paint(sprite.box(x, 0.6, 0.15, 0.085, 0.05), (0.5, 0.5, 0.5), (26, 25, 22))
    return sprite.done()


def walker(phase: float, coat: Array) -> Sprite:
    """Return a person in mid-stride; ``phase`` runs through 0..1 in two steps."""
    sprite = Sprite(0.9, 1.85)
    swing = np.sin(2 * np.pi * phase)
    legs, skin, hair = f32([0.06, 0.07, 0.10]), (0.42, 0.27, 0.19), (0.05, 0.035, 0.025)
    for side in (-1.0, 1.0):
        knee, foot = side * swing * 0.10, side * swing * 0.20
        lift = max(0.0, -side * np.cos(2 * np.pi * phase)) * 0.08
        sprite.paint(sprite.limb(side * 0.07, 0.85, side * 0.07 + knee * 0.5, 0.46, 0.085), legs)
        sprite.paint(
            sprite.limb(side * 0.07 + knee * 0.5, 0.46, side * 0.07 + foot * 0.4, 0.08 + lift, 0.065), legs
        )
        sprite.paint(sprite.box(side * 0.07 + foot * 0.4, 0.05 + lift, 0.07, 0.05, 0.03), (0.03, 0.02, 0.02))
    for side in (-1.0, 1.0):
        hand = side * 0.27 - side * swing * 0.05
        sprite.paint(sprite.limb(side * 0.21, 1.38, hand, 0.92 + 0.05 * abs(swing), 0.06), coat * 0.8)
        sprite.paint(sprite.limb(hand, 0.90, hand, 0.86, 0.045), skin)
    sprite.paint(sprite.trapezium(0.72, 1.46, 0.23, 0.20), coat)
    sprite.paint(sprite.limb(-0.12, 1.42, 0.12, 1.42, 0.08), coat)
    sprite.paint(sprite.limb(0, 1.42, 0, 1.55, 0.055), skin)
    sprite.paint(sprite.limb(0, 1.64, 0, 1.69, 0.10), skin)
    sprite.paint(sprite.limb(0, 1.69, 0, 1.73, 0.11), hair)
    return sprite.done()


def tree(rng: np.random.Generator) -> list[tuple[float, Sprite]]:
    """Return a small street tree: trunk and three layers of leaves."""
    layers = []
    for offset in (0.0, 0.45, 0.9):
        sprite = Sprite(4.0, 5.6, 30.0)
        if offset == 0.45:
            sprite.paint(sprite.limb(0, 0, 0.06, 3.0, 0.10), (0.13, 0.09, 0.06))
            sprite.paint(sprite.limb(0.04, 2.3, -0.7, 3.6, 0.05), (0.12, 0.085, 0.055))
            sprite.paint(sprite.limb(0.04, 2.5, 0.75, 3.8, 0.05), (0.12, 0.085, 0.055))
        for _ in range(130):
            angle, r = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
            x, y = 1.45 * r * np.cos(angle), 3.85 + 1.35 * r * np.sin(angle)
            tone = rng.uniform(0.55, 1.3) * (0.75 + 0.25 * (y - 2.5) / 2.7)
            leaf = f32([0.10, 0.17, 0.045]) * tone
            size = rng.uniform(0.09, 0.2)
            sprite.paint(
                sprite.limb(x, y, x + rng.uniform(-0.1, 0.1), y + rng.uniform(-0.1, 0.1), size), leaf
            )
        layers.append((offset, sprite.done()))
    return layers


def lamp_post(side: float, height: float) -> list[tuple[float, Sprite]]:
    """Return a lamp whose arm reaches over the road, with its head at x = 0: first the arm, then the post."""
    arm, post = Sprite(3.2, height + 0.4), Sprite(3.2, height + 0.4)
    steel, foot = (0.16, 0.18, 0.17), side * 1.3
    post.paint(post.limb(foot, 0, foot, height + 0.1, 0.055), steel)
    post.paint(post.limb(foot, 0, foot, 1.0, 0.09), steel)
    arm.paint(arm.limb(foot, height + 0.1, side * 0.1, height + 0.2, 0.04), steel)
    arm.paint(arm.box(0, height + 0.12, 0.34, 0.07, 0.05), steel)
    arm.paint(arm.box(0, height + 0.05, 0.26, 0.045, 0.03), (0.6, 0.6, 0.6), (24, 19, 13))
    return [(0.0, arm.done()), (0.0, post.done())]
