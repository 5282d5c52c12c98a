"""Standard input, output and error that are closed, or whose other end has gone away."""

import os
import sys
from contextlib import suppress

_MODES = ("r", "w", "w")
_NAMES = ("stdin", "stdout", "stderr")


def open_standard_streams() -> None:
    """Open /dev/null in place of each standard stream that the caller has closed.

    Otherwise the next file or socket gets the descriptor 0, 1 or 2, and what is meant for a
    terminal is written to it.
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
    """Send what is still buffered for standard output nowhere; its reader has gone away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    with suppress(OSError):
        sys.stdout.flush()
