"""What all benchmarks share: the machine's facts, and where figures are written."""
