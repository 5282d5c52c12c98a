"""Follow the README's guide to swapping an adapter, with the embedded service."""

from collections.abc import Iterator

import pytest

from tests.e2e.service import NO_LIMITS, Service, a_data_dir, a_service, eventually
from tests.support.readme import code

GUIDE = "Swap an adapter"
SETTING = code(GUIDE, "sh").split()[1].partition("=")


@pytest.fixture(scope="module")
def stopped() -> Iterator[Service]:
    with a_data_dir() as folder, a_service(folder, **NO_LIMITS) as service:
        folder.chmod(0o755)  # the service only does this itself if the folder is empty
        (folder / "shop.py").write_text(code(GUIDE, "python"))
        yield service


def test_the_readmes_warehouse_fulfils_orders_of_the_embedded_service(
    stopped: Service,
) -> None:
    name, _, reference = SETTING
    stopped.settings[name] = reference
    service = stopped.start()
    order = service.register().processed_order()
    assert f"packed {order['id']}" in service.log
    done = service.run("audit")
    assert done.returncode == 0
    for log in (service.log, done.stderr):
        assert '"ports":["Fulfilment"],"event":"adapters replaced"' in log
    service.stop()


@pytest.mark.parametrize("command", [["serve"], ["audit"], ["users", "disable", "a@example.com"]])
def test_a_missing_provider_exits_with_78(stopped: Service, command: list[str]) -> None:
    done = stopped.run(*command, ORDERS_PROVIDERS="shop:Warehose")
    assert (done.returncode, done.stdout) == (78, "")
    assert "ORDERS_PROVIDERS: the module shop has no attribute Warehose" in done.stderr
    assert "Traceback" not in done.stderr
    eventually(lambda: stopped.postgres is None)
