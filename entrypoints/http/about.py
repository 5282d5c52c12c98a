"""The service's name and version, as its documents give them."""

from typing import Final

NAME: Final = "Order management service"
VERSION: Final = "1.0.0"
