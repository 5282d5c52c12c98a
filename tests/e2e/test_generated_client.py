"""A client that openapi-python-client makes of the document walks the whole flow.

Whatever the document says in a way that generators misread, a client's author cannot do.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.service import PASSWORD, Service, User, an_email

PACKAGE = "generated_orders_client"


class Client:
    """The generated package, and a session of its own against the service."""

    def __init__(self, url: str) -> None:
        self.models = import_module(f"{PACKAGE}.models")
        self._clients = import_module(f"{PACKAGE}.client")
        self._url = url
        self._session = self._clients.Client(base_url=url, timeout=120)

    def log_in(self, token: str) -> None:
        self.close()
        self._session = self._clients.AuthenticatedClient(self._url, token=token, timeout=120)

    def close(self) -> None:
        self._session.get_httpx_client().close()

    def call(self, operation: str, *values: object, **arguments: object) -> Any:
        """The parsed answer of an operation, whatever its status is."""
        call = import_module(f"{PACKAGE}.api.{operation}").sync_detailed
        return call(*values, client=self._session, **arguments)


@pytest.fixture(scope="module")
def client(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The client of the document that the service serves."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(service.http.get("/openapi.json").text)
    # The generator knows no images: the icon is bytes to it.
    config = {
        "post_hooks": [],
        "content_type_overrides": {"image/x-icon": "application/octet-stream"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--output-path", PACKAGE, "--config", "config.json"]
    command += ["--fail-on-warning"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with closing(Client(str(service.http.base_url).rstrip("/"))) as made:
            yield made


def test_a_generated_client_walks_the_whole_flow(client: Client) -> None:
    models, call, email = client.models, client.call, an_email()

    account = call("accounts.register", body=models.Registration(email, PASSWORD)).parsed
    form = models.TokenForm(username=email, password=PASSWORD)
    client.log_in(call("accounts.log_in", body=form).parsed.access_token)
    assert call("accounts.read_account").parsed == account

    tea = models.NewOrderItem(name="tea", quantity=2, price="9.95")
    new_order = models.NewOrder(items=[tea], total_price=19.9, reference="web-1")
    placed = call("orders.create_order", body=new_order)
    order = placed.parsed
    assert (placed.status_code, order.total_price, order.items[0].price) == (201, 19.9, 9.95)
    assert (order.user_id, order.status) == (account.id, models.OrderStatus.PENDING)

    read = call("orders.read_order", order.id)
    assert read.parsed.id == order.id
    change = models.StatusChange(models.StatusChangeStatus.PAID, reason="card payment")
    tag = placed.headers["ETag"]
    paid = call("orders.change_status", order.id, body=change, if_match=tag).parsed
    assert (paid.status, paid.version) == (models.OrderStatus.PAID, 2)
    stale = call("orders.change_status", order.id, body=change, if_match='"v1"')
    assert (stale.status_code, stale.parsed.code) == (412, "version-conflict")

    wanted = models.ListOrdersStatusItem.PAID
    (listed,) = call("orders.list_orders", status=[wanted], limit=1).parsed
    assert listed.id == order.id
    steps = call("orders.read_history", order.id).parsed
    assert [(step.from_, step.to) for step in steps] == [(None, "PENDING"), ("PENDING", "PAID")]

    missing = call("orders.read_order", uuid4())
    assert missing.status_code == 404
    assert isinstance(missing.parsed, models.Problem)
    assert missing.parsed.code == "order-not-found"


def test_a_generated_client_reads_what_is_wrong_with_an_order(client: Client, ada: User) -> None:
    models = client.models
    client.log_in(ada.token)
    body = models.NewOrder(items=[models.NewOrderItem(name="", quantity=0)], total_price=1)
    refused = client.call("orders.create_order", body=body)
    assert refused.status_code == 422
    assert {each.pointer for each in refused.parsed.errors} == {
        "/items/0/name",
        "/items/0/quantity",
    }
