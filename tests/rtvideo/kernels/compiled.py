"""Kernels for tests, compiled once, beside the torch network that they are held against."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import pytest
import torch

from model.ruas import RUAS
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.library import CpuNetwork, Library
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import float_format
from rtvideo.models.description import OPERATIONS, Description, Genotype, Illumination, Noise
from tests.helpers import networks

Image = np.ndarray[Any, Any]


def anything(seed: int) -> Description:
    """A random description from the whole space that descriptions allow."""
    pick = random.Random(seed)

    def genotype() -> Genotype:
        return Genotype(*(pick.choice(OPERATIONS) for _ in Genotype._fields))

    if pick.random() < 0.5:
        light = Illumination(
            genotype=genotype(),
            scales=(1,) * pick.choice((1, 2, 3)),
            parameterisation=pick.choice(("equation2", "released")),
            warm_start=pick.choice(("fixed", "updated", "residual", "previous")),
            window=pick.choice(("2x2", "3x3")),
            gamma=pick.choice((0.3, 1.0)),
            t_min=0.05,
        )
    else:
        upsampling, channels = pick.choice(("bilinear", "guided")), pick.choice(("each", "shared"))
        means = channels == "shared" and upsampling == "bilinear" and pick.random() < 0.5
        light = Illumination(
            genotype=genotype(),
            scales=tuple(pick.choice((2, 4, 8, 16)) for _ in range(pick.choice((1, 2, 3)))),
            upsampling=upsampling,
            warm_start=pick.choice(("fixed", "previous")),
            window=pick.choice(("2x2", "3x3")),
            domain="log",
            exposure=pick.choice(("none", "mean", "statistics")),
            channels=channels,
            own="mean" if means else "maximum",
            mix=pick.random() < 0.5,
            floor=0.01,
            chroma_floor=pick.random() < 0.5,
        )
    noise = Noise(
        genotype=genotype(),
        stages=pick.choice((1, 2)),
        channels=pick.choice((3, 4, 6, 7)),
        parameterisation=pick.choice(("equation3", "released")),
        guide=pick.choice(("none", "gain")),
        scale=pick.choice((1, 2)),
    )
    return Description(name=f"random{seed}", illumination=light, noise=noise)


class Compiled:
    """A description compiled for an instruction set, and its reference."""

    def __init__(self, description: Description, instructions: str = "") -> None:
        found = [i for i in isa.usable() if (i.name == instructions if instructions else not i.packed_dtype)]
        if not found:
            pytest.skip(f"this machine has no {instructions}")
        self.description = description
        weights = networks.weights(description)
        if found[0].packed_dtype:  # what training makes of it: noise is small beside the image
            weights = {k: v * np.float32(0.2) if "noise.head" in k else v for k, v in weights.items()}
        program = lower(description, weights, packed=bool(found[0].packed_dtype))
        self.weights = program.data()
        self.library = Library(build.library(emit(program), found[0]))
        self.net = RUAS(description).double()
        self.net.load_state_dict({k: torch.from_numpy(np.array(v)).double() for k, v in weights.items()})

    def run(
        self, y: Image, strength: float, denoise: float, threads: int = 1, brightness: float = 0.0
    ) -> Image:
        """What the kernel makes of (3, H, W) float32 RGB."""
        out = np.full_like(y, np.nan)
        network = CpuNetwork(self.library, self.weights, y.shape[2], y.shape[1], float_format(), threads)
        network.run(list(y), list(out), strength, denoise, brightness=brightness)
        network.close()
        return out

    def reference(self, y: Image, strength: float, denoise: float, brightness: float = 0.0) -> Image:
        """The same in double precision."""
        image = torch.from_numpy(y.astype(np.float64))[None]
        with torch.no_grad():
            if denoise == 0:
                return self.net.illumination(image, strength, brightness).u[0].numpy()
            return self.net(image, strength, denoise, brightness)[0].numpy()


@functools.cache
def compiled(description: Description, instructions: str = "") -> Compiled:
    if not build.compilers():
        pytest.skip("no compiler: pip install ziglang")
    return Compiled(description, instructions)


def picture(height: int, width: int, seed: int) -> Image:
    """Dark, with light and dark places and noise: what makes the illumination vary."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, 4, 5)) ** 2)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0].numpy()
    noisy = smooth * rng.choice([0.2, 0.6, 1.0]) + 0.05 * rng.random((3, height, width))
    return np.asarray(noisy.clip(0, 1), np.float32)
