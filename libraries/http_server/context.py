"""Objects shared by all connections of a server."""

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from libraries.http_server.refusals import App


@dataclass(frozen=True, slots=True)
class ServerContext:
    """uvicorn's configuration and state, the application and the event loop."""

    config: Config
    state: ServerState
    app: App
    app_state: dict[str, Any]
    loop: asyncio.AbstractEventLoop
