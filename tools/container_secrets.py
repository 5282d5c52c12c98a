"""The secrets of the containers: made at random once, and kept in a volume that they share.

Whoever runs them may give a secret of their own in this program's environment; that one wins. No
secret is ever printed, and what is made here is in no container's environment.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KEPT: Final = Path("/var/lib/orders-secrets")

#: libpq and asyncpg read a password file differently where it holds these.
_AMBIGUOUS: Final = frozenset("\\:\n\r")


class BadSecret(Exception):
    """A secret was given that its reader could not use."""


def main(kept: Path, given: Mapping[str, str]) -> None:
    """See to it that every secret is there.

    Raises:
        BadSecret: one was given that its reader could not use; nothing has changed then.
    """
    key = _secret("JWT_SECRET_KEY", kept / "jwt-secret-key", given)
    password = _secret("POSTGRES_PASSWORD", kept / "postgres-password", given)
    if len(key.encode()) < 32:
        raise BadSecret("JWT_SECRET_KEY must have at least 32 bytes")
    if _AMBIGUOUS & set(password) or not password.isascii():
        raise BadSecret("POSTGRES_PASSWORD must be ASCII, with no backslash, colon or line break")
    _keep(kept / "jwt-secret-key", key, 0o400)
    # PostgreSQL's container is of the group.
    _keep(kept / "postgres-password", password, 0o440)
    # Nobody believes a password file that others may read.
    _keep(kept / "pgpass", f"postgres:5432:*:orders:{password}\n", 0o400)


def _secret(name: str, file: Path, given: Mapping[str, str]) -> str:
    """The secret that was given, or else kept, or else a new one."""
    if own := given.get(name, "").strip():
        sys.stdout.write(f"{name}: as given.\n")
        return own
    if file.exists():
        sys.stdout.write(f"{name}: kept.\n")
        return file.read_text()
    sys.stdout.write(f"{name}: made at random.\n")
    return secrets.token_urlsafe(48)


def _keep(file: Path, text: str, mode: int) -> None:
    """Put it in its place, whole or not at all, and never readable for others meanwhile."""
    draft = file.with_name(f".{file.name}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as handle:
        handle.write(text)
    draft.replace(file)


if __name__ == "__main__":
    try:
        main(KEPT, os.environ)
    except BadSecret as error:
        sys.exit(f"secrets: {error}.")
