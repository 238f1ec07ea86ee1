"""``python -m gnlab``: the same as the ``gnlab`` command."""

import sys

from gnlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
