"""Clips of the night with their truth, and measures over time."""
