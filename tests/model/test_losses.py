import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from model import losses

FEW = settings(max_examples=25, deadline=None, derandomize=True)
levels = st.floats(0.0, 1.0)
seeds = st.integers(0, 1000)


def flat(level: float, size: tuple[int, int] = (24, 20)) -> torch.Tensor:
    return torch.full((1, 3, *size), level, dtype=torch.float64)


def noise(seed: int, size: tuple[int, int] = (24, 20)) -> torch.Tensor:
    return torch.rand(1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@FEW
@given(seeds, st.floats(0.01, 1))
def test_fidelity(seed: int, shift: float) -> None:
    x = noise(seed)
    assert losses.fidelity(x, x) == 0
    torch.testing.assert_close(losses.fidelity(x + shift, x).item(), shift**2 / 2)


@FEW
@given(levels, seeds)
def test_variations_are_zero_on_flat_and_grow_with_noise(level: float, seed: int) -> None:
    for loss in (losses.total_variation, losses.relative_total_variation):
        assert loss(flat(level)) == 0
        weak, strong = (loss(flat(level) + a * (noise(seed) - 0.5)) for a in (0.01, 0.1))
        assert 0 < weak < strong


def test_gained_variation_counts_each_difference_by_its_gain() -> None:
    step = flat(0.2)
    step[..., 10:] = 0.6
    t = torch.linspace(0.1, 1, 20, dtype=torch.float64).expand(1, 1, 24, 20)
    gain = 1 / t[0, 0, 0, 10]
    torch.testing.assert_close(losses.gained_variation(step, t), gain * losses.total_variation(step))
    torch.testing.assert_close(losses.gained_variation(step.mT, t.mT), gain * losses.total_variation(step))
    torch.testing.assert_close(losses.gained_variation(step, 0 * t), 50 * losses.total_variation(step))


def test_total_variation_of_a_ramp() -> None:
    ramp = torch.arange(5.0).expand(1, 1, 4, 5)
    assert losses.total_variation(ramp) == 1
    assert losses.total_variation(ramp.mT) == 1
    for size in ((1, 1), (1, 5), (5, 1)):
        assert torch.isfinite(losses.total_variation(torch.rand(1, 3, *size)))
        assert torch.isfinite(losses.relative_total_variation(torch.rand(1, 3, *size)))


@FEW
@given(st.floats(0.05, 0.5), st.integers(6, 17))
def test_relative_variation_prefers_an_edge_to_texture_of_the_same_variation(
    height: float, where: int
) -> None:
    step = flat(0.2)
    step[..., where:] += height
    texture = flat(0.2)
    texture[..., 1::2] += height / 19  # 19 differences of height / 19
    assert losses.total_variation(step).item() == pytest.approx(losses.total_variation(texture).item())
    assert losses.relative_total_variation(step) < 0.75 * losses.relative_total_variation(texture)


def test_relative_variation_by_its_equation() -> None:
    t = noise(5, (6, 7))[:, :1]
    sigma, eps, radius = 1.0, 1e-3, 2
    g = np.exp(-(np.arange(-radius, radius + 1) ** 2) / 2.0)
    g = np.outer(g, g) / g.sum() ** 2
    expected = 0.0
    for d in (np.diff(t[0, 0].numpy(), axis=1), np.diff(t[0, 0].numpy(), axis=0)):
        wide = np.pad(d, radius)
        ratios = []
        for i in range(d.shape[0]):
            for j in range(d.shape[1]):
                patch = wide[i : i + 5, j : j + 5]
                ratios.append((g * np.abs(patch)).sum() / (abs((g * patch).sum()) + eps))
        expected += np.mean(ratios)
    assert losses.relative_total_variation(t, sigma, eps).item() == pytest.approx(expected)


@FEW
@given(seeds, st.floats(0.01, 0.5))
def test_charbonnier_is_near_the_absolute_error(seed: int, shift: float) -> None:
    x = noise(seed)
    assert losses.charbonnier(x, x).abs() < 1e-12
    assert losses.charbonnier(x + shift, x).item() == pytest.approx(shift, abs=1e-3)


@FEW
@given(seeds)
def test_dissimilarity_is_that_of_the_metric(seed: int) -> None:
    x, y = noise(seed), noise(seed + 1)
    mix = 0.7 * x + 0.3 * y
    assert losses.dissimilarity(x, x).abs() < 1e-12
    expected = structural_similarity(mix[0].numpy(), x[0].numpy(), channel_axis=0, data_range=1.0)
    assert 1 - losses.dissimilarity(mix, x).item() == pytest.approx(expected, abs=1e-9)


@FEW
@given(st.floats(0, 0.55))
def test_exposure_control(level: float) -> None:
    assert losses.exposure_control(flat(0.6)) < 1e-12
    assert losses.exposure_control(flat(level)).item() == pytest.approx(0.6 - level)


@FEW
@given(levels, st.floats(0.01, 0.5))
def test_colour_constancy(level: float, tint: float) -> None:
    assert losses.colour_constancy(flat(level)) == 0
    red = flat(level)
    red[:, 0] += tint
    assert losses.colour_constancy(red).item() == pytest.approx(2 * tint**2)


@FEW
@given(seeds, st.floats(0, 0.3))
def test_spatial_consistency(seed: int, shift: float) -> None:
    y = noise(seed)
    assert losses.spatial_consistency(y + shift, y) < 1e-12
    assert losses.spatial_consistency(1 - y, y) < 1e-12
    assert losses.spatial_consistency(3 * y, y) > losses.spatial_consistency(2 * y, y) > 1e-4


@FEW
@given(seeds, st.floats(-0.2, 0.2))
def test_brightness_sees_light_and_colour_but_not_noise(seed: int, shift: float) -> None:
    grain = noise(seed, (32, 48)) - 0.5
    # Grain that cancels within each patch of 16 pixels.
    grain = grain - torch.nn.functional.interpolate(
        torch.nn.functional.avg_pool2d(grain, 16), scale_factor=16, mode="nearest"
    )
    clean = flat(0.5, (32, 48))
    torch.testing.assert_close(losses.brightness(clean + grain + shift, clean).item(), abs(shift))


@FEW
@given(st.floats(0.05, 0.9))
def test_exposure_counts_what_is_light_for_as_much_as_it_is_light(level: float) -> None:
    """Of a dark picture with one light patch in six, the best constant is the mean; absolutely it is dark."""
    lit = flat(0.0, (32, 48))
    lit[..., :16, :16] = level
    constants = [flat(share * level, (32, 48)) for share in (0.0, 1 / 6, 0.4)]
    by_squares, by_size = (
        [term(constant, lit).item() for constant in constants]
        for term in (losses.exposure, losses.brightness)
    )
    assert min(by_squares) == by_squares[1]
    assert min(by_size) == by_size[0]


@FEW
@given(levels, levels)
def test_exposure_level_is_of_the_frame_and_of_its_largest_channel(one: float, other: float) -> None:
    x = flat(0.0)
    x[:, 1, :, :10], x[:, 1, :, 10:] = one, other
    x[:, 2] = min(one, other) / 2
    rms = ((one**2 + other**2) / 2) ** 0.5
    torch.testing.assert_close(losses.exposure_level(x, 0.5).item(), abs(rms - 0.5), atol=2e-3, rtol=0)


@FEW
@given(seeds, st.floats(0.3, 1), st.floats(0.2, 1))
def test_tone_is_zero_for_its_power_law_alone(seed: int, exponent: float, gain: float) -> None:
    y = noise(seed).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    x = gain * (y + 0.01) ** exponent - 0.01
    assert losses.tone(x, y, exponent, region=1) < 1e-12
    assert losses.tone(x, y, exponent + 0.2, region=1) > 1e-4
    for size in ((1, 1), (1, 9), (9, 1)):
        assert torch.isfinite(losses.tone(noise(seed, size), noise(seed, size)))
