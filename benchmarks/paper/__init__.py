"""The entries of docs/reproduction.md: tables and figures of the paper."""
