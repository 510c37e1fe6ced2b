"""How much noise a picture has, seen in the picture itself, and how much of noise removal it needs.

The noise of a block is the mean size of what the mask of Immerkaer (Fast Noise Variance Estimation, 1996)
leaves of it: slopes vanish in it, texture does not. So that of a picture is a low quantile over its blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK = 8
#: Rows of blocks that are looked at, at most.
_ROWS = 64
#: Mean codes of blocks that are clipped neither at black nor at white.
_LOW, _HIGH = 2, 240
#: Blocks that a judgement needs, and the quantile of them that is believed.
_ENOUGH, _QUIET = 50, 0.1
#: Codes. A block with less is constant: an encoder took its noise away, and may have left blocks instead.
_CONSTANT, _CONSTANT_SHARE = 0.05, 0.3
#: Codes from which on all of noise removal is needed, and the least share of it: chosen on the training
#: folders of LOL and SICE.
_NOISY, _LEAST = 0.75, 0.3
#: The quiet blocks' noise for that of half of them, where there is none but texture, and where there is
#: little but noise: that is in all blocks alike, texture is not. It counts from so many codes on.
_UNLIKE, _ALIKE, _SEEN = 0.4, 0.7, 0.15
#: For frames of video. What an encoder left is no more than half noise in its quietest blocks, so others are
#: believed; from some constant blocks to more of them, all of noise removal acts. The least share was chosen
#: on darkened free photographs and panoramas, from the sensor and by H.264.
_QUIET_OF_VIDEO, _SOME_CONSTANT, _MORE_CONSTANT, _LEAST_OF_VIDEO = 0.25, 0.02, 0.1, 0.5

#: The light brings a dark frame's luma to about so many codes above black, and with it the rounding of codes:
#: what of that needs no noise removal, and what needs all. Chosen likewise.
_LIT, _FINE, _COARSE = 85.0, 0.3, 2.1
_ROUNDED = 12**-0.5  # of a step, the deviation that rounding makes

_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Blocks:
    """The blocks of a picture that were looked at.

    Attributes:
        means: of luma, in codes of 8 bits, of all of them.
        noise: in codes, of those that are clipped neither at black nor at white.
    """

    means: npt.NDArray[np.float32]
    noise: npt.NDArray[np.float32]

    @property
    def tell(self) -> bool:
        """Whether there are enough of them."""
        return len(self.noise) >= _ENOUGH

    def constant(self) -> float:
        """Return the share of those without noise."""
        return float(np.mean(self.noise < _CONSTANT))

    def need(self, quiet: float, least: float) -> float:
        """Return how much of noise removal they need, at least so much, by so low a quantile of them."""
        low, half = np.quantile(self.noise, (quiet, 0.5))
        alike = (low / half - _UNLIKE) / (_ALIKE - _UNLIKE) if half else 0.0
        alike *= min(max((low - _CONSTANT) / (_SEEN - _CONSTANT), 0.0), 1.0)
        return float(np.clip(max(low / _NOISY, alike), least, 1.0))


def denoise_for(pixels: Pixels, *, lossless: bool) -> float:
    """Return how much of noise removal a photograph needs, 0.3 to 1; all of it where that cannot be told.

    Args:
        pixels: (h, w) or (h, w, 3) RGB, uint8 or uint16 over their full range.
        lossless: no encoder smoothed it.
    """
    return denoise_for_picture(
        measure(pixels, 1 / 256 if pixels.dtype == np.uint16 else 1), lossless=lossless
    )


def denoise_for_picture(blocks: Blocks, *, lossless: bool) -> float:
    """Return the same for a photograph whose blocks have been looked at."""
    if not blocks.tell or (not lossless and blocks.constant() > _CONSTANT_SHARE):
        return 1.0
    return blocks.need(_QUIET, _LEAST)


def denoise_for_frame(blocks: Blocks, *, lossless: bool, black: float = 0, code: float = 1) -> float | None:
    """Return the same for a frame of a video, 0.5 to 1; None where it does not tell.

    Args:
        black: in codes.
        code: of 8 bits, that a unit of its samples is.

    Encoders of video hide noise where they can, and leave errors that noise removal takes away: where one
    was at work, less than all acts only on what it left nearly as it was. The darker a frame, the more the
    light raises the steps of its codes, which are noise, too.
    """
    if not blocks.tell:
        return None
    level = float(np.maximum(blocks.means - black, 0).mean())
    raised = _ROUNDED * code * _LIT / max(level, 1.0)
    least = min(max((raised - _FINE) / (_COARSE - _FINE), _LEAST_OF_VIDEO), 1.0)
    if lossless:
        return blocks.need(_QUIET, least)
    hidden = (blocks.constant() - _SOME_CONSTANT) / (_MORE_CONSTANT - _SOME_CONSTANT)
    need = blocks.need(_QUIET_OF_VIDEO, least)
    return need + (1 - need) * min(max(hidden, 0.0), 1.0)


def measure(pixels: Pixels, code: float, rows: int = _ROWS) -> Blocks:
    """Look at the blocks of a picture.

    Args:
        pixels: (h, w) of luma, or (h, w, 3) RGB.
        code: of 8 bits, that a unit of it is.
        rows: of blocks, at most.
    """
    tops = range(0, pixels.shape[0] - _BLOCK - 1, _BLOCK)
    tops = tops[:: max(1, -(-len(tops) // rows))]
    columns = (pixels.shape[1] - 2) // _BLOCK * _BLOCK
    if not tops or columns <= 0:
        return Blocks(np.zeros(0, np.float32), np.zeros(0, np.float32))
    numbers = np.array(tops)[:, None] + np.arange(_BLOCK + 2)
    luma = _luma(pixels[numbers, : columns + 2])
    across = luma[..., :-2] + luma[..., 2:]
    across -= 2 * luma[..., 1:-1]
    left = across[:, :-2] + across[:, 2:]
    left -= 2 * across[:, 1:-1]
    means = _means(luma[:, 1:-1, 1:-1]) * np.float32(code)
    noise = _means(np.abs(left, out=left)) * np.float32(code * math.sqrt(math.pi / 2) / 6)  # the mask's gain
    return Blocks(means, noise[(means > _LOW) & (means < _HIGH)])


def _luma(pixels: Pixels) -> Pixels:
    """Return luma, of 8 bits as int16: its mask lies within 2,040, and a column's sum of it within 16,320."""
    if pixels.ndim > 3:
        return np.asarray(pixels @ _WEIGHTS, np.float32)
    return pixels.astype(np.int16 if pixels.dtype == np.uint8 else np.float32)


def _means(strips: Pixels) -> npt.NDArray[np.float32]:
    """Return the means of the blocks of strips, (strips, rows, columns)."""
    columns = np.add.reduce(strips, 1, dtype=strips.dtype)
    means: npt.NDArray[np.float32] = columns.reshape(-1, _BLOCK).sum(1, dtype=np.float32)
    means *= 1 / _BLOCK**2
    return means
