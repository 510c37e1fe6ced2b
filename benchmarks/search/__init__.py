"""What the scripts about the search are made of."""
