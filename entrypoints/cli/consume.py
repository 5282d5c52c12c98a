"""`orders consume`: run the consumers in their own process."""

from collections.abc import Sequence

from domain.errors import Invalid
from entrypoints.cli.role import run_role
from entrypoints.cli.run import configured, run
from entrypoints.composition.loops import start_consumers
from entrypoints.messaging.subscriptions import (
    Subscription,
    find_subscription,
    subscriptions_on,
)
from entrypoints.settings import Settings


def consume(name: str | None = None, /) -> None:
    """Consume events from Kafka: all consumers, or one.

    Parameters
    ----------
    name
        Run only this consumer; without a name, run every consumer that is on.
    """
    settings = configured()
    run(run_role(settings, "consume", start_consumers(*_chosen(settings, name))))


def _chosen(settings: Settings, name: str | None) -> Sequence[Subscription]:
    """Return the consumers to run.

    Raises:
        BadSettings: the consumer with this name is turned off.
        Invalid: there is no such consumer.
    """
    if name is None:
        return subscriptions_on(settings)
    try:
        return [find_subscription(settings, name)]
    except ValueError as error:
        raise Invalid.value("unknown-consumer", f"The name of a consumer {error}.") from error
