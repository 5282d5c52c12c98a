"""Whether the role in this container answers: the image's health check, run inside it.

Liveness alone: a service that waits for PostgreSQL is not helped by being started again. The API
is asked at `PORT`, every other role at `ADMIN_PORT`.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final

_PATIENCE: Final = 2.0


def fault(environment: Mapping[str, str]) -> str | None:
    """Why it is not healthy; None where it is."""
    port = int(environment.get("ADMIN_PORT") or environment.get("PORT") or "8000")
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/health/")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"nobody answers on port {port}: {error}"
    finally:
        connection.close()
    return None if status == 200 else f"port {port} answers with {status}"


if __name__ == "__main__":
    sys.exit(fault(os.environ))
