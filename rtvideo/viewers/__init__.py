"""What shows pictures while they are made: a window and a web page."""
