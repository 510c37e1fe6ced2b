"""Faults of lit pictures that scores against references hide: measures, scenes that show them, the table."""
