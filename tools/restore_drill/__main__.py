"""Run a real restore on temporary servers: `python -m tools.restore_drill`.

It takes some minutes. The roles run as separate processes, as in production. The drill creates
orders, makes a backup, creates more orders, loses the database, and restores it. Its output is the
transcript in `docs/operations.md`.
"""

from contextlib import ExitStack

from tests.e2e.service import a_data_dir
from tools.restore_drill.checks import (
    compare_cache,
    compare_consumed_events,
    compare_dead_letters,
    compare_end,
    compare_kafka,
)
from tools.restore_drill.deployment import Deployment
from tools.restore_drill.disaster import (
    back_up,
    empty_redis,
    lose_database,
    restart_roles,
    restore_database,
)
from tools.restore_drill.orders import DrillOrders
from tools.restore_drill.transcript import print_step


def main() -> None:
    """Run the drill. A response that differs from the manual ends it with an error."""
    with ExitStack() as stack:
        deployment = Deployment(stack, stack.enter_context(a_data_dir()))
        deployment.orders("migrate")
        deployment.start("relay", "consume", "work")
        orders = DrillOrders(deployment, deployment.api.start().register())
        orders.place_before_backup()
        back_up(deployment)
        orders.place_after_backup()
        lose_database(deployment)
        restore_database(deployment)
        compare_kafka(deployment, orders)
        print_step("The orders in the cache: only the API is started")
        deployment.api.start()
        compare_cache(orders, lost="200 PENDING v1, X-Cache: HIT", paid="200 PAID v2, X-Cache: HIT")
        empty_redis(deployment)
        compare_cache(
            orders, lost="404 order-not-found, X-Cache: -", paid="200 PENDING v1, X-Cache: MISS"
        )
        restart_roles(deployment)
        compare_dead_letters(deployment)
        compare_consumed_events(deployment, orders)
        compare_end(deployment, orders)
        deployment.api.stop()


if __name__ == "__main__":
    main()
