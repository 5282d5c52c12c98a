"""Trace requests through the code, count files and layer changes, and draw an order's path.

`python -m tools.request_path` prints the table for docs/architecture.md and writes the picture
docs/pictures/request-path.svg.

A *file* is counted if the request calls at least one of its functions. A *layer change* is counted
each time the next function is in another top-level package. `libraries/` is ignored, just like
third-party libraries. Requests are traced on real servers. Each kind is sent twice, and only the
second one counts, because the caches are warm by then.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx

from entrypoints.http.app import create_app
from entrypoints.settings import load_settings
from tools.bench.storage import Storage, private_storage
from tools.request_picture import picture

_ROOT: Final = Path(__file__).resolve().parents[1]
_LAYERS: Final = ("entrypoints", "application", "domain", "adapters")
#: A frame that has only just been entered, rather than resumed, is still in its prologue.
_PROLOGUE_BYTES: Final = 8
_PICTURE: Final = _ROOT / "docs" / "pictures" / "request-path.svg"
_ORDER: Final = {"items": [{"name": "Tea", "quantity": 2, "price": 9.95}], "total_price": 19.90}


@dataclass(frozen=True, slots=True)
class Step:
    """A call to a function. The path of its file is relative to the repository."""

    file: str
    function: str

    @property
    def layer(self) -> str:
        """The file's top-level package."""
        return self.file.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Trace:
    """All functions called by a request, in order."""

    request: str
    steps: Sequence[Step]

    @property
    def files(self) -> int:
        """The number of distinct files."""
        return len({step.file for step in self.steps})

    @property
    def layer_changes(self) -> int:
        """How often the next function is in another layer."""
        return sum(before.layer != after.layer for before, after in pairwise(self.steps))

    @property
    def stations(self) -> Sequence[Step]:
        """The first of each series of functions in the same file."""
        return [next(group) for _, group in groupby(self.steps, key=lambda step: step.file)]


@contextmanager
def _tracing(steps: list[Step]) -> Iterator[None]:
    def profile(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename.removeprefix(f"{_ROOT}/")
        if event == "call" and frame.f_lasti <= _PROLOGUE_BYTES and file.startswith(_LAYERS):
            steps.append(Step(file, frame.f_code.co_qualname))

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


@asynccontextmanager
async def _client(storage: Storage, database: str) -> AsyncIterator[httpx.AsyncClient]:
    """Start the API on these servers and log in."""
    settings = {
        "DATABASE_URL": database,
        "REDIS_URL": storage.redis,
        "KAFKA_BOOTSTRAP_SERVERS": storage.kafka,
        "JWT_SECRET_KEY": secrets.token_urlsafe(32),
    }
    orders = Path(sys.executable).with_name("orders")
    migration = await asyncio.create_subprocess_exec(orders, "migrate", env=os.environ | settings)
    await migration.wait()
    app: Any = create_app(load_settings(settings))
    received: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    lifespan = asyncio.create_task(app({"type": "lifespan", "asgi": {}}, received.get, sent.put))
    await received.put({"type": "lifespan.startup"})
    await sent.get()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as it:
        credentials = {"email": "ada@example.com", "password": secrets.token_urlsafe(16)}
        await it.post("/register/", json=credentials)
        form = {"username": credentials["email"], "password": credentials["password"]}
        token = (await it.post("/token/", data=form)).json()["access_token"]
        it.headers["Authorization"] = f"Bearer {token}"
        yield it
    await received.put({"type": "lifespan.shutdown"})
    await lifespan


async def trace_requests(storage: Storage, database: str) -> list[Trace]:
    """Trace creating an order, reading it from the cache and changing its status."""
    async with _client(storage, database) as client:

        async def traced(request: str, method: str, path: str, body: object = None) -> Any:
            steps: list[Step] = []
            with _tracing(steps):
                response = await client.request(method, path, json=body)
            response.raise_for_status()
            traces[request] = Trace(request, steps)
            return response.json()

        traces: dict[str, Trace] = {}
        for _ in ("cold", "warm"):
            path = f"/orders/{(await traced('POST', 'POST', '/orders/', _ORDER))['id']}/"
            await traced("cached GET", "GET", path)
            await traced("PATCH", "PATCH", path, {"status": "PAID"})
    return list(traces.values())


def main() -> None:
    """Print the table, and draw the picture for creating an order."""
    with private_storage() as storage:
        traces = asyncio.run(trace_requests(storage, storage.database("request_path")))
    print("| request | files | layer changes |\n|---|---|---|")  # noqa: T201 - the output
    for trace in traces:
        print(f"| {trace.request} | {trace.files} | {trace.layer_changes} |")  # noqa: T201
        if "--steps" in sys.argv:
            for step in trace.stations:
                print(f"    {step.file}  {step.function}")  # noqa: T201
    _PICTURE.write_text(picture(traces[0].request, traces[0].stations), encoding="utf-8")


if __name__ == "__main__":
    main()
