"""Small untrained networks, and stores of them on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from rtvideo.models.description import Description, Genotype, Illumination, Noise
from rtvideo.models.shapes import shapes

IEM = Genotype("skip", "resconv1", "resdil3", "conv3", "conv3", "skip", "conv3")
NRM = Genotype("resconv1", "dil3", "conv1", "skip", "resconv3", "resconv1", "skip")

#: Coarse, in the log domain, with everything that the log domain offers.
NIGHT = Description(
    name="night",
    illumination=Illumination(
        genotype=IEM,
        scales=(8, 8, 4),
        domain="log",
        warm_start="previous",
        exposure="statistics",
        channels="shared",
        mix=True,
        floor=1 / 255,
        signal_floor=2 / 255,
        chroma_floor=True,
        rolloff=True,
        fade=(0.1, 0.9),
        fade_grey=(0.05, 0.6),
    ),
    noise=Noise(genotype=NRM, stages=2, guide="gain"),
)

#: The paper's own form.
RUAS = Description(name="ruas", illumination=Illumination(genotype=IEM), noise=Noise(genotype=NRM, stages=1))

RELEASED = Description(
    name="released",
    illumination=Illumination(genotype=IEM, parameterisation="released", window="2x2"),
    noise=Noise(genotype=NRM, parameterisation="released"),
)

#: Noise is removed from blocks of 2x2 pixels.
HALF = dataclasses.replace(
    NIGHT, name="half", noise=Noise(genotype=NRM, stages=1, channels=8, scale=2, guide="gain")
)

HALF_RELEASED = dataclasses.replace(
    RELEASED, name="half released", noise=dataclasses.replace(RELEASED.noise, stages=2, channels=5, scale=2)
)

FINE = Description(
    name="fine",
    illumination=Illumination(
        genotype=NRM,
        scales=(16, 4, 1),
        domain="log",
        warm_start="fixed",
        exposure="mean",
        mix=True,
        floor=0.01,
        window="2x2",
    ),
)

GUIDED = dataclasses.replace(
    FINE,
    name="guided",
    illumination=dataclasses.replace(
        NIGHT.illumination,
        channels="each",
        upsampling="guided",
        scales=(8, 2),
        exposure="mean",
        rolloff=False,
    ),
)

ALL = [
    NIGHT,
    RUAS,
    RELEASED,
    HALF,
    HALF_RELEASED,
    FINE,
    GUIDED,
    dataclasses.replace(
        RUAS,
        name="updated",
        noise=None,
        illumination=dataclasses.replace(RUAS.illumination, warm_start="updated"),
    ),
    dataclasses.replace(
        RUAS,
        name="fixed",
        noise=None,
        illumination=dataclasses.replace(RUAS.illumination, warm_start="fixed"),
    ),
    dataclasses.replace(
        NIGHT,
        name="bare",
        noise=None,
        illumination=dataclasses.replace(NIGHT.illumination, exposure="none", own="mean", rolloff=False),
    ),
]


def weights(description: Description, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights that leave every part of the network something to do."""
    rng = np.random.default_rng(seed)
    found = {k: rng.normal(0, 0.12, s).astype(np.float32) for k, s in shapes(description).items()}
    if "illumination.chroma_knee" in found:
        found["illumination.chroma_knee"] = np.float32(np.log(0.03)).reshape(())
    return found


def store(folder: Path, description: Description, seed: int = 0) -> Path:
    """Write what an export writes, without its checks, and return the description's path."""
    from export.onnx.network import build

    values = weights(description, seed)
    for denoise in (False, True) if description.noise else (False,):
        model = build(description, values, denoise=denoise, card='{"seed": 0}')
        variant = "iem+nrm" if denoise else "iem"
        (folder / f"{description.name}.{variant}.onnx").write_bytes(model.SerializeToString())
    path = folder / f"{description.name}.json"
    path.write_text(description.to_json())
    return path
