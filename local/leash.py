"""A child process on a leash: it ends when the process that holds the other end of a pipe is gone.

So nothing outlives the supervisor, however it ends (a kill -9 too), on every operating system alike: the pipe closes
when its holder does. Azurite, which is Node, has the same few lines in `npm/leash.cjs`.
"""

from __future__ import annotations

import os
import signal
import threading
import time

GRACE_SECONDS = 8


def hold_leash(descriptor: int) -> None:
    """Watch a pipe from a thread (0: standard input); when it ends, stop this process."""
    threading.Thread(target=_watch, args=(descriptor,), name="leash", daemon=True).start()


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1024):
        pass
    signal.raise_signal(signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
