"""Measures over time: how steady a clip is, and how near its truth. Frames are (H, W, 3) in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from rtvideo.sample.camera_simulator import Image

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]

_CLOSE = 1.0  # pixels: flow there and back must agree to it, else a pixel was covered or uncovered
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luma(frame: Image) -> Plane:
    """Return (H, W), 0..255, weighted as BT.601 does."""
    grey: Plane = frame.astype(np.float32) @ _LUMA
    return grey


def brightness_variance(frames: Sequence[Image], truth: Sequence[Image]) -> float:
    """Return AB(var): the variance of the difference in mean brightness, over the frames.

    Lv et al., "MBLLEN" (BMVC 2018), as used by FastLLVE (ACM MM 2023). In squared codes of 255.
    """
    return float(np.var([luma(a).mean() - luma(b).mean() for a, b in zip(frames, truth, strict=True)]))


def brightness_difference(frames: Sequence[Image]) -> npt.NDArray[np.float64]:
    """Return MABD: of each pair of neighbouring frames the mean absolute difference, in codes of 255.

    Jiang and Zheng, "Learning to see moving objects in the dark" (ICCV 2019). It follows motion and noise;
    compared with the truth's it tells what was added.
    """
    planes = [luma(frame) for frame in frames]
    return np.array([np.abs(b - a).mean() for a, b in pairwise(planes)], np.float64)


def brightness_difference_error(frames: Sequence[Image], truth: Sequence[Image]) -> float:
    """Return the mean squared error of MABD against the truth's, as both papers tabulate it."""
    return float(np.mean((brightness_difference(frames) - brightness_difference(truth)) ** 2))


def flicker(frames: Sequence[Image]) -> float:
    """Return the standard deviation over time of the frames' mean luma: of use where the scene is static.

    About a straight line: brightness that drifts over seconds is no flicker.
    """
    means = np.array([luma(frame).mean() for frame in frames])
    times = np.arange(len(means))
    line = np.polynomial.Polynomial.fit(times, means, 1) if len(means) > 1 else lambda t: means
    return float(np.std(means - line(times)))


def boiling(frames: Sequence[Image], moving: Sequence[Mask]) -> float:
    """Return the mean standard deviation over time of pixels where nothing moves; NaN if there are none."""
    still = ~np.logical_or.reduce(moving)
    if not still.any():
        return float("nan")
    return float(np.stack([luma(frame)[still] for frame in frames]).std(axis=0, dtype=np.float64).mean())


class Motion:
    """The truth's dense flow from each frame to the next, and where it can be trusted.

    DIS flow (Kroeger et al., ECCV 2016), forward and backward; pixels where the two disagree are left out
    (Sundaram et al., ECCV 2010).
    """

    def __init__(self, truth: Sequence[Image]) -> None:
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in truth]
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        height, width = grey[0].shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        self._maps: list[tuple[Plane, Plane, Mask]] = []
        for before, after in pairwise(grey):
            there, back = (
                dis.calc(*pair, np.zeros((height, width, 2), np.float32))
                for pair in ((before, after), (after, before))
            )
            to_x, to_y = x + there[..., 0], y + there[..., 1]
            returned = cv2.remap(back, to_x, to_y, cv2.INTER_LINEAR)
            inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
            agree = np.linalg.norm(there + returned, axis=-1) < _CLOSE
            self._maps.append((to_x, to_y, np.asarray(inside & agree)))

    def warping_error(self, frames: Sequence[Image]) -> float:
        """Return the mean absolute difference, in codes, of each frame to the next one warped onto it.

        Lai et al., "Learning blind video temporal consistency" (ECCV 2018), who square the difference.
        """
        errors = []
        for (to_x, to_y, valid), before, after in zip(self._maps, frames[:-1], frames[1:], strict=True):
            if valid.any():
                warped = cv2.remap(luma(after), to_x, to_y, cv2.INTER_LINEAR)
                errors.append(np.abs(warped - luma(before))[valid].mean())
        return float(np.mean(errors))


def peak_ratio(frames: Sequence[Image], truth: Sequence[Image], where: Sequence[Mask] | None = None) -> float:
    """Return the PSNR in dB of a whole clip, after one gain for all of it (how bright is a matter of taste).

    One gain, not one a frame, so that flicker counts. ``where`` picks pixels; NaN if there are none.
    """
    a, b = _pixels(frames, where), _pixels(truth, where)
    if not a.size:
        return float("nan")
    gain = b.mean(dtype=np.float64) / max(a.mean(dtype=np.float64), 1e-9)
    error = float(np.mean((np.clip(a * np.float32(gain), 0, 255) - b) ** 2, dtype=np.float64))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def settling(frames: Sequence[Image], step: int, fps: float) -> float:
    """Return seconds after a step of light until the mean luma stays within 10 % of the way to its end.

    The ends are the means of the last five frames before the step and of the clip's last five.
    """
    means = np.array([luma(frame).mean() for frame in frames])
    before, after = means[max(0, step - 5) : step].mean(), means[-5:].mean()
    off = np.abs(means[step:] - after) > 0.1 * abs(after - before)
    last = np.flatnonzero(off)
    return float(last[-1] + 1) / fps if last.size else 0.0


def overshoot(frames: Sequence[Image], step: int) -> float:
    """Return how far beyond its end the mean luma goes after a step of light, as a share of the step."""
    means = np.array([luma(frame).mean() for frame in frames])
    before, after = means[max(0, step - 5) : step].mean(), means[-5:].mean()
    way = after - before
    if abs(way) < 1e-6:
        return 0.0
    return max(0.0, float(((means[step:] - after) / way).max()))


def _pixels(frames: Sequence[Image], where: Sequence[Mask] | None) -> Image:
    """Return (n, 3), all pixels of all frames or those of the masks."""
    masks: Sequence[Mask] = [np.ones(f.shape[:2], np.bool_) for f in frames] if where is None else where
    return np.concatenate([frame[mask] for frame, mask in zip(frames, masks, strict=True)])
