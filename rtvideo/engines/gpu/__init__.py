"""Engines on a CUDA device, and how the fastest of them is found."""
