"""The web viewer, ``--serve``: a page that shows pictures while they are made, and sets how they are made."""
