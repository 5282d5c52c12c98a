"""Limits for connections."""

import resource
from contextlib import suppress
from typing import Final

#: Applies to the request line and headers, together with any trailers of a chunked body.
MAX_HEAD_BYTES = 64 * 1024
#: If this much of a body is waiting for the application, reading from the connection is paused.
MAX_BUFFERED_BYTES = 64 * 1024
#: If a request is answered early, this much of its body is read and dropped to keep the
#: connection open.
MAX_DRAINED_BYTES = 64 * 1024

#: From a head's first byte to its end. For the first head, from when the connection is opened.
HEAD_SECONDS = 10.0
#: From the end of a head to the end of the body.
BODY_SECONDS = 30.0
#: How long a client may take to read any part of its response.
WRITE_SECONDS = 30.0
#: How long idle connections stay open while the service is stopping.
SHUTDOWN_IDLE_SECONDS = 1.0
#: How long a closing connection is still read, because a reset might destroy the response
#: (RFC 9112, section 9.6). The first limit is for the time without any bytes, the second is for
#: the total.
LINGER_IDLE_SECONDS = 2.0
LINGER_SECONDS = 30.0
#: How often deadlines are checked.
TICK_SECONDS = 0.5

_MAX_CONNECTIONS: Final = 10_000
#: File descriptors for everything except client connections.
_RESERVED_FILES: Final = 256


def raise_file_limit() -> None:
    """Raise the open file limit (RLIMIT_NOFILE) to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a kernel may allow less than its hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_connections() -> int:
    """Return how many connections a process can keep open at the same time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return min(_MAX_CONNECTIONS, max(soft - _RESERVED_FILES, soft // 2))
