"""A camera that draws the time into its pictures, and a browser that reads it."""
