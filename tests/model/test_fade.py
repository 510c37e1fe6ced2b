"""The fade-out (step 2): frames that are light enough are left as they are."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.iem import need_of_light
from model.ruas import RUAS
from rtvideo.errors import UnavailableError
from rtvideo.models.description import COLOURED, NO_COLOUR
from tests.model.test_ruas import LOG, PAPER, frame, restless, with_illumination

FADE, GREY = (0.2, 0.35), (0.07, 0.17)
FADING = with_illumination(LOG, fade=FADE, fade_grey=GREY)


def need(level: float, ratio: float = 2.0) -> float:
    """Of a frame with so much red, and that times green and blue."""
    x = torch.tensor([level, level / ratio, level / ratio], dtype=torch.float64).log()
    return need_of_light(x.view(1, 3, 1, 1).expand(1, 3, 4, 5), FADING.illumination).item()


def test_dark_frames_get_all_and_light_ones_nothing() -> None:
    levels = np.geomspace(0.02, 1, 60)
    coloured, grey = ([need(level, ratio) for level in levels] for ratio in (1.5, 1.0))
    for found in (coloured, grey):
        assert found[0] == 1 and found[-1] == 0
        assert all(a >= b for a, b in itertools.pairwise(found))
    assert all(g <= c for g, c in zip(grey, coloured, strict=True))
    # Without colour, at 0.16 nearly nothing is left; in colour nothing is lost.
    assert need(0.16, 1.0) < 0.05 and need(0.2, 1.5) == 1


@given(st.floats(0.02, 1), st.floats(1, 3), st.floats(-0.02, 0.02), st.floats(-0.002, 0.002))
@settings(deadline=None)
def test_a_little_more_light_or_colour_is_a_small_step(
    level: float, ratio: float, brighter: float, more: float
) -> None:
    here, there = need(level, ratio), need(level * (1 + brighter), max(ratio + more, 1))
    assert abs(here - there) <= 0.2


@torch.no_grad()
def test_it_is_the_formula_of_the_description() -> None:
    net, y = restless(with_illumination(FADING, scales=(4, 4, 4))), frame(8, 12) * 0.35
    blocks = torch.nn.functional.max_pool2d(y, 3, 1, 1).view(3, 2, 4, 3, 4).mean((2, 4)).numpy()
    x = np.log(blocks + 1 / 255)

    def s(v: float) -> float:
        v = min(max(v, 0.0), 1.0)
        return v * v * (3 - 2 * v)

    grey = 1 - s(((x.max(0) - x.min(0)).mean() - NO_COLOUR) / (COLOURED - NO_COLOUR))
    low, high = ((1 - grey) * np.log(a) + grey * np.log(b) for a, b in zip(FADE, GREY, strict=True))
    share = 1 - s((x.mean() - low) / (high - low))
    assert 0 < share < 1
    plain = RUAS(with_illumination(LOG, scales=(4, 4, 4))).double()
    plain.load_state_dict(net.state_dict())
    faded, wanted = net.trace(y, 0.8, 0.6), plain.trace(y, 0.8 * share, 0.6)
    torch.testing.assert_close(faded.t, wanted.t, atol=1e-12, rtol=0)
    torch.testing.assert_close(faded.image, wanted.image, atol=1e-12, rtol=0)


@torch.no_grad()
def test_each_frame_of_a_batch_fades_by_itself() -> None:
    net, y = restless(FADING), torch.cat([frame(9, 9) * 0.2, frame(9, 9) * 0.4 + 0.6])
    both = net(y)
    for k in (0, 1):
        torch.testing.assert_close(both[k : k + 1], net(y[k : k + 1]), atol=1e-12, rtol=0)
    torch.testing.assert_close(both[1], y[1], atol=1e-12, rtol=0)
    assert both[0].mean() > 1.2 * y[0].mean()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fade": (0.2,), "fade_grey": GREY}, r"fade \[0.2\]: two rising levels"),
        ({"fade": (0.3, 0.2), "fade_grey": GREY}, r"fade \[0.3, 0.2\]"),
        ({"fade": FADE, "fade_grey": (0.0, 0.2)}, r"fade_grey \[0.0, 0.2\]"),
        ({"fade": FADE}, "fade and fade_grey go together"),
    ],
)
def test_limits_that_mean_nothing_are_named(changes: dict[str, tuple[float, ...]], said: str) -> None:
    with pytest.raises(UnavailableError, match=said):
        with_illumination(LOG, **changes)


def test_it_needs_logarithms() -> None:
    with pytest.raises(UnavailableError, match="domain 'log'"):
        with_illumination(PAPER, fade=FADE, fade_grey=GREY)
