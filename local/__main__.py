"""`python -m local` does what `make run` and `python run.py` do, with the same commands and options.

Outside a virtual environment, where nothing is installed, `run.py` makes one first. Until then everything runs on
whatever Python there is, so this file keeps to the syntax of Python 3.6 and to the standard library.
"""

import sys

if __name__ == "__main__":
    if sys.prefix == sys.base_prefix:
        from run import start
    else:
        from local.command_line import main as start
    sys.exit(start(sys.argv[1:]))
