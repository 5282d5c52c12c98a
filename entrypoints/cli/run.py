"""Steps that all commands share: read the settings, set up the logs, run an event loop."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import NoReturn

from entrypoints.observability.logs import configure_logs, log_crashes
from entrypoints.settings import Settings, load_settings
from libraries.http_server.accept_queue import ServerLoop


def configured() -> Settings:
    """Read the settings and configure the logs accordingly.

    Raises:
        BadSettings: settings are wrong or missing. The error lists all of them.
    """
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    log_crashes()
    return settings


def run(command: Coroutine[None, None, int]) -> NoReturn:
    """Run a command until it is done, and exit with the status it returns."""
    with asyncio.Runner(loop_factory=ServerLoop) as runner:
        sys.exit(runner.run(command))
