"""The consumers' use cases."""

from dishka import Provider, Scope

from entrypoints.messaging.subscriptions import SUBSCRIPTIONS


class ConsumersProvider(Provider):
    """The use case of every subscription. A new consumer only needs a row in that table."""

    scope = Scope.APP

    def __init__(self) -> None:
        super().__init__()
        for subscription in SUBSCRIPTIONS:
            self.provide(subscription.handler)
