"""The mix of HttpArena's `crud` profile, as far as orders allow it.

Of 20 requests, 15 read a cached order, 3 change the status of an order, 1 lists 20 orders, and 1
creates an order. Source: https://www.http-arena.com/docs/test-profiles/h1/isolated/crud/
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table

from tools.bench.contestants import BASELINE, CREATE, LIST, READ, SERVICE, Contestant
from tools.bench.errors import BenchError
from tools.bench.figures import median_of, microseconds, spread
from tools.bench.rounds import Sample, metered
from tools.bench.storage import connected
from tools.bench.wrk import DONE, Work, lua_headers, lua_string, run_script, send

#: Each contestant's table of orders.
_TABLES: Final = {BASELINE: "baseline_orders", SERVICE: "orders"}
#: Seconds of creating orders whose statuses can then be changed.
_PREPARATION_SECONDS: Final = 1
#: An order can be changed twice.
_STATUSES: Final = ("PAID", "SHIPPED")

_SCRIPT: Final = """
local kinds = {%(kinds)s}
local order = {1, 1, 1, 2, 1, 1, 1, 1, 3, 1, 1, 1, 2, 1, 1, 1, 1, 4, 1, 2}
local turn = 0

function init(arguments)
  for number, kind in ipairs(kinds) do
    local ready = {}
    for index, each in ipairs(kind.requests) do
      ready[index] = wrk.format(kind.method, each[1], kind.headers, each[2])
    end
    kinds[number] = {ready = ready, turn = 0}
  end
end

function request()
  turn = turn %% #order + 1
  local kind = kinds[order[turn]]
  kind.turn = kind.turn %% #kind.ready + 1
  return kind.ready[kind.turn]
end
"""


def measure_crud(contestant: Contestant, folder: Path, seconds: int) -> Sample:
    """Create orders, then send the mix.

    Raises:
        BenchError: the contestant has rejected requests. This also happens if there are not enough
            orders, because the status of an order can only be changed twice.
    """
    create = contestant.works[CREATE]
    try:
        created = send(create, folder, _PREPARATION_SECONDS).requests
        ids = asyncio.run(_newest(contestant, created))
        script = script_of_mix(contestant.works, ids)
        return metered(contestant.meter, lambda: run_script(script, create.url, folder, seconds))
    except BenchError as error:
        raise BenchError(f"{contestant.name}, crud: {error}") from error


async def _newest(contestant: Contestant, count: int) -> Sequence[str]:
    async with connected(contestant.meter.database_url) as connection:
        table = _TABLES[contestant.name]
        newest = f"SELECT id FROM {table} ORDER BY created_at DESC LIMIT $1"  # noqa: S608 - a constant
        return [str(row["id"]) for row in await connection.fetch(newest, count)]


def script_of_mix(works: Mapping[str, Work], ids: Sequence[str]) -> str:
    """Return the Lua script. It first pays all orders and then ships them."""
    create, read, listing = works[CREATE], works[READ], works[LIST]
    updates = [(f"/orders/{each}/", f'{{"status":"{to}"}}') for to in _STATUSES for each in ids]
    kinds = (
        _kind(read, [(path, "") for path in read.paths]),
        _kind(create, updates, "PATCH"),
        _kind(listing, [(path, "") for path in listing.paths]),
        _kind(create, [(path, create.body) for path in create.paths]),
    )
    return _SCRIPT % {"kinds": ",".join(kinds)} + DONE


def _kind(work: Work, requests: Sequence[tuple[str, str]], method: str | None = None) -> str:
    lines = ",".join(
        f"{{{lua_string(path)},{lua_string(body) if body else 'nil'}}}" for path, body in requests
    )
    method = lua_string(method or work.method)
    return f"{{method={method},headers={{{lua_headers(work)}}},requests={{{lines}}}}}"


def crud_table(rounds: Mapping[str, Sequence[Sample]]) -> Table:
    """Return a table of the mix, with the requests that a busy core of the server can carry."""
    table = Table(title="the mix of HttpArena's crud profile, wrk -t1 -c32")
    table.add_column("server")
    names = ("requests/s", "±", "p99 ms", "CPU µs", "PostgreSQL", "Redis", "requests/busy core")
    for name in names:
        table.add_column(name, justify="right")
    for name, samples in rounds.items():
        measured = [each.measured for each in samples]
        seen = median_of(measured)
        costs = [cost for each in samples if (cost := each.per_request("process")) is not None]
        table.add_row(
            name,
            f"{seen.per_second:,.0f}",
            spread(measured),
            f"{seen.p99:.1f}",
            *(microseconds(samples, each) for each in ("process", "postgres", "redis")),
            f"{1 / median(costs):,.0f}" if costs else "?",
        )
    return table
