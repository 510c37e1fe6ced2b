"""What a search may choose beside the operations of the edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from model.genotypes import with_genotypes
from rtvideo.models.description import OPERATIONS, Description, Genotype
from search.scales import OFF


@dataclass(frozen=True)
class Space:
    """Options; what has none is not searched.

    Attributes:
        operations: of each edge of a cell.
        scales: of each illumination stage, the finest first; `OFF` leaves the stage out, so that the number
            of stages is searched, too.
        channels: of noise removal's cells.
        stages: of noise removal.
    """

    operations: tuple[str, ...] = OPERATIONS
    scales: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    stages: tuple[int, ...] = ()

    def largest(self, description: Description) -> Description:
        """Return the network that all others of the space are a part of."""
        illumination, noise = description.illumination, description.noise
        if self.scales:
            illumination = replace(illumination, scales=(self.scales[0],) * len(illumination.scales))
        if noise is not None:
            channels = max(self.channels, default=noise.channels)
            noise = replace(noise, channels=channels, stages=max(self.stages, default=noise.stages))
        return replace(description, illumination=illumination, noise=noise)

    def network(
        self, description: Description, cells: Mapping[str, Genotype], options: Mapping[str, Sequence[int]]
    ) -> Description:
        """Return a network of the space, by its cells and the numbers of its options.

        Args:
            description: what is not searched.
            cells: ``{"iem": ..., "nrm": ...}``.
            options: ``scales`` of each stage, ``channels`` and ``stages``, as far as they are searched.
        """
        found = with_genotypes(description, cells)
        illumination, noise = found.illumination, found.noise
        if self.scales:
            scales = tuple(s for i in options["scales"] if (s := self.scales[i]) != OFF)
            # A network without any stage would be none: the coarsest costs next to nothing.
            illumination = replace(illumination, scales=scales or (max(self.scales),))
        if noise is not None and self.channels:
            noise = replace(noise, channels=self.channels[options["channels"][0]])
        if noise is not None and self.stages:
            noise = replace(noise, stages=self.stages[options["stages"][0]])
        return replace(found, illumination=illumination, noise=noise)
