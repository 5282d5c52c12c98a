"""The count of transactions in the stream of a PostgreSQL."""

import pytest

from tests.support.transaction_counter import take_transactions

LOGIN = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
BEGIN = b"C\0\0\0\x0aBEGIN\0Z\0\0\0\x05T"
#: A row that holds the bytes of ReadyForQuery.
SELECT = b"D\0\0\0\x10\0\x01\0\0\0\x06Z\0\0\0\x05IC\0\0\0\x0dSELECT 1\0Z\0\0\0\x05T"
COMMIT = b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I"
FAILED = b"E\0\0\0\x05\0Z\0\0\0\x05E"


@pytest.mark.parametrize(
    ("messages", "transactions"),
    [
        (LOGIN, 1),
        (LOGIN + BEGIN + SELECT, 1),
        (LOGIN + BEGIN + SELECT + COMMIT, 2),
        (LOGIN + BEGIN + FAILED + COMMIT, 2),
    ],
    ids=["login", "open", "ended", "failed"],
)
@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000])
def test_logins_and_ended_transactions_are_counted(
    messages: bytes, transactions: int, chunk_bytes: int
) -> None:
    stream, counted = bytearray(), 0
    for start in range(0, len(messages), chunk_bytes):
        stream += messages[start : start + chunk_bytes]
        counted += take_transactions(stream)
    assert (counted, bytes(stream)) == (transactions, b"")
