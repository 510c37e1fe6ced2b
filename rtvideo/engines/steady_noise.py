"""How much of noise removal the frames of a stream need: told by their own noise, steady from frame to frame.

A frame is looked at by itself, with and without smoothing over time: what that measures of noise is raised
by motion, and is not there yet when a video begins. Judged anew for each frame noise removal would pump, with
the encoder's kinds of frames if nothing else; one level for the whole would be wrong behind a title. So the
judgement goes a part of its way in each frame, and begins anew where the picture becomes another one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rtvideo.engines.noise_level import Blocks, Pixels, denoise_for_frame, denoise_for_picture, measure
from rtvideo.engines.session import Settings
from rtvideo.engines.time_constants import GAP, USUAL
from rtvideo.frame import Geometry, Planes

#: Seconds in which the judgement goes 63 % of its way up, and down: what an encoder keeps of noise falls from
#: each key frame to the next, and the noise does not.
_RISE, _FALL = 0.5, 3.0
#: Rows of blocks that are looked at in a frame.
_ROWS = 12
#: Parts of a row whose means are compared with those of the frame before, and the change that makes another
#: picture of it, as a share of both.
_PARTS, _OTHER = 8, 0.15


class SteadyNoise:
    """Follows one stream of frames of one geometry."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        spare = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
        self._code = 1 / (1 << (geometry.depth - 8 + spare))
        self._black = 0 if geometry.coding.full_range else 16
        self.reset()

    def reset(self) -> None:
        """The next frame has nothing to do with those before."""
        self._share: float | None = None
        self._shrunk: npt.NDArray[np.float32] | None = None
        self._last: float | None = None

    def denoise(self, settings: Settings, planes: Planes, time: float | None) -> float:
        """Return how much noise is removed from the next frame: all that the settings say, or a share of it.

        Args:
            planes: of the frame, in main memory.
            time: presentation time in seconds, None if unknown.
        """
        if not settings.adapts or not settings.denoise or self._geometry.coding.curve:
            self.reset()
            return settings.denoise
        if settings.alone and not settings.temporal:
            self.reset()
            if self._geometry.layout in ("rgb", "gray"):  # frames of video have their chroma apart
                picture = measure(self._luma(planes), self._code)
                return settings.denoise * denoise_for_picture(picture, lossless=settings.lossless)
        blocks = measure(self._luma(planes), self._code, _ROWS)
        told = denoise_for_frame(blocks, lossless=settings.lossless, black=self._black, code=self._code)
        step = USUAL if time is None or self._last is None else time - self._last
        shrunk, before = _shrunk(blocks), self._shrunk
        self._shrunk, self._last = shrunk, time
        if told is None:
            pass  # black, or too small: what was told before holds
        elif self._share is None or not 0 <= step <= GAP or before is None or _differ(shrunk, before):
            self._share = told
        else:
            way = told - self._share
            self._share += way * (1 - math.exp(-step / (_RISE if way > 0 else _FALL)))
        return settings.denoise * (1.0 if self._share is None else self._share)

    def _luma(self, planes: Planes) -> Pixels:
        """Return (h, w) of luma, or (h, w, 3) of RGB; of planar RGB it is green."""
        geometry = self._geometry
        return planes[0].reshape(geometry.height, -1, 3) if geometry.layout == "rgb" else planes[0]


def _shrunk(blocks: Blocks) -> npt.NDArray[np.float32]:
    """Return the means of a few parts of the picture."""
    means = blocks.means
    count = len(means) // _PARTS
    return means[: count * _PARTS].reshape(-1, _PARTS).mean(1) if count else means


def _differ(now: npt.NDArray[np.float32], before: npt.NDArray[np.float32]) -> bool:
    return bool(np.abs(now - before).sum() > _OTHER * (now + before).sum())
