"""Bounds of a connection."""

import resource
from contextlib import suppress
from typing import Final

#: Bytes of a request line with its headers, and of the trailers of a chunked body beside them.
MAX_HEAD_BYTES = 64 * 1024
#: Bytes of a body that wait for the application before the connection is read no further.
MAX_BUFFERED_BYTES = 64 * 1024
#: Bytes of a body that are read and dropped to keep a connection whose request is answered.
MAX_DRAINED_BYTES = 64 * 1024

#: Time from the first byte of a head to its end; of the first head, from the opening.
HEAD_SECONDS = 10.0
#: Time from the end of a head to the end of its body.
BODY_SECONDS = 30.0
#: Time in which a client must have read a part of its response.
WRITE_SECONDS = 30.0
#: Time for which an idle connection is kept when the service stops.
SHUTDOWN_IDLE_SECONDS = 1.0
#: Time for which a closing connection is read, so that a reset does not destroy the response
#: (RFC 9112, section 9.6): without a byte, and in total.
LINGER_IDLE_SECONDS = 2.0
LINGER_SECONDS = 30.0
#: Time between two checks of the deadlines.
TICK_SECONDS = 0.5

_MAX_CONNECTIONS: Final = 10_000
#: File descriptors for everything except client connections.
_RESERVED_FILES: Final = 256


def raise_file_limit() -> None:
    """Raise the limit of open files to its hard limit (RLIMIT_NOFILE)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a kernel may allow less than its hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_connections() -> int:
    """Return the number of connections that a process keeps open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return min(_MAX_CONNECTIONS, max(soft - _RESERVED_FILES, soft // 2))
