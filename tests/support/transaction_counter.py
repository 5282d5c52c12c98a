"""The number of transactions that clients complete at a PostgreSQL, counted on the wire.

`pg_stat_database` counts up to ten seconds late, and it includes the transactions of autovacuum.
"""

from collections import defaultdict
from typing import Final

from tests.support.fault_proxy import FaultProxy, Way

#: A message is a byte for its type, four bytes for the length of the rest, and the rest.
_HEADER_BYTES: Final = 5
#: ReadyForQuery outside of a transaction: the end of a login, or of a transaction.
_READY: Final = b"Z\x00\x00\x00\x05I"


class TransactionCounter(FaultProxy):
    """A proxy to a PostgreSQL, for clients that use `sslmode=disable`."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._streams: defaultdict[object, bytearray] = defaultdict(bytearray)
        #: The number of transactions of all connections. A login is one, as in `pg_stat_database`.
        self.completed = 0

    def through(self, url: str) -> str:
        """Return `url` with the proxy's address, and without encryption."""
        return f"{super().through(url)}?sslmode=disable"

    def _observe(self, pair: object, way: Way, data: bytes) -> None:
        if way is Way.TO_CLIENT:
            stream = self._streams[pair]
            stream += data
            self.completed += take_transactions(stream)


def take_transactions(stream: bytearray) -> int:
    """Remove all complete messages of a server, and return the number of transactions they end."""
    transactions = 0
    while len(stream) >= _HEADER_BYTES:
        end = 1 + int.from_bytes(stream[1:_HEADER_BYTES], "big")
        if len(stream) < end:
            break
        transactions += stream[:end] == _READY
        del stream[:end]
    return transactions
