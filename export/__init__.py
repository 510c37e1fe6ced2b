"""From a checkpoint to the files that `rtvideo` ships; see ``python -m export --help``."""
