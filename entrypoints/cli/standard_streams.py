"""Deal with standard streams that are closed or that no longer have a reader."""

import os
import sys
from contextlib import suppress

_MODES = ("r", "w", "w")
_NAMES = ("stdin", "stdout", "stderr")


def open_standard_streams() -> None:
    """Open /dev/null in place of each closed standard stream.

    Otherwise the next file or socket would get descriptor 0, 1 or 2 and receive our output.
    """
    for descriptor, (name, mode) in enumerate(zip(_NAMES, _MODES, strict=True)):
        try:
            os.fstat(descriptor)
        except OSError:
            # This opens the lowest free descriptor, and all lower ones are already open.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def discard_output() -> None:
    """Discard buffered output, because the reader of standard output has closed it."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    with suppress(OSError):
        sys.stdout.flush()
