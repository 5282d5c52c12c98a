"""The keys that sign tokens and cursors."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from adapters.security.keys import SigningKeys
from entrypoints.composition.errors import CannotStart
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.settings import Settings


def signing_keys(settings: Settings, storage: StorageLifecycle) -> SigningKeys:
    """Return the keys in the settings, or else a random key that is stored next to the data.

    Raises:
        CannotStart: the random key cannot be written or read.
    """
    secret = settings.secret or random_secret(_folder(settings, storage))
    return SigningKeys(secret, settings.jwt_previous_secret_keys)


def random_secret(folder: Path) -> bytes:
    """Return the random key in `folder`. Create the folder and the key if they are missing.

    Raises:
        CannotStart: the key cannot be written or read.
    """
    path = folder / "jwt-secret-key"
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_secret(path)
        return path.read_bytes().strip()
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise CannotStart(f"Cannot use DATA_DIR: {error.strerror or error}{place}.") from error


def _folder(settings: Settings, storage: StorageLifecycle) -> Path:
    return storage.data_dir or (settings.data_dir or Path("var")).expanduser().resolve()


def _make_secret(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process was faster, so use its key
        os.link(draft, path)
    draft.unlink()
