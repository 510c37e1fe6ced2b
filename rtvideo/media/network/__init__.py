"""Addresses, servers, cameras and pipes: how they are named, reached and read."""
