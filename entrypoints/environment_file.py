"""Read settings from a UTF-8 file, using python-dotenv."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

_REMEDY = "save it as UTF-8"


def read_environment_file(path: Path) -> Mapping[str, str]:
    """Return the file's settings. There are none if the file does not exist.

    Raises:
        ValueError: the file cannot be read, is not UTF-8, or has a line that is not a setting.
    """
    if path.is_dir():  # some people call their virtual environment `.env`
        return {}
    text = _text(path)
    bad = [binding.original.line for binding in parse_stream(StringIO(text)) if binding.error]
    if bad:
        raise ValueError(f"line {bad[0]} is no NAME=value")
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw:
        raise ValueError(f"is not UTF-8 but looks like UTF-16: {_REMEDY}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 (line {line}): {_REMEDY}") from error
