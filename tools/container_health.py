"""The image's health check, which runs inside the container.

This only checks liveness, because restarting doesn't help if the service is waiting for PostgreSQL.
It uses `PORT` for the API and `ADMIN_PORT` for all other roles.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final

_TIMEOUT_SECONDS: Final = 2.0


def fault(environment: Mapping[str, str]) -> str | None:
    """Return why the role is unhealthy, or None if it is healthy."""
    port = int(environment.get("ADMIN_PORT") or environment.get("PORT") or "8000")
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"no response on port {port}: {error}"
    finally:
        connection.close()
    return None if status == 200 else f"port {port} returns {status}"


if __name__ == "__main__":
    sys.exit(fault(os.environ))
