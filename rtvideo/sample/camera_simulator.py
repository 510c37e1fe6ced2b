"""A night camera: what a sensor and an encoder make of a scene that is too dark for them. NumPy only.

The sensor follows the Poisson-Gaussian model of Foi et al., "Practical Poissonian-Gaussian noise modeling and
fitting for single-image raw-data" (IEEE TIP 2008), with the row noise and the fixed pattern that Wei et al.,
"A physics-based noise formation model for extreme low-light raw denoising" (ELD, CVPR 2020), found to matter
in the dark. Noise is drawn on the Bayer mosaic, since demosaicing is what makes it coarse and coloured.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Linear = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A sensor, how it is set, and the processing behind it. The defaults are a dash-cam at night.

    Attributes:
        exposure: level that scene radiance 1 reaches, as a share of full scale. 1 is a well lit photograph.
        electrons: photo-electrons a pixel at full scale. Falls as ISO rises; 2,000: a small sensor, ISO 1600.
        read_noise: electrons RMS, of every read-out of a pixel.
        row_noise: electrons RMS, one draw a row and frame: banding.
        dark_pattern: electrons RMS of each pixel's own offset, the same in all frames.
        gain_pattern: RMS share by which pixels differ in sensitivity, the same in all frames.
        white_balance: factors on red, green and blue that the camera failed to correct.
        black: electrons that are taken off as black level beyond the true one; positive crushes the shadows.
        bits: of the analogue-to-digital converter.
        bayer: sample one colour a pixel (RGGB) and interpolate; False gives every pixel three clean samples.
        transfer: ``srgb`` (photographs) or ``bt709`` (video cameras; darker near black).
        pattern_seed: of the two fixed patterns, so that one camera has one pattern.
    """

    exposure: float = 0.1
    electrons: float = 2000.0
    read_noise: float = 1.6
    row_noise: float = 0.15
    dark_pattern: float = 0.3
    gain_pattern: float = 0.006
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    black: float = 0.0
    bits: int = 12
    bayer: bool = True
    transfer: Literal["srgb", "bt709"] = "srgb"
    pattern_seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that no camera has.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        for name in ("exposure", "electrons"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} {getattr(self, name)}: must be above 0")
        for name in ("read_noise", "row_noise", "dark_pattern", "gain_pattern"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} {getattr(self, name)}: must be 0 or more")
        if not 8 <= self.bits <= 16:
            raise ValueError(f"bits {self.bits}: must be 8 to 16")


def random_camera(rng: np.random.Generator) -> Camera:
    """Return a camera as training should meet them: from dusk to near black, from clean to very noisy."""
    return Camera(
        exposure=float(np.exp(rng.uniform(np.log(0.015), np.log(0.4)))),
        electrons=float(np.exp(rng.uniform(np.log(700.0), np.log(12000.0)))),
        read_noise=float(rng.uniform(0.5, 3.0)),
        row_noise=float(rng.uniform(0.0, 0.4)),
        dark_pattern=float(rng.uniform(0.0, 0.6)),
        gain_pattern=float(rng.uniform(0.0, 0.01)),
        white_balance=(float(rng.uniform(0.85, 1.15)), 1.0, float(rng.uniform(0.85, 1.15))),
        black=float(rng.uniform(-0.5, 1.5)),
        transfer="srgb" if rng.random() < 0.5 else "bt709",
        pattern_seed=int(rng.integers(1 << 31)),
    )


def metered(scene: Linear, level: float) -> float:
    """Return the exposure at which the mean of what is recorded is ``level``, a share of full scale.

    Lights count as full scale, as on a sensor; the sensor's noise does not.
    """
    light = scene[::4, ::4].max(axis=2)
    low, high = np.log(level / max(float(light.max()), 1e-6)), np.log(1e6)
    for _ in range(24):
        middle = (low + high) / 2
        dark = np.minimum(light * np.exp(middle), 1).mean() < level
        low, high = (middle, high) if dark else (low, middle)
    return float(np.exp(low))


def to_linear(image: Image) -> Linear:
    """Return the linear light, 0..1, of an 8-bit sRGB image (IEC 61966-2-1); any shape."""
    code = np.arange(256, dtype=np.float32) / 255
    table = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[image]


def from_linear(linear: Linear, transfer: Literal["srgb", "bt709"] = "srgb", bits: int = 12) -> Image:
    """Return linear light, clipped to 0..1, in 8 bits, by a table of ``bits`` as camera processors do."""
    top = (1 << bits) - 1
    x = np.arange(top + 1) / top
    if transfer == "srgb":
        y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    else:
        y = np.where(x < 0.018, 4.5 * x, 1.099 * x**0.45 - 0.099)
    table: Image = np.rint(255 * y).astype(np.uint8)
    codes: Image = table[np.rint(np.clip(linear, 0, 1) * np.float32(top)).astype(np.uint16)]
    return codes


