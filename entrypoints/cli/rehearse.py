"""`orders rehearse`: publish delivery faults for testing a consumer."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from application.ports.events import Placement
from entrypoints.cli.parameters import Flag
from entrypoints.cli.run import configured, run
from entrypoints.composition.rehearsal import (
    ensure_rehearsal_topic,
    make_rehearsal,
    publish_rehearsal,
)
from entrypoints.messaging.rehearsal.plan import FinalState, Record, Rehearsal
from entrypoints.settings import BadSettings, Settings


def rehearse(
    *,
    topic: str,
    seed: int = 1,
    orders: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 20,
    json: Flag = False,
) -> None:
    """Publish duplicates, replays and gaps, for testing a consumer.

    Parameters
    ----------
    topic
        The full name of a topic for tests, which is created if it is missing.
    seed
        The same seed always gives the same events.
    orders
        How many orders to make up, from 1 to 10000.
    json
        Print a JSON object instead of lines.
    """
    settings = configured()
    if settings.kafka_bootstrap_servers is None:
        raise BadSettings({"KAFKA_BOOTSTRAP_SERVERS": "must be set for `orders rehearse`"})
    ensure_rehearsal_topic(topic)
    run(_rehearse(settings, topic, seed, orders, as_json=json))


async def _rehearse(
    settings: Settings, topic: str, seed: int, orders: int, *, as_json: bool
) -> int:
    """Publish a rehearsal, print its records and the final states, and return the exit status.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: Kafka isn't responding, or hasn't stored every record.
    """
    rehearsal = await make_rehearsal(settings, seed, orders)
    placements = await publish_rehearsal(settings, topic, rehearsal)
    if as_json:
        document = {"topic": topic, "seed": seed, **document_of(rehearsal, placements)}
        sys.stdout.write(f"{msgspec.json.encode(document).decode()}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines_of(rehearsal, placements))
    return 0


def document_of(rehearsal: Rehearsal, placements: Sequence[Placement]) -> Mapping[str, Any]:
    """Return the records, and the state in which a right consumer ends."""
    return {
        "records": [_record(*each) for each in zip(rehearsal.records, placements, strict=True)],
        "expected": {
            "orders": [_state(state) for state in rehearsal.final_states],
            "unreadable": rehearsal.unreadable,
        },
    }


def lines_of(rehearsal: Rehearsal, placements: Sequence[Placement]) -> Iterator[str]:
    """Return a line for each record, and then the state in which a right consumer ends."""
    for each in zip(rehearsal.records, placements, strict=True):
        yield _line(_record(*each))
    yield f"\nA right consumer ends with these {len(rehearsal.final_states)} orders:"
    for state in rehearsal.final_states:
        applied = ",".join(map(str, state.applied))
        yield _line(_state(state) | {"applied": applied})
    yield f"Unreadable records, for its own dead letters: {rehearsal.unreadable}"


def _record(record: Record, placement: Placement) -> dict[str, Any]:
    header = record.message.header
    return {
        "partition": placement.log,
        "offset": placement.offset,
        "kind": record.kind,
        "ce_type": (header("ce_type") or b"").decode(),
        "ce_id": (header("ce_id") or b"").decode(),
        "order": record.order_id,
        "version": record.event and record.event.version,
    }


def _state(state: FinalState) -> dict[str, Any]:
    return {
        "order": state.order_id,
        "version": state.version,
        "status": state.status,
        "applied": state.applied,
    }


def _line(values: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items() if value is not None)
