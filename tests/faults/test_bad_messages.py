"""Invalid messages in `new_order` become dead letters and do not block other messages."""

import re
from collections import Counter
from typing import Any
from uuid import uuid4

from application.documents import Headers
from tests.e2e.service import eventually
from tests.faults.cluster import a_cluster
from tests.servers.plugin import Shared

Message = dict[str, Any]

ORDER_CREATED = [("ce_type", b"order.created")]


def of_unknown_order(*headers: tuple[str, bytes | None]) -> Message:
    """Return a `new_order` message for an order that doesn't exist."""
    key = str(uuid4()).encode()
    return {"key": key, "value": b'{"id": "%s"}' % key, "headers": [*headers]}


UNKNOWN = of_unknown_order(*ORDER_CREATED)

#: Invalid messages, with the beginning of the expected reason.
BAD: list[tuple[Message, str]] = [
    (
        of_unknown_order(*ORDER_CREATED) | {"value": b"not JSON"},
        "the value is not an order in JSON",
    ),
    (of_unknown_order(*ORDER_CREATED) | {"value": b""}, "the value is not an order in JSON"),
    (of_unknown_order(("ce_type", b"a.b")), "ce_type is 'a.b'"),
    (of_unknown_order(), "ce_type is None"),
    (UNKNOWN, "there is no order "),
    (of_unknown_order(*ORDER_CREATED) | {"key": None}, "the key is not a UUID"),
    (
        of_unknown_order(*ORDER_CREATED) | {"key": b"me", "value": b'"\xff\x00'},
        "the key is not a UUID",
    ),
    (of_unknown_order(*ORDER_CREATED) | {"value": None}, "the value is not an order in JSON"),
    (
        of_unknown_order(("a", b"\xff\x00"), ("b", None), ("a", b""), *ORDER_CREATED),
        "there is no order ",
    ),
]


def test_invalid_messages_become_dead_letters_and_can_be_replayed(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with a_cluster(postgres_server, redis_server, kafka_server) as cluster:
        user = cluster.api.register()
        order = user.processed_order()
        [announced] = cluster.messages("new_order")
        headers = list(announced.headers)
        repeated = {"key": announced.key, "value": announced.value, "headers": headers}
        cluster.send("new_order", *(message for message, _ in BAD), repeated, repeated)
        for _ in range(6):
            user.processed_order()

        def dead_letters() -> list[str]:
            lines = cluster.run("dlq", "list").stdout.splitlines()
            return [line for line in lines if " topic=new_order " in line]

        eventually(lambda: cluster.dead_letters() == len(BAD))
        lines = dead_letters()
        for _, reason in BAD:
            assert any(re.search(f"attempts=1 reason=.{reason}", line) for line in lines), lines

        eventually(lambda: len(cluster.messages("new_order.dlq")) == len(BAD))
        copies = cluster.messages("new_order.dlq")
        for message, reason in BAD:
            [copy] = [each for each in copies if shown(each) == as_sent(message)]
            dead_letter_headers = dict(copy.headers)
            assert dead_letter_headers["dlq_reason"].decode().startswith(reason)
            assert dead_letter_headers["dlq_attempts"] == b"1"

        # Replayed messages haven't changed, so they become dead letters again.
        sent = len(cluster.messages("new_order"))
        about_unknown = f"no order {UNKNOWN['key'].decode()}"
        [unknown] = [line.split()[0] for line in lines if about_unknown in line]
        unknown_id = str(uuid4())
        done = cluster.run("dlq", "replay", unknown, unknown_id)
        assert done.stdout == f"Put back: 1.\n{unknown_id} is not a waiting dead letter.\n"
        assert done.returncode == 1
        eventually(lambda: len(cluster.messages("new_order")) == sent + 1)
        eventually(lambda: cluster.dead_letters() == len(BAD))
        assert cluster.run("dlq", "replay", "--all").stdout == f"Put back: {len(BAD)}.\n"
        eventually(lambda: len(cluster.messages("new_order")) == sent + 1 + len(BAD))
        eventually(lambda: cluster.dead_letters() == len(BAD))
        again = Counter(map(shown, cluster.messages("new_order")))
        for message, _ in BAD:
            times = 3 if message is UNKNOWN else 2
            assert again[as_sent(message)] == times

        # Undecodable records are identified by their partition and offset.
        cluster.send_undecodable("new_order", 2)
        eventually(lambda: cluster.dead_letters() == len(BAD) + 2)
        offsets = [
            re.search(r"partition 0, offset \d+ cannot be decoded", line) for line in dead_letters()
        ]
        assert len({offset[0] for offset in offsets if offset}) == 2
        user.processed_order()

        cluster.wait_until_finished()
        report = cluster.audit()
        assert (report["orders"], report["processed"]) == (8, 8)
        assert (report["lost"], report["duplicated"], report["stuck"]) == (0, 0, 0)
        assert len(cluster.messages("order_processed")) == 8
        assert user.get(f"/orders/{order['id']}/").headers["ETag"] == '"v1p"'


def shown(record: Any) -> tuple[bytes | None, bytes | None, Headers]:
    """Return a message without its dead-letter headers."""
    headers = [pair for pair in record.headers if not pair[0].startswith("dlq_")]
    return record.key, record.value, tuple(headers)


def as_sent(message: Message) -> tuple[bytes | None, bytes | None, Headers]:
    return message["key"], message["value"], tuple(message["headers"])
