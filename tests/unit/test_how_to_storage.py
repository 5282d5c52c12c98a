"""The code in `docs/how-to/storage.md`, used like by a reader, and the page's list of ports."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from entrypoints.composition.overrides import provided_types
from entrypoints.composition.providers.postgres.provider import PostgresProvider
from entrypoints.http.app import create_app
from entrypoints.settings import load_settings
from tests.support.app import UNLIMITED, calling_app
from tests.support.readme import ROOT

PAGE: Final = (ROOT / "docs/how-to/storage.md").read_text(encoding="utf-8")
CODE: Final = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
[REFERENCE] = re.findall(r"ORDERS_PROVIDERS=(\S+)", PAGE)
ACCOUNT: Final = {"email": "ada@example.com", "password": "correct horse battery"}
ORDER: Final = {"items": [{"name": "tea"}], "total_price": 4.5}


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's module in a working directory."""
    name = REFERENCE.partition(":")[0]
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    yield tmp_path
    sys.modules.pop(name, None)


async def test_an_order_is_placed_and_processed_in_the_storage_of_the_page(notebook: Path) -> None:
    settings = load_settings(
        UNLIMITED | {"ORDERS_PROVIDERS": REFERENCE, "DATA_DIR": str(notebook / "data")}
    )
    async with calling_app(create_app(settings)) as client:
        assert (await client.post("/register/", json=ACCOUNT)).status_code == 201
        form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
        token = (await client.post("/token/", data=form)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        placed = await client.post("/orders/", json=ORDER)
        assert placed.status_code == 201
        while not (await client.get(f"/orders/{placed.json()['id']}/")).json()["processed_at"]:  # noqa: ASYNC110 - a client polls
            await asyncio.sleep(0.01)
        ready = (await client.get("/health/ready/")).json()
        assert ready["checks"] == {"notebook": "ok"}
        assert "orders_outbox_unpublished 0.0" in (await client.get("/metrics")).text
    assert [path.name for path in (notebook / "data").iterdir()] == ["jwt-secret-key"]


def test_the_page_lists_and_provides_every_port_of_the_storage() -> None:
    module: dict[str, Any] = {}
    exec(CODE, module)  # noqa: S102 - a document in this repository
    provided = provided_types([module["NotebookProvider"]()])
    of_postgresql = provided_types([PostgresProvider()])
    ports = {each for each in of_postgresql if each.__module__.startswith("application.")}
    assert ports <= provided
    listed = set(re.findall(r"`(\w+)`", PAGE.partition("## 2.")[0]))
    assert {each.__name__ for each in ports} <= listed
