"""Recipes: all that decides a training but the data, as literals, one a file."""

from model.recipes.lol import LOL
from model.recipes.night import NIGHT
from model.recipes.recipe import Recipe
from model.recipes.ruas import RUAS
from model.recipes.selftaught import SELFTAUGHT

__all__ = ["LOL", "NIGHT", "RECIPES", "RUAS", "SELFTAUGHT", "Recipe"]

RECIPES = {recipe.description.name: recipe for recipe in (RUAS, SELFTAUGHT, NIGHT, LOL)}
