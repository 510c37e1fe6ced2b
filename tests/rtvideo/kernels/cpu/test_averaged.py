"""Noise removal behind the temporal filter, against both references in double precision."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")

import torch

from rtvideo.kernels.cpu.library import CpuNetwork
from rtvideo.kernels.structs import TimeConstants, format_of, state_format
from rtvideo.models.description import Description
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import compiled
from tests.rtvideo.kernels.cpu.test_temporal import film, geometry, to_codes, to_planes
from tests.rtvideo.kernels.temporal_reference import Recursive, spread

pytestmark = pytest.mark.compile

FRAMES = 8.0  # that are averaged over


@pytest.mark.parametrize("description", [networks.NIGHT, networks.HALF], ids=lambda d: d.name)
@pytest.mark.parametrize("size", [(61, 45), (530, 9)])
def test_what_time_took_away_is_not_removed_again(description: Description, size: tuple[int, int]) -> None:
    """The weight of noise removal falls with the fourth root of the frames that a cell was averaged over."""
    of = geometry("rgb", *size, 16)
    kernel, unit = compiled(description), 256 / 65535
    network = CpuNetwork(kernel.library, kernel.weights, of.width, of.height, format_of(of), 2)
    network.allocate_temporal_state(state_format(of))
    reference, off = Recursive(FRAMES, rgb=True, black=0), []
    for number, codes in enumerate(film(of, 3)):
        planes, out = to_planes(codes, of), of.empty()
        network.run(planes, out, 1, 1, TimeConstants(FRAMES, 1, number == 0))
        picture = torch.from_numpy(np.stack(reference(to_codes(planes, of)))[None] * unit)
        left = torch.from_numpy(spread(reference.age**-0.25, (of.height, of.width)))
        with torch.no_grad():
            wanted, without = (kernel.net(picture, 1.0, w)[0].numpy() for w in (left, 1.0))
        error = np.abs(np.stack(to_codes(out, of)) * unit - wanted)
        # An age that rounds the other way moves few samples.
        assert error.max() <= 0.5 / 255 and np.quantile(error, 0.98) <= 1e-4
        off.append(np.abs(wanted - without).max() * 255)
    assert off[0] == 0 and max(off) > 2
    network.close()
