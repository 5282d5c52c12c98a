"""What does not belong in `new_order` becomes a dead letter, and holds nobody up."""

import re
from collections import Counter
from typing import Any
from uuid import uuid4

from application.documents import Headers
from tests.e2e.service import eventually
from tests.faults.cluster import a_cluster
from tests.servers.plugin import Shared

Message = dict[str, Any]

OURS = [("ce_type", b"order.created")]


def of_nobody(*headers: tuple[str, bytes | None]) -> Message:
    """An order that was never placed, announced."""
    key = str(uuid4()).encode()
    return {"key": key, "value": b'{"id": "%s"}' % key, "headers": [*headers]}


UNKNOWN = of_nobody(*OURS)

#: Each message, and how the reason begins why it is a bad one.
BAD: list[tuple[Message, str]] = [
    (of_nobody(*OURS) | {"value": b"not JSON"}, "the value is no order in JSON"),
    (of_nobody(*OURS) | {"value": b""}, "the value is no order in JSON"),
    (of_nobody(("ce_type", b"a.b")), "ce_type is 'a.b'"),
    (of_nobody(), "ce_type is None"),
    (UNKNOWN, "there is no order "),
    (of_nobody(*OURS) | {"key": None}, "the key is no UUID"),
    (of_nobody(*OURS) | {"key": b"me", "value": b'"\xff\x00'}, "the key is no UUID"),
    (of_nobody(*OURS) | {"value": None}, "the value is no order in JSON"),
    (of_nobody(("a", b"\xff\x00"), ("b", None), ("a", b""), *OURS), "there is no order "),
]


def test_bad_messages_are_put_aside_and_put_back_and_hold_up_nothing(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with a_cluster(postgres_server, redis_server, kafka_server) as cluster:
        user = cluster.api.register()
        order = user.processed_order()
        [announced] = cluster.seen("new_order")
        headers = list(announced.headers)
        twice = {"key": announced.key, "value": announced.value, "headers": headers}
        cluster.send("new_order", *(message for message, _ in BAD), twice, twice)
        for _ in range(6):
            user.processed_order()

        def dead_letters() -> list[str]:
            lines = cluster.run("dlq", "list").stdout.splitlines()
            return [line for line in lines if " topic=new_order " in line]

        eventually(lambda: len(dead_letters()) == len(BAD))
        for _, reason in BAD:
            found = [
                line for line in dead_letters() if re.search(f"attempts=1 reason=.{reason}", line)
            ]
            assert found, dead_letters()

        eventually(lambda: len(cluster.seen("new_order.dlq")) == len(BAD))
        copies = cluster.seen("new_order.dlq")
        for message, reason in BAD:
            [copy] = [each for each in copies if shown(each) == as_sent(message)]
            told = dict(copy.headers)
            assert told["dlq_reason"].decode().startswith(reason)
            assert told["dlq_attempts"] == b"1"

        # Put back they come as they came, and as they are no better, they wait again.
        sent = len(cluster.seen("new_order"))
        found = [line for line in dead_letters() if f"no order {UNKNOWN['key'].decode()}" in line]
        [unknown] = [line.split()[0] for line in found]
        stranger = str(uuid4())
        done = cluster.run("dlq", "replay", unknown, stranger)
        assert done.stdout == f"Put back: 1.\n{stranger} is no dead letter that waits.\n"
        assert done.returncode == 1
        eventually(lambda: len(cluster.seen("new_order")) == sent + 1)
        eventually(lambda: len(dead_letters()) == len(BAD))
        assert cluster.run("dlq", "replay", "--all").stdout == f"Put back: {len(BAD)}.\n"
        eventually(lambda: len(cluster.seen("new_order")) == sent + 1 + len(BAD))
        eventually(lambda: len(dead_letters()) == len(BAD))
        again = Counter(map(shown, cluster.seen("new_order")))
        for message, _ in BAD:
            times = 3 if message is UNKNOWN else 2
            assert again[as_sent(message)] == times

        # A record that cannot even be decoded is named by its place.
        cluster.send_undecodable("new_order", 2)
        eventually(lambda: len(dead_letters()) == len(BAD) + 2)
        places = [
            re.search(r"partition 0, offset \d+ cannot be decoded", line) for line in dead_letters()
        ]
        assert len({place[0] for place in places if place}) == 2
        user.processed_order()

        cluster.finishes()
        report = cluster.audit()
        assert (report["orders"], report["processed"]) == (8, 8)
        assert (report["lost"], report["duplicated"], report["stuck"]) == (0, 0, 0)
        assert len(cluster.seen("order_processed")) == 8
        assert user.get(f"/orders/{order['id']}/").headers["ETag"] == '"v1p"'


def shown(record: Any) -> tuple[bytes | None, bytes | None, Headers]:
    """A message as it came, without what is told of its death."""
    headers = [pair for pair in record.headers if not pair[0].startswith("dlq_")]
    return record.key, record.value, tuple(headers)


def as_sent(message: Message) -> tuple[bytes | None, bytes | None, Headers]:
    return message["key"], message["value"], tuple(message["headers"])
