"""The service's consumers, with a row for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from application.delivery.hand_over_order import HandOverOrder
from application.delivery.topics import NEW_ORDER, PROCESSING, STATUS_CHANGED
from application.notifications import mail_shipped_order
from application.notifications.mail_shipped_order import MailShippedOrder
from application.ports.events import EventHandler
from entrypoints.settings import BadSettings, Settings


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer with its topic, its group, and the use case that it runs for each event.

    The consumer is turned off if `required_setting` is not set. Processes with the same group share
    the topic's messages. `concurrency` is how many events of a batch are handled at the same time,
    each of another order. The group is also the consumer's name in the inbox and for
    `orders consume`.
    """

    topic: str
    group: str
    handler: type[EventHandler]
    required_setting: str | None = None
    concurrency: int = 1

    def is_on(self, settings: Settings) -> bool:
        """Return whether the consumer is turned on."""
        name = self.required_setting
        return name is None or getattr(settings, name.lower()) is not None


#: Hand over a whole batch at the same time, because the task queue's adapter sends all of it
#: together.
_WHOLE_BATCH: Final = 200

SUBSCRIPTIONS: Final = (
    Subscription(NEW_ORDER, PROCESSING, HandOverOrder, concurrency=_WHOLE_BATCH),
    Subscription(STATUS_CHANGED, mail_shipped_order.CONSUMER, MailShippedOrder, "SMTP_URL"),
)


def subscriptions_on(settings: Settings) -> Sequence[Subscription]:
    """Return all consumers that are turned on."""
    return [each for each in SUBSCRIPTIONS if each.is_on(settings)]


def find_subscription(settings: Settings, group: str) -> Subscription:
    """Return the consumer with this group.

    Raises:
        BadSettings: it is turned off.
        ValueError: there is no such consumer. The message lists all of them.
    """
    for subscription in SUBSCRIPTIONS:
        if subscription.group == group:
            if subscription.is_on(settings):
                return subscription
            raise BadSettings({str(subscription.required_setting): f"must be set for {group}"})
    raise ValueError(f"must be {' or '.join(each.group for each in SUBSCRIPTIONS)}")
