"""Customers place orders at every API and change some of them."""

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
#: The `traceparent` header for placing orders.
PARENT: Final = f"00-{TRACE}-00f067aa0ba902b7-01"


@dataclass
class Journal:
    """The responses that the customers received."""

    #: Accepted orders by id, as returned to the customers.
    placed: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Changed orders and the status change that was requested.
    changed: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    refused: list[httpx.Response] = field(default_factory=list)
    #: Requests that couldn't connect or didn't receive a response.
    broken: list[httpx.TransportError] = field(default_factory=list)

    def wait_for_orders(self, orders: int) -> None:
        """Wait until this number of additional orders has been accepted."""
        so_far = len(self.placed)
        eventually(lambda: len(self.placed) >= so_far + orders)


class Customer:
    """A customer with a token."""

    def __init__(self, user: User, journal: Journal) -> None:
        self._bearer = {"Authorization": f"Bearer {user.token}"}
        self._journal = journal

    def connect(self, api: Service) -> httpx.Client:
        """Open a connection to an API."""
        return httpx.Client(
            base_url=api.http.base_url, headers=self._bearer, timeout=ANSWER_TIMEOUT_SECONDS
        )

    def place_order(self, shop: httpx.Client, number: int) -> None:
        """Place an order. Immediately pay one in four, and cancel another one in four.

        Raises:
            TransportError: if there is no response.
        """
        order = {**TEA, "items": [{"name": f"tea {number}"}]}
        answer = shop.post("/orders/", json=order, headers={"traceparent": PARENT})
        if answer.status_code != 201:
            self._journal.refused.append(answer)
            return
        order = answer.json()
        self._journal.placed[order["id"]] = order
        if number % 4 < 2:
            change = {"status": ("PAID", "CANCELED")[number % 4], "reason": f"because of {number}"}
            answer = shop.patch(f"/orders/{order['id']}/", json=change)
            if answer.status_code == 200:
                self._journal.changed.append((answer.json(), change))
            else:
                self._journal.refused.append(answer)


def place_concurrently(cluster: Cluster, user: User, orders: int, customers: int = 8) -> Journal:
    """Place this number of orders concurrently, through all APIs."""
    journal = Journal()

    def shopping(number: int) -> None:
        customer = Customer(user, journal)
        with customer.connect(cluster.apis[number % len(cluster.apis)]) as shop:
            for turn in range(number, orders, customers):
                customer.place_order(shop, turn)

    with ThreadPoolExecutor(customers) as pool:
        list(pool.map(shopping, range(customers)))
    return journal


@contextmanager
def customers_at(cluster: Cluster, user: User, customers: int = 3) -> Iterator[Journal]:
    """Keep placing orders at all APIs until the end of the block. If a connection fails, the
    customer uses the next API.
    """
    journal = Journal()
    stopped = threading.Event()

    def shopping(number: int) -> None:
        customer, turn = Customer(user, journal), number
        while not stopped.is_set():
            try:
                with customer.connect(cluster.apis[turn % len(cluster.apis)]) as shop:
                    while not stopped.wait(0.2):
                        turn += customers
                        customer.place_order(shop, turn)
            except httpx.TransportError as error:
                journal.broken.append(error)
                turn += customers
                time.sleep(0.05)

    with ThreadPoolExecutor(customers) as pool:
        shoppers = [pool.submit(shopping, number) for number in range(customers)]
        try:
            yield journal
        finally:
            stopped.set()
    for each in shoppers:
        each.result()
