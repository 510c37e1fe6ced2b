"""Many machines: a Ray cluster that takes files, and pieces of long ones, and says how far they are."""
