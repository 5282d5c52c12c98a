from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, NewType

import pytest
from dishka import (
    AsyncContainer,
    FromDishka,
    Provider,
    Scope,
    make_async_container,
    provide,
)
from dishka.exceptions import NoFactoryError
from litestar import Litestar, Router, get
from litestar.params import FromPath
from litestar.testing import AsyncTestClient

from entrypoints.http.injection import Injection

Greeting = NewType("Greeting", str)
made = count(1)


class GreetingProvider(Provider):
    @provide(scope=Scope.APP)
    def greeting(self) -> Greeting:
        return Greeting(f"hello {next(made)}")


@get("/greet/{name:str}")
async def greet(name: FromPath[str], greeting: FromDishka[Greeting]) -> str:
    return f"{greeting}, {name}"


@asynccontextmanager
async def client(container: AsyncContainer) -> AsyncIterator[AsyncTestClient[Any]]:
    injection = Injection()

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await injection.fill(container)
        yield

    app = Litestar([Router("/", route_handlers=[injection.bind(greet)])], lifespan=[lifespan])
    async with AsyncTestClient(app) as client:
        yield client


async def test_a_marked_parameter_is_filled_once_at_the_start() -> None:
    async with client(make_async_container(GreetingProvider())) as http:
        first, second = [(await http.get("/greet/ada")).text for _ in range(2)]
    assert first == second
    assert first.endswith(", ada")


async def test_two_applications_do_not_share_what_they_inject() -> None:
    one, other = (make_async_container(GreetingProvider()) for _ in range(2))
    async with client(one) as first, client(other) as second:
        assert (await first.get("/greet/ada")).text != (await second.get("/greet/ada")).text
        assert (await first.get("/greet/ada")).text.startswith(await one.get(Greeting))


async def test_an_application_without_a_provider_does_not_start() -> None:
    injection = Injection()
    injection.bind(greet)
    with pytest.raises(NoFactoryError):
        await injection.fill(make_async_container())
