"""The shipping mail is sent through Kafka."""

from typing import Final

from tests.e2e.service import eventually
from tests.faults.cluster import a_cluster
from tests.servers.databases import fetch_value
from tests.servers.plugin import Shared
from tests.support.postgres import beside
from tests.support.smtp import a_mail_server_in_a_thread

_RECORDED: Final = "SELECT count(*) FROM inbox WHERE consumer = 'shipping-mail'"


def test_a_shipped_order_sends_one_mail_despite_a_killed_consumer_and_a_replay(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        a_mail_server_in_a_thread() as server,
        a_cluster(
            postgres_server,
            redis_server,
            kafka_server,
            SMTP_URL=server.url,
            SMTP_FROM="shop@example.com",
        ) as cluster,
    ):

        def mails_to(recipient: str) -> int:
            return sum(mail["To"] == recipient for mail in server.mailbox.mails)

        def recorded() -> int:
            return int(beside(fetch_value, cluster.settings["DATABASE_URL"], _RECORDED))

        users = [cluster.api.register() for _ in range(3)]
        orders = [user.order() for user in users]
        for user, order in zip(users, orders, strict=True):
            assert user.patch(order, "PAID").status_code == 200
        assert users[0].patch(orders[0], "SHIPPED").status_code == 200
        eventually(lambda: mails_to(users[0].email) == 1)
        # A consumer killed before it records the mail sends it again, with the same Message-ID.
        eventually(lambda: recorded() == 1)

        [consumer] = cluster.consumers
        consumer.kill()
        assert users[1].patch(orders[1], "SHIPPED").status_code == 200
        assert cluster.run("outbox", "replay", orders[0]["id"]).returncode == 0
        consumer.start()
        eventually(lambda: mails_to(users[1].email) == 1)

        eventually(lambda: "replays=0" in cluster.run("outbox", "status").stdout)
        assert users[2].patch(orders[2], "SHIPPED").status_code == 200
        eventually(lambda: mails_to(users[2].email) == 1)
        cluster.assert_drained(3)
        assert [mails_to(user.email) for user in users] == [1, 1, 1]
