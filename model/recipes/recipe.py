"""What a recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rtvideo.models.description import Description


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, what it minimises, and for how long.

    Attributes:
        summary: one line for lists of models.
        description: the network; a genotype file may replace its genotypes.
        losses: weight of each term, see `model.objectives`.
        separate: the noise removal's loss does not reach the illumination.
        learning_rate: of Adam; rises over the first 5 % of the steps, then falls as a cosine to 1 %.
        clip: largest norm of the gradient.
        batch, crop: crops a step, and their side in pixels.
        whole: the illumination sees each image whole, since it follows the scene; the crop is what is scored.
        shares: of what is learned from: ``given`` images as they are, ``lit`` photographs that must stay so
            and ``night`` scenes, both made from references (`model.night_pairs`), and whatever lies in a
            folder of a kind's name. Kinds of which there are no images do not count.
        light_only: kinds that teach light and leave noise removal alone (`model.objectives.of_light`), such
            as panoramas: they have less detail than a sensor sees, and would teach it to smooth.
        saturation: the least and the largest factor by which colours are multiplied, of every other image and
            of its reference alike, so that a network also keeps colours that it has not seen.
        fixed: weights that are not learned, by name, and the value that they keep.
        wished: noise removal and contrast are learned at the brightness of the reference, by the wish for
            more or less that an exposure leaves open (`model.objectives.wish`), and exposure by its own
            term, ``lit_brightness`` or ``lit_exposure``. So neither pays for what the other cannot know.
        continues: needs weights to begin with.
        average: largest share of the average of weights that a step keeps; the average is scored and saved.
        permuted: the channels of what is seen whole change places at random, so that no colour is preferred.
        unfaded: learns and is validated without the network's fade-out: a frame that fades stays as it is
            whatever is learned, and would teach exposure nothing.
        learned_floor: signal floor of the network while it learns and is validated, 0..1; 0 is that of the
            description. A higher one that it gets afterwards keeps skies blacker: noise removal that learns
            with it lifts them again.
    """

    summary: str
    description: Description
    losses: Mapping[str, float]
    separate: bool = False
    learning_rate: float = 1e-3
    clip: float = 1.0
    steps: int = 2000
    batch: int = 4
    crop: int = 192
    whole: bool = False
    shares: Mapping[str, float] = field(default_factory=lambda: {"given": 1.0})
    light_only: tuple[str, ...] = ()
    permuted: bool = False
    saturation: tuple[float, float] = (1.0, 1.0)
    fixed: Mapping[str, float] = field(default_factory=dict)
    wished: bool = False
    continues: bool = False
    average: float = 0.0
    unfaded: bool = False
    learned_floor: float = 0.0

    @property
    def learned(self) -> Description:
        """The network as it learns."""
        illumination = self.description.illumination
        if self.unfaded:
            illumination = replace(illumination, fade=(), fade_grey=())
        if self.learned_floor:
            illumination = replace(illumination, signal_floor=self.learned_floor)
        return replace(self.description, illumination=illumination)
