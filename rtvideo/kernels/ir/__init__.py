"""The intermediate form of a network: layers and passes, and the rewrites that keep its result."""
