"""Customers who place orders at every API, and change their minds about some."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.e2e.service import ANSWER_TIMEOUT_SECONDS, TEA, Service, User, eventually
from tests.faults.cluster import Cluster

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
#: What a customer's own tracing says of the request that places an order.
PARENT: Final = f"00-{TRACE}-00f067aa0ba902b7-01"


@dataclass
class Journal:
    """What the customers were told."""

    #: Every order that was accepted, as its customer was shown it, by its id.
    placed: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Every order after a change that was accepted, with what was asked for.
    changed: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    refused: list[httpx.Response] = field(default_factory=list)
    #: Requests that found nobody, or whose answer never came.
    broken: list[httpx.TransportError] = field(default_factory=list)

    def more(self, orders: int) -> None:
        """Wait until so many more were accepted."""
        so_far = len(self.placed)
        eventually(lambda: len(self.placed) >= so_far + orders)


class Customer:
    """Somebody with a connection of their own to an API, and a token."""

    def __init__(self, user: User, journal: Journal) -> None:
        self._bearer = {"Authorization": f"Bearer {user.token}"}
        self._journal = journal

    def visit(self, api: Service) -> httpx.Client:
        """A connection."""
        return httpx.Client(
            base_url=api.http.base_url, headers=self._bearer, timeout=ANSWER_TIMEOUT_SECONDS
        )

    def buy(self, shop: httpx.Client, number: int) -> None:
        """Place an order; every fourth is paid at once, and every fourth called off.

        Raises:
            TransportError: there was no answer.
        """
        order = {**TEA, "items": [{"name": f"tea {number}"}]}
        answer = shop.post("/orders/", json=order, headers={"traceparent": PARENT})
        if answer.status_code != 201:
            self._journal.refused.append(answer)
            return
        order = answer.json()
        self._journal.placed[order["id"]] = order
        if number % 4 < 2:
            asked = {"status": ("PAID", "CANCELED")[number % 4], "reason": f"because of {number}"}
            answer = shop.patch(f"/orders/{order['id']}/", json=asked)
            if answer.status_code == 200:
                self._journal.changed.append((answer.json(), asked))
            else:
                self._journal.refused.append(answer)


def buy_together(cluster: Cluster, user: User, orders: int, customers: int = 8) -> Journal:
    """So many orders, placed through all APIs at once."""
    journal = Journal()

    def shopping(number: int) -> None:
        customer = Customer(user, journal)
        with customer.visit(cluster.apis[number % len(cluster.apis)]) as shop:
            for turn in range(number, orders, customers):
                customer.buy(shop, turn)

    with ThreadPoolExecutor(customers) as pool:
        list(pool.map(shopping, range(customers)))
    return journal


@contextmanager
def customers_of(cluster: Cluster, user: User, customers: int = 3) -> Iterator[Journal]:
    """Customers of all APIs, until the end of the block; who is not served goes next door."""
    journal = Journal()
    enough = threading.Event()

    def shopping(number: int) -> None:
        customer, turn = Customer(user, journal), number
        while not enough.is_set():
            try:
                with customer.visit(cluster.apis[turn % len(cluster.apis)]) as shop:
                    while not enough.wait(0.05):
                        turn += customers
                        customer.buy(shop, turn)
            except httpx.TransportError as error:
                journal.broken.append(error)
                turn += customers
                time.sleep(0.05)

    with ThreadPoolExecutor(customers) as pool:
        shoppers = [pool.submit(shopping, number) for number in range(customers)]
        try:
            yield journal
        finally:
            enough.set()
    for each in shoppers:
        each.result()
