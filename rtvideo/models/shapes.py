"""The weights of a description: their names, shapes and multiply-adds."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from rtvideo.models.description import HALF_SIZE, STATISTICS, Description, Genotype

#: A cell's attribute for each edge of a genotype.
EDGES = {"d1": "c1_d", "r1": "c1_r", "d2": "c2_d", "r2": "c2_r", "d3": "c3_d", "r3": "c3_r", "c4": "c4"}

Shape = tuple[int, ...]


def shapes(description: Description) -> dict[str, Shape]:
    """Return name -> shape of every weight; convolutions are (out, in, height, width)."""
    found: dict[str, Shape] = {}
    illumination, noise = description.illumination, description.noise
    for k in range(len(illumination.scales)):
        found.update(_cell(f"illumination.cells.{k}", illumination.genotype, 3))
    if illumination.exposure == "statistics":
        found["illumination.exposure.weight"] = (3, len(STATISTICS))
        found["illumination.exposure.bias"] = (3,)
    elif illumination.mix:
        found["illumination.mix_logit"] = ()
    if illumination.chroma_floor:
        found["illumination.chroma_knee"] = ()
    if illumination.rolloff:
        found["illumination.rolloff_knee"] = ()
    if noise is not None:
        colours = 3 if noise.scale == 1 else HALF_SIZE
        found["noise.stem.weight"] = (noise.channels, colours, 3, 3)
        found["noise.stem.bias"] = (noise.channels,)
        for k in range(noise.stages):
            found.update(_cell(f"noise.cells.{k}", noise.genotype, noise.channels))
        found["noise.head.weight"] = (colours, noise.channels, 3, 3)
        found["noise.head.bias"] = (colours,)
    return found


def multiply_adds(description: Description) -> tuple[float, float]:
    """Return multiply-adds a pixel of the picture, of illumination and of noise removal (0 without one).

    Convolutions alone count; what runs at scale ``s`` has ``s * s`` times fewer pixels.
    """
    sizes = {name: prod(shape) for name, shape in shapes(description).items() if len(shape) == 4}
    scales = description.illumination.scales
    illumination = sum(
        size / scales[int(name.split(".")[2])] ** 2
        for name, size in sizes.items()
        if name.startswith("illumination.")
    )
    noise = description.noise
    if noise is None:
        return illumination, 0.0
    # Equation 3 applies stem and head at each stage.
    repeats = noise.stages if noise.parameterisation == "equation3" else 1
    removal = sum(
        size * (1 if ".cells." in name else repeats)
        for name, size in sizes.items()
        if name.startswith("noise.")
    )
    return illumination, removal / noise.scale**2


def _cell(prefix: str, genotype: Genotype, channels: int) -> Iterator[tuple[str, Shape]]:
    for edge, attribute in EDGES.items():
        operation = getattr(genotype, edge)
        if operation != "skip":
            kernel = 1 if operation.endswith("1") else 3
            yield f"{prefix}.{attribute}.op.weight", (channels, channels, kernel, kernel)
            yield f"{prefix}.{attribute}.op.bias", (channels,)
    yield f"{prefix}.c5.weight", (channels, 4 * channels, 1, 1)
    yield f"{prefix}.c5.bias", (channels,)
