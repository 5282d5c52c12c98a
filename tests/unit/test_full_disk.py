"""An embedded start on a full disk ends with one sentence."""

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


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def settings_of(folder: Path) -> Settings:
    return load_settings({"DATA_DIR": str(folder)})


def test_the_lock_of_the_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "pwrite", full)
        sentence = r"^Cannot write .*/serve\.lock: No space left on device\.$"
        with pytest.raises(CannotStart, match=sentence), only_server(settings_of(folder)):
            pass
        monkeypatch.undo()
        with ServeLock(choose_place(folder).data_dir):  # it was given back
            pass


def test_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_data_dir() as folder:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CannotStart, match=r"No space left on device"):
            signing_secret(settings_of(folder))
        monkeypatch.undo()
        assert len(signing_secret(settings_of(folder))) >= 32
