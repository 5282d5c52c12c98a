"""Starting the embedded service on a full disk ends with one sentence."""

import errno
import os
from typing import Any

import pytest

from entrypoints.composition.errors import CannotStart
from entrypoints.composition.providers.postgres.embedded import EmbeddedLifecycle
from entrypoints.composition.signing_keys import random_secret
from libraries.embedded_postgres import ServeLock, choose_layout
from tests.e2e.service import a_data_dir


def raise_no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_while_locking_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "pwrite", raise_no_space)
        sentence = r"^Cannot write .*/serve\.lock: No space left on device\.$"
        with pytest.raises(CannotStart, match=sentence), EmbeddedLifecycle(folder, 2).serve_lock():
            pass
        monkeypatch.undo()
        with ServeLock(choose_layout(folder).data_dir):  # works because the lock was released
            pass


def test_full_disk_while_writing_the_signing_key_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "fsync", raise_no_space)
        with pytest.raises(CannotStart, match=r"No space left on device"):
            random_secret(folder)
        monkeypatch.undo()
        assert len(random_secret(folder)) >= 32
