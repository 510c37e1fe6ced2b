"""`Enhancer` on all kinds of arrays: they come back as they came, with what the engine made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo import Enhancer
from rtvideo.arrays import frames_of

#: The double of a network (`gain_model`) makes all three times as light.
GAIN = 3


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    light = np.random.default_rng(0).random(shape) * 0.3
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    return (light * top).astype(dtype)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([(), (1,), (3,)]),
    st.integers(0, 3),
    st.sampled_from(["uint8", "uint16", "float16", "float32", "float64"]),
    st.sampled_from(["rgb", "bgr"]),
)
def test_what_goes_in_comes_out(
    height: int, width: int, channels: tuple[int, ...], count: int, dtype: str, order: str
) -> None:
    batch = (count,) if count and channels else ()
    array = noise((*batch, height, width, *channels), dtype)
    frames = frames_of(array, order)
    back = frames.restored(frames.planes)
    assert (back.shape, back.dtype) == (array.shape, array.dtype) and back.flags.c_contiguous
    np.testing.assert_allclose(back, array, atol=0 if array.dtype.kind == "u" else 1 / 65535)
    assert len(frames.planes) == max(1, count if batch else 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_every_type_is_enhanced_alike(gain_model: Path, dtype: str) -> None:
    frame = noise((20, 30, 3), dtype)
    with Enhancer(str(gain_model)) as enhance:
        lit = enhance(frame)
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    np.testing.assert_allclose(lit / top, frame / top * GAIN, atol=1.5 / (255 if dtype == "uint8" else 65535))


def test_the_order_of_channels_matters_to_a_network() -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 40
    with Enhancer(denoise=0) as rgb, Enhancer(denoise=0, pixels="bgr") as bgr:
        np.testing.assert_array_equal(bgr(red[..., ::-1]), rgb(red)[..., ::-1])


def test_a_batch_is_a_stream(gain_model: Path) -> None:
    frames = noise((4, 12, 16, 3), "uint8")
    with Enhancer(str(gain_model)) as enhance:
        np.testing.assert_array_equal(enhance(frames), np.stack([enhance(frame) for frame in frames]))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("first", [False, True])
def test_tensors_of_torch(gain_model: Path, dtype: str, first: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch: not installed")
    frames = torch.from_numpy(noise((2, 12, 16, 3), dtype))
    given = frames.permute(0, 3, 1, 2) if first else frames
    with Enhancer(str(gain_model)) as enhance:
        lit = enhance(given)
        one = enhance(given[0])
    assert isinstance(lit, torch.Tensor) and lit.dtype == given.dtype and lit.shape == given.shape
    assert torch.equal(lit[0], one)
    top = 255 if dtype == "uint8" else 1
    shown = lit.permute(0, 2, 3, 1) if first else lit
    np.testing.assert_allclose(shown.numpy() / top, frames.numpy() / top * GAIN, atol=1.5 / 255)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda torch: torch.zeros(3, 4, 4, requires_grad=True), "torch.Tensor that cannot be read"),
        (lambda torch: torch.zeros(3, 4, 4, dtype=torch.bfloat16), "torch.Tensor that cannot be read"),
        (lambda torch: torch.zeros(3, 4, 4, dtype=torch.int64), "int64; allowed: uint8"),
    ],
)
def test_tensors_that_cannot_be_taken(make: Any, says: str) -> None:
    torch = pytest.importorskip("torch", reason="torch: not installed")
    with pytest.raises(TypeError, match=says):
        Enhancer()(make(torch))


def test_a_tensor_on_a_gpu_is_told_so() -> None:
    class OnGpu:
        def __dlpack__(self, *, stream: None = None) -> Any: ...

        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

    with pytest.raises(TypeError, match=r"on a GPU; bring it to main memory first"):
        Enhancer()(OnGpu())


def test_pixels_of_another_order() -> None:
    with pytest.raises(ValueError, match="allowed: 'rgb' or 'bgr'"):
        Enhancer(pixels="yuv")
