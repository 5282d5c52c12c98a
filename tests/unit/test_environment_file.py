"""`.env` files, as written by editors and shells on several systems."""

from pathlib import Path

import pytest

from entrypoints.settings import BadSettings, load_settings


@pytest.fixture(autouse=True)
def in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)


def error() -> str:
    with pytest.raises(BadSettings) as fail:
        load_settings()
    [(name, message)] = fail.value.errors.items()
    assert name == ".env"
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_and_without_a_byte_order_mark(encoding: str) -> None:
    Path(".env").write_bytes("PORT=8001\r\n# café\r\n".encode(encoding))
    assert load_settings().port == 8001


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_named_in_the_error(encoding: str) -> None:
    Path(".env").write_bytes("PORT=8001\n".encode(encoding))
    assert error() == "is not UTF-8 but looks like UTF-16: save it as UTF-8"


def test_text_that_is_not_utf_8_is_named_with_its_line() -> None:
    Path(".env").write_bytes("PORT=8001\n# café\n".encode("latin-1"))
    assert error() == "is not UTF-8 (line 2): save it as UTF-8"


def test_reason_of_an_unreadable_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").touch()

    def fail(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied", ".env")

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert error() == "cannot be read: Permission denied"


def test_wrong_line_is_named_by_number_without_its_text() -> None:
    Path(".env").write_text("PORT=8001\nJWT_SECRET_KEY='an open quote\n")
    assert error() == "line 2 is no NAME=value"


def test_folder_or_missing_file_is_ignored() -> None:
    assert load_settings().port == 8000
    Path(".env").mkdir()
    assert load_settings().port == 8000


def test_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=8001\nHOST=::1\n")
    monkeypatch.setenv("PORT", "8002")
    assert (load_settings().port, load_settings().host) == (8002, "::1")
