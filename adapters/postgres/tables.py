"""SQLAlchemy's table definitions. A test compares them with the tables that migrations create."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

metadata = MetaData()


def _timestamp(name: str, *, nullable: bool = False) -> Column:  # type: ignore[type-arg]  # determined by TIMESTAMP
    return Column(name, TIMESTAMP(timezone=True), nullable=nullable)


users = Table(
    "users",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("email", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    _timestamp("created_at"),
    _timestamp("outside_tokens_ended_at", nullable=True),
    Column("kept_outside_token", Uuid, nullable=True),
    PrimaryKeyConstraint("id", name="users_pkey"),
    UniqueConstraint("email", name="users_email_unique"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("reference", Text),
    Column("items", JSON, nullable=False),
    Column("total_price", Numeric, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    _timestamp("created_at"),
    _timestamp("updated_at"),
    _timestamp("processed_at", nullable=True),
    PrimaryKeyConstraint("id", name="orders_pkey"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="orders_user_exists"),
)
Index("orders_of_user", orders.c.user_id, orders.c.id)
Index("orders_of_user_by_status", orders.c.user_id, orders.c.status, orders.c.id)
Index("orders_by_status", orders.c.status, orders.c.id)
_with_reference = orders.c.reference.is_not(None)
Index(
    "orders_reference_unique",
    orders.c.user_id,
    orders.c.reference,
    unique=True,
    postgresql_where=_with_reference,
)
Index("orders_by_reference", orders.c.reference, orders.c.id, postgresql_where=_with_reference)
Index("orders_unprocessed", orders.c.id, postgresql_where=orders.c.processed_at.is_(None))

order_history = Table(
    "order_history",
    metadata,
    Column("order_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("reason", Text),
    _timestamp("at"),
    PrimaryKeyConstraint("order_id", "version", name="order_history_pkey"),
    ForeignKeyConstraint(["order_id"], ["orders.id"], name="order_history_order_exists"),
)
Index(
    "order_history_reasons",
    order_history.c.actor_id,
    postgresql_where=order_history.c.reason.is_not(None),
)

position = Sequence("outbox_position", metadata=metadata, data_type=BigInteger)

outbox = Table(
    "outbox",
    metadata,
    Column("subject", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", LargeBinary),
    _timestamp("at"),
    Column("traceparent", Text),
    Column("original_key", LargeBinary),
    Column("original_headers", JSON(none_as_null=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    _timestamp("retry_at", nullable=True),
    Column("position", BigInteger),
    _timestamp("published_at", nullable=True),
    _timestamp("handed_over_at", nullable=True),
    Column("broker_partition", Integer),
    Column("broker_offset", BigInteger),
    _timestamp("parked_at", nullable=True),
    _timestamp("replay_requested_at", nullable=True),
    Column("payload_is_null", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("subject", "revision", name="outbox_pkey"),
    UniqueConstraint("position", name="outbox_position_unique"),
)
Index(
    "outbox_unpublished",
    outbox.c.at,
    outbox.c.subject,
    outbox.c.revision,
    postgresql_where=outbox.c.published_at.is_(None),
)
Index(
    "outbox_replays",
    outbox.c.replay_requested_at,
    outbox.c.subject,
    outbox.c.revision,
    postgresql_where=outbox.c.replay_requested_at.is_not(None),
)
Index(
    "outbox_retries",
    outbox.c.retry_at,
    outbox.c.subject,
    outbox.c.revision,
    postgresql_where=outbox.c.retry_at.is_not(None),
)
Index("outbox_parked", outbox.c.parked_at, postgresql_where=outbox.c.parked_at.is_not(None))
Index(
    "outbox_to_sweep",
    outbox.c.published_at,
    postgresql_where=outbox.c.published_at.is_not(None)
    & (outbox.c.payload.is_not(None) | outbox.c.payload_is_null),
)

# `order_id` is the message's id. The column can't be renamed until the next release, because the
# previous release still uses this name and may be running at the same time (docs/adr/0029).
inbox = Table(
    "inbox",
    metadata,
    Column("order_id", Uuid, nullable=False),
    _timestamp("admitted_at"),
    Column("consumer", Text, nullable=False, server_default="order-processing"),
    PrimaryKeyConstraint("consumer", "order_id", name="inbox_pkey"),
)
Index(
    "inbox_expiring",
    inbox.c.admitted_at,
    postgresql_where=inbox.c.consumer != "order-processing",
)

effects = Table(
    "effects",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    _timestamp("at"),
    PrimaryKeyConstraint("id", name="effects_pkey"),
)
Index("effects_of_order", effects.c.order_id)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("order_id", Uuid),
    _timestamp("at"),
    _timestamp("replayed_at", nullable=True),
    Column("revision", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("id", name="dead_letters_pkey"),
)
_is_waiting = dead_letters.c.replayed_at.is_(None)
Index(
    "dead_letters_waiting",
    dead_letters.c.at,
    dead_letters.c.id,
    postgresql_where=_is_waiting,
)
Index(
    "dead_letters_of_order",
    dead_letters.c.order_id,
    postgresql_where=_is_waiting & dead_letters.c.order_id.is_not(None),
)

cache_debts = Table(
    "cache_debts",
    metadata,
    Column("order_id", Uuid, nullable=False),
    _timestamp("owed_at"),
    PrimaryKeyConstraint("order_id", name="cache_debts_pkey"),
)
Index("cache_debts_by_age", cache_debts.c.owed_at)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, nullable=False),
    Column("holder", Text, nullable=False),
    _timestamp("expires_at"),
    PrimaryKeyConstraint("name", name="leases_pkey"),
)

outside_identities = Table(
    "outside_identities",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("user_id", Uuid, nullable=False),
    PrimaryKeyConstraint("issuer", "subject", name="outside_identities_pkey"),
    ForeignKeyConstraint(
        ["user_id"],
        ["users.id"],
        name="outside_identities_user_exists",
        deferrable=True,
        initially="DEFERRED",
    ),
)
Index("outside_identities_of_user", outside_identities.c.user_id)

closed_subjects = Table(
    "closed_subjects",
    metadata,
    Column("digest", LargeBinary, nullable=False),
    _timestamp("closed_at"),
    PrimaryKeyConstraint("digest", name="closed_subjects_pkey"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    _timestamp("created_at"),
    _timestamp("last_used_at"),
    _timestamp("expires_at"),
    _timestamp("tokens_expire_at"),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("handle_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id", name="sessions_pkey"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user_exists"),
    UniqueConstraint("handle_hash", name="sessions_handle_unique"),
)
Index("sessions_of_user", sessions.c.user_id, sessions.c.id)
Index("sessions_expiring", sessions.c.expires_at)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, nullable=False),
    Column("session_id", Uuid, nullable=False),
    _timestamp("issued_at"),
    _timestamp("spent_at", nullable=True),
    Column("predecessor_hash", LargeBinary, nullable=True),
    PrimaryKeyConstraint("token_hash", name="refresh_tokens_pkey"),
    ForeignKeyConstraint(
        ["session_id"],
        ["sessions.id"],
        name="refresh_tokens_session_exists",
        ondelete="CASCADE",
    ),
)
Index("refresh_tokens_of_session", refresh_tokens.c.session_id)

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    _timestamp("created_at"),
    _timestamp("revoked_at", nullable=True),
    PrimaryKeyConstraint("id", name="clients_pkey"),
)
Index(
    "clients_name_unique",
    clients.c.name,
    unique=True,
    postgresql_where=clients.c.revoked_at.is_(None),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _timestamp("created_at"),
    PrimaryKeyConstraint("user_id", "key", name="idempotency_keys_pkey"),
)
Index("idempotency_keys_by_age", idempotency_keys.c.created_at)

access_changes = Table(
    "access_changes",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column(
        "transaction_id",
        BigInteger,
        nullable=False,
        server_default=text("(pg_current_xact_id()::text)::bigint"),
    ),
    Column("kind", Text, nullable=False),
    Column("subject", Uuid, nullable=False),
    _timestamp("expires_at"),
    PrimaryKeyConstraint("id", name="access_changes_pkey"),
)
Index("access_changes_by_transaction", access_changes.c.transaction_id)
Index("access_changes_expiring", access_changes.c.expires_at)

erasures = Table(
    "erasures",
    metadata,
    Column("user_id", Uuid, nullable=False),
    _timestamp("requested_at"),
    _timestamp("due_at", nullable=True),
    _timestamp("completed_at", nullable=True),
    Column("passes", Integer, nullable=False, server_default=text("0")),
    Column("position", Uuid),
    Column("has_skipped", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("user_id", name="erasures_pkey"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="erasures_user_exists"),
)
Index("erasures_due", erasures.c.due_at, postgresql_where=erasures.c.due_at.is_not(None))
