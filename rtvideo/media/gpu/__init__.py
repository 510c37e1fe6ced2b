"""Frames in the memory of a GPU: decoded by NVDEC, enhanced there, encoded by NVENC."""
