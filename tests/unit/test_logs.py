"""The content of log lines. A process never writes anything else."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from entrypoints.observability import logs
from entrypoints.observability.log_lines import console_line, traceback_text
from entrypoints.observability.log_secrets import HIDDEN, without_secrets
from entrypoints.observability.logs import write_line

REQUEST: Final = {
    "event": "request",
    "level": "info",
    "method": "POST",
    "path": "/orders/",
    "status": 201,
    "ms": 12.3,
    "request_id": "r-1",
}


def line(**changes: Any) -> str:
    shown = console_line(colors=False)(None, "", REQUEST | changes)
    time, _, rest = shown.partition(" ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", time)
    return rest


def test_line_of_a_request_begins_with_its_status() -> None:
    assert line(user="u-1") == "INFO  201 POST /orders/ 12.3 ms user=u-1"


def test_line_of_a_refused_request_has_code_user_and_request_id() -> None:
    shown = line(status=409, code="reference-taken", user="u-1")
    assert shown == "INFO  409 POST /orders/ 12.3 ms code=reference-taken user=u-1 request_id=r-1"


def test_line_of_another_event_has_its_text_and_fields() -> None:
    shown = console_line(colors=False)(
        None, "", {"event": "a loop failed", "level": "warning", "loop": "relay", "reason": "a b"}
    )
    assert shown.endswith(" WARN  a loop failed loop=relay reason='a b'")


@pytest.mark.parametrize("path", ["/a\n12:00:00.000 INFO  200", "/a\x1b[2J", "/a\r"])
def test_control_characters_of_a_path_are_escaped(path: str) -> None:
    assert line(path=path).isprintable()


def test_only_terminals_get_colors() -> None:
    event = {"event": "x", "level": "error"}
    assert "\x1b[31mERROR\x1b[0m" in console_line(colors=True)(None, "", dict(event))
    assert "\x1b" not in console_line(colors=False)(None, "", dict(event))


def test_requests_are_written_together_with_a_line_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(logs, "_style", "json")
    monkeypatch.setattr(logs, "write_line", lambda _, line: written.append(line))
    logs.log_requests([{"path": "/orders/"}, {"path": "/me/"}])
    logs.log_requests([])
    [lines] = written
    read = [json.loads(line) for line in lines.split(b"\n")]
    assert [each["path"] for each in read] == ["/orders/", "/me/"]
    assert {(each["event"], each["level"]) for each in read} == {("request", "info")}


@pytest.mark.parametrize("request_id", ["r-1", None])
def test_lines_during_a_request_have_its_id(request_id: str | None) -> None:
    code = (
        "from entrypoints.observability.logs import configure_logs, current_request_id, logger\n"
        "configure_logs('INFO', 'json')\n"
        f"current_request_id.set({request_id!r})\n"
        "logger.warning('a')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stderr).get("request_id") == request_id


# --- Secrets


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("token eyJhbGciOiJI.eyJzdWIi.c2ln is", f"token {HIDDEN} is"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("hash $argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA+/ is", f"hash {HIDDEN} is"),
        ("postgresql://ada:pw@db:5432/orders", f"postgresql://ada:{HIDDEN}@db:5432/orders"),
        ("postgresql://ada:pw@db.example/orders", f"postgresql://ada:{HIDDEN}@db.example/orders"),
        ("550 <ada.b+c@b\u00fccher.example>: no", f"550 <{HIDDEN}>: no"),
        (f"/me/sessions/{'r' * 64}/", f"/me/sessions/{HIDDEN}/"),
        (f"/me/sessions/{'r' * 65}/", None),
        ("/register/ada@example.com/", f"/register/{HIDDEN}/"),
        ("postgresql://ada@db.example:5432/orders", None),
        (
            "invalid input for query argument $2: 'correct horse' (expected int)",
            f"invalid input for query argument $2: {HIDDEN} (expected int)",
        ),
        ("null value\nDETAIL:  Failing row contains (1, a).", f"null value\nDETAIL:  {HIDDEN}"),
        ("nothing of it: 12 eyes at http://localhost:8000/docs", None),
    ],
)
def test_secrets_in_texts_are_hidden(text: str, left: str | None) -> None:
    assert without_secrets(text) == (text if left is None else left)


def test_traceback_has_frames_and_message_but_no_local_variables() -> None:
    def deep(depth: int, password: str) -> int:
        return deep(depth - 1, password) if depth else len(password) // 0

    try:
        deep(200, "correct" + " horse")
    except ZeroDivisionError as error:
        text = traceback_text((type(error), error, error.__traceback__))
    assert text.startswith("Traceback (most recent call last):")
    assert text.endswith("ZeroDivisionError: integer division or modulo by zero")
    assert "correct horse" not in text
    assert len(text.splitlines()) < 100


# --- All lines that a process writes

PROCESS: Final = """
import asyncio, logging, threading, warnings
from entrypoints.observability.logs import announce_ready, configure_logs, log_crashes, logger
configure_logs("DEBUG", "json")
log_crashes()
{act}
"""
ACTS: Final = {
    "ours": "logger.info('a', text='b\\nc')",
    "requests": "from entrypoints.observability.logs import log_requests\n"
    "log_requests([{'path': '/a\\nb', 'id': object()}])",
    "a library's": "logging.getLogger('x').error('a\\nb', exc_info=ValueError('c'))",
    "a warning": "warnings.warn('a')",
    "the banner": "announce_ready('It is ready.', API='http://x')",
    "a crash": "1 / 0",
    "a crashed thread": "threading.Thread(target=lambda: 1 / 0).start()",
    "an error while collecting": "type('A', (), {'__del__': lambda self: 1 / 0})()",
    "a task that nothing waits for": """
async def fail(): raise ValueError("a")
async def main():
    asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_every_line_is_json_if_the_format_is_json(act: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS.format(act=act)], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert [json.loads(each).keys() >= {"event", "level", "timestamp"} for each in lines] == [True]


def test_closed_reader_of_the_log_is_ignored() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    write_line(writing, b"lost")
    os.close(writing)


def test_partial_writes_are_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[bytes] = []

    def write(_: int, data: bytes) -> int:
        written.append(data[:2])
        return len(written[-1])

    write_to: Callable[[int, bytes], None] = write_line
    monkeypatch.setattr(os, "write", write)
    write_to(2, b"12345")
    assert b"".join(written) == b"12345\n"
