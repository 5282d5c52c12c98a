"""The service's name and version, as shown in its documents."""

from typing import Final

NAME: Final = "Order management service"
VERSION: Final = "1.0.0"
