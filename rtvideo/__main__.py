"""``python -m rtvideo``: the same as the ``rtvideo`` command."""

import sys

from rtvideo.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
