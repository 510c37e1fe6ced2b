"""Files to files: one video from its decoder to its encoder."""
