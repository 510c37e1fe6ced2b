"""The command line: `main` is what the program ``rtvideo`` runs."""

from rtvideo.cli.entry import main

__all__ = ["main"]
