"""Random secrets of the containers, made once and stored in a shared volume.

A secret in this program's environment has priority. Secrets are never printed, and no
container has a random secret in its environment.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/var/lib/orders-secrets")

#: libpq and asyncpg read a password file with these characters differently.
_AMBIGUOUS: Final = frozenset("\\:\n\r")


class BadSecret(Exception):
    """A given secret is not usable."""


def main(folder: Path, given: Mapping[str, str]) -> None:
    """Store every secret.

    Raises:
        BadSecret: a given secret is not usable. Nothing has changed then.
    """
    key = _secret("JWT_SECRET_KEY", folder / "jwt-secret-key", given)
    password = _secret("POSTGRES_PASSWORD", folder / "postgres-password", given)
    if len(key.encode()) < 32:
        raise BadSecret("JWT_SECRET_KEY must have at least 32 bytes")
    if _AMBIGUOUS & set(password) or not password.isascii():
        raise BadSecret("POSTGRES_PASSWORD must be ASCII, with no backslash, colon or line break")
    _store(folder / "jwt-secret-key", key, 0o400)
    # PostgreSQL's container runs in this group.
    _store(folder / "postgres-password", password, 0o440)
    # libpq ignores a password file that other users can read.
    _store(folder / "pgpass", f"postgres:5432:*:orders:{password}\n", 0o400)


def _secret(name: str, file: Path, given: Mapping[str, str]) -> str:
    """Return the given secret, else the stored one, else a new one."""
    if own := given.get(name, "").strip():
        sys.stdout.write(f"{name}: as given.\n")
        return own
    if file.exists():
        sys.stdout.write(f"{name}: stored before.\n")
        return file.read_text()
    sys.stdout.write(f"{name}: made at random.\n")
    return secrets.token_urlsafe(48)


def _store(file: Path, text: str, mode: int) -> None:
    """Write the file atomically. Other users can never read it."""
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
