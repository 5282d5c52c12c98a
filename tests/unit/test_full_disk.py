"""An embedded start on a raise_no_space disk ends with one sentence."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from entrypoints.composition.embedded import only_server, signing_secret
from entrypoints.composition.errors import CannotStart
from entrypoints.settings import Settings, load_settings
from libraries.embedded_postgres import ServeLock, choose_place
from tests.e2e.service import a_data_dir


def raise_no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def settings_for(folder: Path) -> Settings:
    return load_settings({"DATA_DIR": str(folder)})


def test_full_disk_while_locking_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "pwrite", raise_no_space)
        sentence = r"^Cannot write .*/serve\.lock: No space left on device\.$"
        with pytest.raises(CannotStart, match=sentence), only_server(settings_for(folder)):
            pass
        monkeypatch.undo()
        with ServeLock(choose_place(folder).data_dir):  # the lock was released
            pass


def test_full_disk_while_writing_the_signing_key_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "fsync", raise_no_space)
        with pytest.raises(CannotStart, match=r"No space left on device"):
            signing_secret(settings_for(folder))
        monkeypatch.undo()
        assert len(signing_secret(settings_for(folder))) >= 32
