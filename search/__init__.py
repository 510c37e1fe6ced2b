"""The cooperative architecture search (section 3.2)."""
