"""Standard streams that are closed, or that have no reader any more."""

import os
import sys
from contextlib import suppress

_MODES = ("r", "w", "w")
_NAMES = ("stdin", "stdout", "stderr")


def open_standard_streams() -> None:
    """Open /dev/null in place of each standard stream that is closed.

    Otherwise the next file or socket gets the descriptor 0, 1 or 2, and receives the output.
    """
    for descriptor, (name, mode) in enumerate(zip(_NAMES, _MODES, strict=True)):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free descriptor, and all below this one are open.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def discard_output() -> None:
    """Discard the buffered output: the reader of standard output has closed it."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    with suppress(OSError):
        sys.stdout.flush()
