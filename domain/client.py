"""Machine clients: programs that call the API on their own behalf."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import Invalid
from domain.ids import ClientId
from domain.scope import Scope
from domain.validation import parse_text

MAX_NAME: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineClient:
    """A machine client, such as a payment service. Its tokens have at most its `scopes`."""

    id: ClientId
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None


def parse_client_name(value: object) -> str:
    """Parse the name of a new machine client.

    A name is one word, so that lists of clients are easy to read for programs. It is not a UUID,
    because commands accept either a name or an id.

    Raises:
        Invalid: it is not 1 to 64 letters, digits, dots, hyphens and underscores, or it is a UUID.
    """
    name = parse_text(value, 1, MAX_NAME)
    if not _NAME.fullmatch(name):
        raise Invalid.value(
            "bad-name",
            "Must begin with an ASCII letter or digit, followed by letters, digits, dots, hyphens"
            " and underscores.",
        )
    if parse_client_id(name) is not None:
        raise Invalid.value("bad-name", "Must not be a UUID.")
    return name


def parse_client_id(text: str) -> ClientId | None:
    """Return the id with this text, or None if it's not a UUID."""
    try:
        return ClientId(UUID(text))
    except ValueError:
        return None
