"""The image's health check, run inside the container.

It checks liveness only: a restart does not help a service that waits for PostgreSQL. The API is
checked at `PORT`, every other role at `ADMIN_PORT`.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final

_TIMEOUT_SECONDS: Final = 2.0


def fault(environment: Mapping[str, str]) -> str | None:
    """Return the reason why the role is not healthy, or None if it is."""
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
