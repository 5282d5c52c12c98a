"""The name and version of the service in its documents."""

from typing import Final

NAME: Final = "Order management service"
VERSION: Final = "1.0.0"
