"""The highlight roll-off (step 7): what it must keep, on pixels of any kind."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.iem import logit_of, roll_off
from model.ruas import RUAS
from rtvideo.errors import UnavailableError
from tests.model.test_ruas import LOG, frame, restless, with_illumination

levels = st.floats(0, 1)
pixels = st.tuples(levels, levels, levels)
lights = st.floats(1e-3, 1)
knees = st.floats(0.1, 0.95)


def lit(pixel: tuple[float, float, float], light: float, knee: float) -> torch.Tensor:
    """The pixel under the light that is left of one."""
    y = torch.tensor(pixel, dtype=torch.float64).view(1, 3, 1, 1)
    t = torch.full((1, 1, 1, 1), light, dtype=torch.float64)
    return (y / roll_off(t, y, torch.tensor(knee, dtype=torch.float64))).flatten()


def curve(z: float, k: float) -> float:
    """r(z) as the description words it."""
    d = (z - k) / (1 - k)
    return z if z <= k else k + (1 - k) * d / (1 + d)


@given(pixels, lights, knees)
@settings(deadline=None)
def test_it_is_the_curve_of_the_description(
    pixel: tuple[float, float, float], light: float, knee: float
) -> None:
    largest = max(pixel)
    wanted = max(curve(largest / light, knee), largest)
    assert lit(pixel, light, knee).max().item() == pytest.approx(wanted, abs=1e-12)


@given(pixels, lights, knees)
@settings(deadline=None)
def test_nothing_burns_or_darkens_and_hue_stays(
    pixel: tuple[float, float, float], light: float, knee: float
) -> None:
    y, u = torch.tensor(pixel, dtype=torch.float64), lit(pixel, light, knee)
    assert u.max() <= 1
    assert (u >= y).all()
    torch.testing.assert_close(u * y.max(), y * u.max(), atol=1e-12, rtol=0)


@given(pixels, lights, knees)
@settings(deadline=None)
def test_below_the_knee_nothing_changes(pixel: tuple[float, float, float], light: float, knee: float) -> None:
    y = torch.tensor(pixel, dtype=torch.float64) * (knee * light * (1 - 1e-9))
    assert torch.equal(lit(tuple(y.tolist()), light, knee), y / light)


@given(pixels, lights, knees, st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_more_light_in_is_more_light_out_and_never_a_jump(
    pixel: tuple[float, float, float], light: float, knee: float, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    dark, bright = (lit((r * s, g * s, b * s), light, knee) for s in (less, more) for r, g, b in [pixel])
    assert (bright >= dark - 1e-12).all()
    assert (bright - dark <= (more - less) / light + 1e-12).all()


def test_gradients_reach_light_picture_and_knee() -> None:
    y = torch.tensor([[0.3, 0.1, 0.2], [0.02, 0.01, 0.0], [0.9, 0.2, 0.1]], dtype=torch.float64)
    y = y.view(3, 3, 1, 1).requires_grad_()
    t = torch.tensor([0.2, 0.1, 0.4], dtype=torch.float64).view(3, 1, 1, 1).requires_grad_()
    knee = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: a[1] / roll_off(*a), (t, y, knee))


@torch.no_grad()
def test_a_network_rolls_off_what_it_would_have_burnt() -> None:
    plain = restless(with_illumination(LOG, chroma_floor=False))
    net = RUAS(with_illumination(LOG, chroma_floor=False, rolloff=True)).double()
    net.load_state_dict({**plain.state_dict(), "illumination.rolloff_knee": torch.tensor(logit_of(0.6))})
    y = frame(21, 17)
    before, after = plain.trace(y, 0.8), net.trace(y, 0.8)
    assert (before.u == 1).any() and after.u.max() < 1
    z = (y.amax(1, keepdim=True) / before.t).double()
    wanted = torch.where(z <= 0.6, before.t, (before.t * z / z.clone().apply_(lambda v: curve(v, 0.6))))
    torch.testing.assert_close(after.t, wanted.clamp(max=1), atol=1e-7, rtol=0)
    assert net.noise is not None
    torch.testing.assert_close(after.image, net.remove_noise(after.u, after.t, 0.8)[-1].clamp(0, 1))


@torch.no_grad()
def test_a_black_frame_and_no_strength_stay_as_they_are() -> None:
    net = restless(with_illumination(LOG, rolloff=True))
    y = frame(9, 9)
    assert (net.trace(y, 0.0).t == 1).all()
    torch.testing.assert_close(net(y, 0.0), y, atol=1e-15, rtol=0)
    assert (net.trace(torch.zeros_like(y)).u == 0).all()


def test_training_starts_at_seven_tenths_of_white() -> None:
    knee = RUAS(with_illumination(LOG, rolloff=True)).illumination.rolloff_knee
    assert torch.sigmoid(knee).item() == pytest.approx(0.7)
    assert not hasattr(RUAS(LOG).illumination, "rolloff_knee")
    assert math.isclose(logit_of(0.5), 0)


def test_it_needs_one_light_for_all_channels() -> None:
    with pytest.raises(UnavailableError, match="roll-off needs shared channels"):
        with_illumination(LOG, channels="each", rolloff=True)
    with pytest.raises(UnavailableError, match="roll-off needs shared channels"):
        with_illumination(
            LOG, domain="linear", exposure="none", channels="each", mix=False, signal_floor=0.0,
            chroma_floor=False, scales=(1,), rolloff=True,
        )  # fmt: skip
