"""Viewers: a window and a web page that show frames while they are enhanced."""
