"""Recipes: all that decides a training but the data, as literals, one a file."""

from model.recipes.exposure import EXPOSURE
from model.recipes.lol import LOL
from model.recipes.night import NIGHT
from model.recipes.recipe import Recipe
from model.recipes.ruas import RUAS
from model.recipes.selftaught import SELFTAUGHT

__all__ = ["EXPOSURE", "LOL", "NIGHT", "RECIPES", "RUAS", "SELFTAUGHT", "Recipe"]

RECIPES = {
    "ruas": RUAS, "selftaught": SELFTAUGHT, "night": NIGHT, "exposure": EXPOSURE, "lol": LOL
}  # fmt: skip
