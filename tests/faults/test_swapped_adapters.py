"""Follow the README's guide to swapping an adapter, with each role in its own process."""

import json
from functools import partial
from typing import Any

from tests.e2e.service import OrdersProcess, eventually
from tests.faults.cluster import a_cluster, run_concurrently
from tests.servers.plugin import Shared
from tests.support.readme import code

GUIDE = "Swap an adapter"
REPLACED = '"ports":["Fulfilment"],"event":"adapters replaced"'


def test_the_readmes_warehouse_fulfils_orders_in_separate_processes(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    name, _, reference = code(GUIDE, "sh").split()[1].partition("=")
    given: dict[str, Any] = {name: reference, "WORKERS": "2"}
    files = {"shop.py": code(GUIDE, "python")}
    with a_cluster(postgres_server, redis_server, kafka_server, files=files, **given) as cluster:
        order = cluster.api.register().processed_order()
        [worker] = cluster.workers
        assert f"packed {order['id']}" in worker.log
        for process in cluster.processes:
            processes = 3 if process is cluster.api else 1  # a parent and two workers
            eventually(partial(_logged, process, processes))
        assert REPLACED in cluster.run("audit").stderr
        run_concurrently(process.stop for process in cluster.processes)
        for process in cluster.processes:
            events = {json.loads(line)["event"] for line in process.log.splitlines()}
            assert events >= {"starting", "stopping", "stopped"}


def _logged(process: OrdersProcess, times: int) -> bool:
    return process.log.count(REPLACED) == times
