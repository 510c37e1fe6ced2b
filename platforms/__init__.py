"""Wheels and kernels for other machines."""
