"""Engines on a GPU: how far from float64, how fast, and against what else is there."""
