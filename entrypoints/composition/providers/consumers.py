"""The use cases of the consumers."""

from dishka import Provider, Scope

from entrypoints.messaging.subscriptions import SUBSCRIPTIONS


class ConsumersProvider(Provider):
    """The use case of every subscription, so that a row is all that a consumer needs here."""

    scope = Scope.APP

    def __init__(self) -> None:
        super().__init__()
        for subscription in SUBSCRIPTIONS:
            self.provide(subscription.handler)
