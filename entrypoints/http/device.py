"""The client of a request, as a session remembers it."""

from typing import Final

from application.ports.sessions import Device
from entrypoints.http.guards import address_of
from entrypoints.http.messages.request import ApiRequest

MAX_USER_AGENT: Final = 256


def device_of(request: ApiRequest) -> Device:
    """Return the client's address and the printable part of its `User-Agent`."""
    header = request.list_header(b"user-agent") or ""
    printable = "".join(character for character in header if character.isprintable())
    return Device(address_of(request), printable[:MAX_USER_AGENT])
