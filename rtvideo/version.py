"""The one place that knows the version; setup.cfg and ``--version`` read it from here."""

__version__ = "0.1.0"
