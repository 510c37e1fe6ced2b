import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import model
from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from model.iem import statistics
from model.ruas import RUAS, parameters
from rtvideo.errors import UnavailableError
from rtvideo.models.description import Description, Illumination, Noise

PAPER = Description(
    name="paper", illumination=Illumination(genotype=AUTHORS_IEM), noise=Noise(genotype=AUTHORS_NRM)
)
LOG = Description(
    name="log",
    illumination=Illumination(
        genotype=AUTHORS_IEM,
        scales=(8, 4, 8),
        warm_start="previous",
        domain="log",
        exposure="statistics",
        channels="shared",
        mix=True,
        floor=1 / 255,
        signal_floor=2 / 255,
        chroma_floor=True,
    ),
    noise=Noise(genotype=AUTHORS_NRM, guide="gain"),
)


def with_illumination(description: Description, **changes: object) -> Description:
    illumination = dataclasses.replace(description.illumination, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(description, illumination=illumination)


def restless(description: Description, seed: int = 0) -> RUAS:
    """A network whose every parameter matters, in double precision."""
    torch.manual_seed(seed)
    net = RUAS(description).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return net


def frame(*size: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, *size, dtype=torch.float64, generator=generator) ** 3


def test_counts_are_those_of_the_paper() -> None:
    net = RUAS(PAPER)
    assert parameters(net.illumination) == 1161
    assert net.noise is not None
    assert parameters(net.noise) == 2277
    assert net.illumination.multiply_adds == 1107
    released = dataclasses.replace(PAPER, noise=Noise(genotype=AUTHORS_NRM, parameterisation="released"))
    assert RUAS(released).multiply_adds == 3267
    # Equation 3 runs stem and head at each of its three stages.
    assert net.multiply_adds == 3267 + 2 * 2 * 162


def test_coarse_stages_cost_less() -> None:
    assert RUAS(LOG).illumination.multiply_adds == 369 * (1 / 64 + 1 / 16 + 1 / 64)


def variants() -> list[Description]:
    linear = [
        with_illumination(PAPER, parameterisation=p, warm_start=w, window=o)
        for p, w, o in itertools.product(
            ("equation2", "released"), ("fixed", "updated", "residual", "previous"), ("2x2", "3x3")
        )
    ]
    log = [
        with_illumination(LOG, exposure=e, channels=c, mix=m, chroma_floor=m, warm_start=w)
        for e, c, m, w in itertools.product(
            ("none", "mean", "statistics"), ("each", "shared"), (False, True), ("fixed", "previous")
        )
    ]
    return linear + log


def label(description: Description) -> str:
    i = description.illumination
    if i.domain == "linear":
        return f"{i.parameterisation}-{i.warm_start}-{i.window}"
    return f"{i.exposure}-{i.channels}-{i.warm_start}-{'mix' if i.mix else 'plain'}"


@pytest.mark.parametrize("description", variants(), ids=label)
def test_every_form_keeps_size_range_and_gradients(description: Description) -> None:
    net = restless(description)
    for size in ((1, 1), (7, 5), (9, 17)):
        for y in (frame(*size), torch.zeros(1, 3, *size).double(), torch.ones(1, 3, *size).double()):
            image = net(y)
            assert image.shape == y.shape
            assert 0 <= image.min() <= image.max() <= 1
            net.zero_grad()
            image.square().sum().backward()
            assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize("description", [PAPER, LOG], ids=["linear", "log"])
def test_trace_ends_in_forward(description: Description) -> None:
    net, y = restless(description), frame(13, 11)
    trace = net.trace(y)
    assert torch.equal(trace.image, net(y))
    assert torch.equal(trace.image, trace.x[-1].clamp(0, 1))
    assert len(trace.stages) == len(description.illumination.scales)
    assert len(trace.x) == 3
    sizes = {1: (13, 11), 4: (4, 4), 8: (2, 2)}
    for scale, stage in zip(description.illumination.scales, trace.stages, strict=True):
        assert stage.t.shape[-2:] == stage.u.shape[-2:] == sizes[scale]


def test_paper_form_step_by_step() -> None:
    """Equation 2 with the residual, and equation 3, in plain numpy apart from the cells."""
    net, y = restless(PAPER), frame(6, 7)

    def window(z: np.ndarray) -> np.ndarray:
        wide = np.pad(z, ((0, 0), (0, 0), (1, 1), (1, 1)))
        return np.max([wide[..., i : i + 6, j : j + 7] for i in range(3) for j in range(3)], axis=0)

    def run(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
        result: np.ndarray = module(torch.from_numpy(x)).detach().numpy()
        return result

    yy = y.numpy()
    t_hat = t = window(yy)
    u = yy
    for k, cell in enumerate(net.illumination.cells):
        if k:
            t_hat = window(u) - 0.5 * (u - yy)
        t = t_hat - run(cell, t)
        u = np.clip(yy / np.maximum(t, 1e-3), 0, 1)
    u_k = np.clip(yy / np.clip(t, 1e-3, 1), 0, 1)
    assert net.noise is not None
    x = u_k
    for cell in net.noise.cells:
        x = u_k - run(net.noise.head, run(cell, run(net.noise.stem, x)))
    np.testing.assert_allclose(net(y).detach().numpy(), np.clip(x, 0, 1), atol=1e-12)


@pytest.mark.slow
def test_log_form_step_by_step() -> None:
    """The description's steps 1 to 8 written once more, on a frame that needs no padding."""
    description = with_illumination(LOG, scales=(4, 4, 4))
    net, y = restless(dataclasses.replace(description, noise=None)), frame(8, 12)
    iem, floor = net.illumination, 1 / 255
    blocks = F.max_pool2d(F.pad(y, (1, 1, 1, 1)), 3, 1).reshape(1, 3, 2, 4, 3, 4).mean((3, 5))
    x = (blocks + floor).log()
    largest = x.max(1).values
    g = torch.stack(
        [largest.mean(), largest.std(unbiased=False), largest.exp().mean(), largest.max(), largest.min()]
    )
    drift, log_contrast, logit = iem.exposure.weight @ g + iem.exposure.bias
    x = x - largest.mean()
    for cell in iem.cells:
        x = x - cell(x)
    log_t = (log_contrast.exp() * x + largest.mean() + drift).mean(1, keepdim=True)
    log_t = F.interpolate(log_t, scale_factor=4, mode="bilinear", align_corners=False)
    m = F.max_pool2d(F.pad(y.max(1, keepdim=True).values, (1, 1, 1, 1)), 3, 1)
    a = 1 / (1 + (-logit).exp())
    log_t = ((1 - a) * log_t + a * (m + floor).log()).clamp(math.log(1e-3), 0)
    t = (log_t * m**2 / (m**2 + (2 / 255) ** 2)).exp()
    u = (y / t).clamp(0, 1)
    grey = u.mean(1, keepdim=True)
    k = iem.chroma_knee.exp()
    expected = grey + (u - grey) * m**2 / (m**2 + k**2)
    torch.testing.assert_close(net(y), expected, atol=1e-12, rtol=0)


HALF = dataclasses.replace(PAPER, noise=Noise(genotype=AUTHORS_NRM, stages=2, channels=8, scale=2))


def seen_of_block(block: torch.Tensor) -> torch.Tensor:
    """What noise removal at half size sees of (3, 2, 2), as numbers."""
    means = block.mean((1, 2))
    luma = block.mean(0) - means.mean()
    colour = block - means[:, None, None] - luma
    return torch.stack([*means, luma.abs().mean(), colour.abs().mean()])


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (1, 1), (2, 9)])
@pytest.mark.parametrize("parameterisation", ["equation3", "released"])
def test_noise_removal_at_half_size_sees_means_and_details_of_blocks(
    parameterisation: str, size: tuple[int, int]
) -> None:
    """Step 9 at scale 2 once more, block by block apart from the cells."""
    noise = dataclasses.replace(HALF.noise, parameterisation=parameterisation)  # type: ignore[type-var, arg-type]
    net, u = restless(dataclasses.replace(HALF, noise=noise)).noise, frame(*size)
    assert net is not None
    stages = [[cell] for cell in net.cells] if parameterisation == "equation3" else [list(net.cells)]
    high, wide = ((n + 1) // 2 for n in size)
    rows, columns = (torch.arange(2 * n).clamp(max=m - 1) for n, m in zip((high, wide), size, strict=True))
    x = u
    for cells in stages:
        whole = x[0][:, rows][:, :, columns]
        places = list(itertools.product(range(high), range(wide)))
        blocks = {(y, z): whole[:, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2] for y, z in places}
        features = torch.stack([seen_of_block(blocks[place]) for place in places], 1).view(1, 5, high, wide)
        features = net.stem(features)
        for cell in cells:
            features = cell(features)
        said = net.head(features)[0]
        noise_of_pixels = torch.zeros_like(whole)
        for (y, z), block in blocks.items():
            detail = block - block.mean((1, 2), keepdim=True)
            luma = detail.mean(0)
            a, b = 1 / (1 + (-said[3:, y, z]).exp())
            of_block = said[:3, y, z, None, None] + a * luma + b * (detail - luma)
            noise_of_pixels[:, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2] = of_block
        x = u - 0.7 * noise_of_pixels[None, :, : size[0], : size[1]]
    torch.testing.assert_close(net(u, 0.7)[-1], x, atol=1e-12, rtol=0)


def test_noise_removal_at_half_size_costs_a_quarter() -> None:
    net = RUAS(HALF).noise
    assert net is not None
    cells = sum(cell.multiply_adds for cell in net.cells)
    assert net.multiply_adds == (2 * (5 * 8 + 8 * 5) * 9 + cells) / 4


def test_untrained_network_is_near_the_identity_prior() -> None:
    """With C = 0 the illumination is the warm start itself."""
    torch.manual_seed(0)
    net, y = RUAS(PAPER).double(), frame(16, 16) * 0.8 + 0.1
    trace = net.trace(y)
    assert (trace.stages[0].t - trace.t_hat_0).abs().mean() < 0.1
    log = RUAS(LOG).double().illumination
    assert log.exposure(torch.randn(1, 5).double())[0].tolist() == pytest.approx([0, 0, math.log(0.4 / 0.6)])
    assert log.chroma_knee.exp().item() == pytest.approx(0.02)


def test_exposure_mean_makes_the_state_equivariant() -> None:
    """A darker exposure of the same scene gives the same image, up to the floors and where t is clamped."""
    description = dataclasses.replace(
        with_illumination(
            LOG, exposure="mean", mix=False, signal_floor=0.0, chroma_floor=False, floor=1e-9, t_min=1e-6
        ),
        noise=None,
    )
    net, y = restless(description), frame(24, 16) * 0.2 + 0.01
    torch.testing.assert_close(net(y), net(y / 4), atol=1e-5, rtol=0)


def test_strength_and_denoise() -> None:
    y = frame(9, 9) * 0.2
    bare = restless(PAPER)
    torch.testing.assert_close(bare(y, strength=0.0), y)
    trace = bare.trace(y, denoise=0.0)
    assert torch.equal(trace.image, trace.u)
    t = bare.trace(y).t
    torch.testing.assert_close(bare.trace(y, strength=0.5).t, t**0.5)
    log = restless(LOG)
    torch.testing.assert_close(log.trace(y, strength=0.5).t, log.trace(y).t ** 0.5)


def test_gain_guide_leaves_what_is_not_amplified() -> None:
    net = restless(with_illumination(LOG, mix=False, chroma_floor=False))
    with torch.no_grad():
        net.illumination.exposure.weight.zero_()
        net.illumination.exposure.bias.copy_(torch.tensor([100.0, 0.0, 0.0]))
    trace = net.trace(frame(8, 8))
    assert trace.t.min() == 1
    assert torch.equal(trace.image, trace.u)


def test_statistics_of_a_flat_grid_have_finite_slope() -> None:
    flat = torch.zeros(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    statistics(flat).sum().backward()
    assert flat.grad is not None and torch.isfinite(flat.grad).all()


def test_save_and_load(tmp_path) -> None:  # type: ignore[no-untyped-def]
    net = restless(LOG).float()
    model.save(net, tmp_path / "net.safetensors")
    again = model.load(tmp_path / "net")
    assert again.description == LOG
    y = frame(9, 9).float()
    assert torch.equal(net(y), again(y))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "net.safetensors"]


def test_load_refuses_what_does_not_fit(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model.save(RUAS(LOG), tmp_path / "net")
    (tmp_path / "net.json").write_text(PAPER.to_json())
    with pytest.raises(UnavailableError, match="is unknown; it does not fit"):
        model.load(tmp_path / "net")
    model.save(RUAS(PAPER), tmp_path / "net")
    (tmp_path / "net.json").write_text(LOG.to_json())
    with pytest.raises(UnavailableError, match="is missing; it does not fit"):
        model.load(tmp_path / "net")
    (tmp_path / "net.safetensors").write_bytes(b"not tensors")
    with pytest.raises(UnavailableError, match="cannot be read"):
        model.load(tmp_path / "net")
    net = RUAS(PAPER)
    torch.nn.init.constant_(net.illumination.cells[0].get_submodule("c5").weight, math.nan)  # type: ignore[arg-type]
    model.save(net, tmp_path / "net")
    with pytest.raises(UnavailableError, match="not finite"):
        model.load(tmp_path / "net")


def test_a_part_is_cut_from_the_light_of_the_whole() -> None:
    net = RUAS(LOG).double()
    y = torch.rand(1, 3, 33, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.2
    part = (slice(3, 20), slice(10, 40))
    whole, cut = net.trace(y), net.trace(y, part=part)
    torch.testing.assert_close(cut.t, whole.t[(..., *part)])
    torch.testing.assert_close(cut.u, whole.u[(..., *part)])
    assert cut.image.shape == cut.u.shape


@torch.no_grad()
def test_half_strength_fades_half_as_much_colour() -> None:
    net = RUAS(LOG).double()
    net.illumination.chroma_knee.fill_(math.log(0.5))
    y = torch.tensor([0.02, 0.01, 0.0], dtype=torch.float64).view(1, 3, 1, 1).expand(1, 3, 16, 16)

    def colourfulness(strength: float) -> float:
        u = net(y, strength, 0.0)
        return float(((u.amax(1) - u.amin(1)) / u.mean(1)).mean())

    full, half, none = colourfulness(1.0), colourfulness(0.5), colourfulness(1e-6)
    assert full < half < none
    assert none == pytest.approx(2.0, abs=1e-3)  # 0.02 above 0, around a mean of 0.01


def test_what_was_not_recorded_is_not_amplified() -> None:
    y = torch.full((1, 3, 24, 24), 0.05, dtype=torch.float64)
    y[..., 12:] = 0.2 / 255
    gain = (RUAS(LOG).double().trace(y).u / y)[0, 0, 12].detach()
    assert gain[2] > 3
    assert gain[20] < 1.1


@pytest.mark.parametrize("own", ["mean", "maximum"])
def test_the_light_of_a_pixel_itself(own: str) -> None:
    net = RUAS(with_illumination(LOG, own=own, signal_floor=0.0)).double()
    with torch.no_grad():
        net.illumination.exposure.bias[2] = 100.0  # the mix is all its own
    y = frame(9, 9)
    light = y.mean(1, keepdim=True) if own == "mean" else F.max_pool2d(y.amax(1, keepdim=True), 3, 1, 1)
    torch.testing.assert_close(net.trace(y).t, (light + 1 / 255).clamp(1e-3, 1))


@pytest.mark.parametrize("clash", [{"channels": "each"}, {"upsampling": "guided"}])
def test_mean_light_goes_with_shared_channels_and_bilinear_upsampling(clash: dict[str, str]) -> None:
    with pytest.raises(UnavailableError, match="own light 'mean' needs"):
        with_illumination(LOG, own="mean", **clash)
