"""Recipes: all that decides a training but the data, as literals, one a file."""

from model.recipes.free import FREE
from model.recipes.night import NIGHT
from model.recipes.recipe import Recipe
from model.recipes.ruas import RUAS

__all__ = ["FREE", "NIGHT", "RECIPES", "RUAS", "Recipe"]

RECIPES = {recipe.description.name: recipe for recipe in (RUAS, FREE, NIGHT)}
