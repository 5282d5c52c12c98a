from uuid import UUID

import pytest

from application.delivery.process_once import ProcessOnce
from tests.support.service import Service

ONE, OTHER = UUID(int=1), UUID(int=2)


class Effect:
    """An effect that counts its runs and may fail."""

    def __init__(self) -> None:
        self.runs = 0
        self.fails = False

    async def __call__(self) -> None:
        self.runs += 1
        if self.fails:
            raise RuntimeError("no tea")


async def test_the_effect_of_a_message_runs_once_for_each_consumer(service: Service) -> None:
    once, effect = ProcessOnce(service.stored.storage, service.clock), Effect()
    assert await once("a consumer", ONE, effect)
    assert not await once("a consumer", ONE, effect)
    assert effect.runs == 1
    assert await once("a consumer", OTHER, effect)
    assert await once("another", ONE, effect)
    assert effect.runs == 3


async def test_a_failed_effect_is_not_recorded(service: Service) -> None:
    once, effect = ProcessOnce(service.stored.storage, service.clock), Effect()
    effect.fails = True
    with pytest.raises(RuntimeError, match="no tea"):
        await once("a consumer", ONE, effect)
    effect.fails = False
    assert await once("a consumer", ONE, effect)
