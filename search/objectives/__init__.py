"""What a search minimises and on which network, one a file."""

from search.objectives.night import NIGHT
from search.objectives.objective import Example, Lit, Objective
from search.objectives.paper import PAPER

__all__ = ["NIGHT", "OBJECTIVES", "PAPER", "Example", "Lit", "Objective"]

OBJECTIVES: dict[str, Objective] = {"paper": PAPER, "night": NIGHT}
