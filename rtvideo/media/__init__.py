"""All that touches FFmpeg: files are read, planned, converted and written here, and nowhere else."""
