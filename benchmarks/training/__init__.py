"""Short trainings whose results are kept: the cache, the paper's variants, and those of an ablation."""
