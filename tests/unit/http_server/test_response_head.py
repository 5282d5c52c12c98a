"""Headers can't smuggle a line or a control character into a response (RFC 9110, section 5.5)."""

import pytest

from libraries.http_server.response import ResponseHead


def head_with(value: bytes) -> bytes:
    return ResponseHead({"status": 200, "headers": [(b"x-a", value)]}, [(b"server", b"us")]).head


@pytest.mark.parametrize("byte", [*(each for each in range(0x20) if each != 0x09), 0x7F])
def test_a_control_character_is_refused(byte: int) -> None:
    with pytest.raises(RuntimeError, match="control character"):
        head_with(b"a%cb" % byte)


@pytest.mark.parametrize("byte", [0x09, 0x20, 0x7E, 0x80, 0xFF])
def test_other_bytes_are_sent_unchanged(byte: int) -> None:
    value = b"a%cb" % byte
    assert head_with(value) == b"HTTP/1.1 200 OK\r\nserver: us\r\nx-a: %b\r\n" % value
