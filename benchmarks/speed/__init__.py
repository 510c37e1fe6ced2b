"""Engines on the CPU: who runs against each other, in which turns, and against which peak."""
