"""An embedded start on a full disk ends with one sentence."""

import errno
import os
from typing import Any

import pytest

from entrypoints.composition.errors import CannotStart
from entrypoints.composition.providers.postgres.embedded import EmbeddedLifecycle
from entrypoints.composition.signing_keys import random_secret
from libraries.embedded_postgres import ServeLock, choose_layout
from tests.e2e.service import a_data_dir


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_lock_of_the_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "pwrite", full)
        sentence = r"^Cannot write .*/serve\.lock: No space left on device\.$"
        with pytest.raises(CannotStart, match=sentence), EmbeddedLifecycle(folder, 2).serve_lock():
            pass
        monkeypatch.undo()
        with ServeLock(choose_layout(folder).data_dir):  # it was given back
            pass


def test_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CannotStart, match=r"No space left on device"):
            random_secret(folder)
        monkeypatch.undo()
        assert len(random_secret(folder)) >= 32
