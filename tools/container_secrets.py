"""Generate random secrets for the containers and store them in a shared volume.

Secrets in this program's environment take precedence. Secrets are never printed, and random ones
are never put in a container's environment.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/var/lib/orders-secrets")

#: libpq and asyncpg disagree about these characters in a password file.
_AMBIGUOUS: Final = frozenset("\\:\n\r")


class BadSecret(Exception):
    """A secret in the environment is not usable."""


def main(folder: Path, given: Mapping[str, str]) -> None:
    """Store all secrets.

    Raises:
        BadSecret: a given secret is not usable. In this case, nothing has been stored.
    """
    key = _secret("JWT_SECRET_KEY", folder / "jwt-secret-key", given)
    password = _secret("POSTGRES_PASSWORD", folder / "postgres-password", given)
    if len(key.encode()) < 32:
        raise BadSecret("JWT_SECRET_KEY must have at least 32 bytes")
    if _AMBIGUOUS & set(password) or not password.isascii():
        raise BadSecret("POSTGRES_PASSWORD must be ASCII, with no backslash, colon or line break")
    _store(folder / "jwt-secret-key", key, 0o400)
    # PostgreSQL's container reads this as a member of the group.
    _store(folder / "postgres-password", password, 0o440)
    # libpq ignores password files that other users can read.
    _store(folder / "pgpass", f"postgres:5432:*:orders:{password}\n", 0o400)


def _secret(name: str, file: Path, given: Mapping[str, str]) -> str:
    """Return the given secret, or the stored one, or else a new one."""
    if own := given.get(name, "").strip():
        sys.stdout.write(f"{name}: as given.\n")
        return own
    if file.exists():
        sys.stdout.write(f"{name}: stored before.\n")
        return file.read_text()
    sys.stdout.write(f"{name}: made at random.\n")
    return secrets.token_urlsafe(48)


def _store(file: Path, text: str, mode: int) -> None:
    """Write the file atomically, without ever making it readable for other users."""
    draft = file.with_name(f".{file.name}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as handle:
        handle.write(text)
    draft.replace(file)


if __name__ == "__main__":
    try:
        main(FOLDER, os.environ)
    except BadSecret as error:
        sys.exit(f"secrets: {error}.")