def capture(scene: Linear, rng: np.random.Generator, camera: Camera) -> Image:
    """Photograph a scene.

    Args:
        scene: radiance as (H, W, 3), linear, 1 is white in good light; values above 1 are light sources.
        rng: the noise that changes from frame to frame comes from here.
        camera: see `Camera`.

    Returns:
        The picture (H, W, 3) in 8 bits, before any compression.
    """
    height = scene.shape[0]
    light = scene * np.float32(camera.exposure * camera.electrons)
    light = light * np.asarray(camera.white_balance, np.float32)
    if camera.bayer:
        light = _mosaic(light)
    shape = light.shape
    gain, dark = _patterns(camera.pattern_seed, shape)
    sensitivity, offset = 1 + camera.gain_pattern * gain, camera.dark_pattern * dark
    rows = camera.row_noise * rng.standard_normal((height, *(1,) * (len(shape) - 1)), np.float32)
    # Above full scale all is white anyway, and Poisson draws of huge means are slow.
    raw = rng.poisson(np.clip(light * sensitivity, 0, 4 * camera.electrons)).astype(np.float32)
    raw += (
        camera.read_noise * rng.standard_normal(shape, np.float32) + rows + offset - np.float32(camera.black)
    )
    step = np.float32(camera.electrons / ((1 << camera.bits) - 1))
    # Negative codes survive until after demosaicing (sensors sit on a pedestal), else noise would lift black.
    raw = np.minimum(np.rint(raw / step) * step, camera.electrons) / np.float32(camera.electrons)
    return from_linear(_demosaic(raw) if camera.bayer else raw, camera.transfer, camera.bits)


def encode_decode(frames: Sequence[Image], crf: float = 26.0, preset: str = "veryfast") -> list[Image]:
    """Send frames through H.264 (8 bit, 4:2:0, BT.709) and back.

    Args:
        frames: (H, W, 3) RGB, all of one size, any size from 1x1: odd edges are replicated and cropped again.
        crf: quality of x264, 0 (lossless in YUV) to 51.
        preset: speed of x264; fast ones leave more blocks, as cameras do.

    Returns:
        As many frames, of the same size.
    """
    from rtvideo.sample import encoder  # FFmpeg, which a camera alone does not need

    if not frames:
        return []
    height, width, _ = frames[0].shape
    # Cameras have no time for macroblock trees, and x264's differ now and then between two equal runs.
    options = {"crf": f"{crf:g}", "preset": preset, "bframes": "0", "x264-params": "mbtree=0"}
    return [encoder.rgb(frame)[:height, :width] for frame in encoder.through(frames, options)]


def darken(
    lit: Image,
    rng: np.random.Generator,
    camera: Camera | None = None,
    *,
    crf: float | None = None,
    burst: int = 3,
) -> Image:
    """Return a lit photograph as a night camera's video would show it: dark, noisy, compressed.

    Args:
        lit: sRGB photograph (H, W, 3) in 8 bits, the truth of the pair.
        rng: decides camera, noise and compression, where they are not given.
        camera: None draws one with `random_camera`.
        crf: None draws 18 to 34.
        burst: length of the clip that is encoded; its last frame is returned. A lone frame would be an intra
            frame, and most frames of a video are not.
    """
    camera = camera or random_camera(rng)
    crf = float(rng.uniform(18, 34)) if crf is None else crf
    scene = to_linear(lit)
    return encode_decode([capture(scene, rng, camera) for _ in range(burst)], crf)[-1]


@functools.lru_cache(maxsize=2)
def _patterns(seed: int, shape: tuple[int, ...]) -> tuple[Linear, Linear]:
    """Return the two fixed patterns at deviation 1; kept, since all frames of a clip share them."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape, np.float32), rng.standard_normal(shape, np.float32)


def _mosaic(light: Linear) -> Linear:
    """Return one sample a pixel, (H, W), of the RGGB pattern."""
    raw = light[..., 1].copy()
    raw[::2, ::2] = light[::2, ::2, 0]
    raw[1::2, 1::2] = light[1::2, 1::2, 2]
    return raw


def _demosaic(raw: Linear) -> Linear:
    """Return (H, W, 3) of an RGGB mosaic: convolution with the kernel (1 2 1)x(1 2 1), normalised."""
    red, blue = np.zeros_like(raw), np.zeros_like(raw)
    red[::2, ::2] = 1
    blue[1::2, 1::2] = 1
    planes = []
    for mask in (red, 1 - red - blue, blue):
        weight = _smooth(mask)
        # A picture one pixel high has no blue sample at all.
        planes.append(_smooth(raw * mask) / np.maximum(weight, 1e-6) if mask.any() else raw)
    return np.stack(planes, -1)


def _smooth(plane: Linear) -> Linear:
    """Return the plane under (1 2 1)x(1 2 1) / 16, zero outside."""
    p = np.pad(plane, ((1, 1), (0, 0)))
    p = p[:-2] + 2 * p[1:-1] + p[2:]
    p = np.pad(p, ((0, 0), (1, 1)))
    smooth: Linear = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / np.float32(16)
    return smooth
