"""Frames that NVDEC leaves on the device, and that NVENC takes from there."""
