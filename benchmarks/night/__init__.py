"""Nights with the range of real ones: what a camera records of them, a truth that keeps lights, scores."""
