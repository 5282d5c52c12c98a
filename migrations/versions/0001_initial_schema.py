"""Create the tables for accounts, orders, history, outbox, inbox and effects."""

from alembic import op

revision = "0001"
down_revision = None

# The constraints repeat the rules in `domain/` to protect the data from other programs. They don't
# refer to the domain because a migration must never change its meaning. A test in
# `tests/integration` compares the two.
_UPGRADE = (
    """
CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    disabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_unique UNIQUE (email),
    CONSTRAINT users_email_is_an_address
        CHECK (length(email) BETWEEN 3 AND 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    CONSTRAINT users_role_known CHECK (role IN ('user', 'staff'))
)
""",
    """
CREATE TABLE orders (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    reference text,
    items json NOT NULL,
    total_price numeric NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    revision integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    processed_at timestamptz,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_user_exists FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT orders_reference_length CHECK (length(reference) BETWEEN 1 AND 64),
    CONSTRAINT orders_items_count CHECK (json_array_length(items) BETWEEN 1 AND 100),
    CONSTRAINT orders_total_range CHECK (total_price BETWEEN 0 AND 999999999.99),
    CONSTRAINT orders_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT orders_status_known CHECK (status IN ('PENDING', 'PAID', 'SHIPPED', 'CANCELED')),
    CONSTRAINT orders_version_counts_steps CHECK (
        CASE status
            WHEN 'PENDING' THEN version = 1
            WHEN 'PAID' THEN version = 2
            WHEN 'SHIPPED' THEN version = 3
            ELSE version IN (2, 3)
        END
    ),
    CONSTRAINT orders_revision_counts_writes
        CHECK (revision = version + CASE WHEN processed_at IS NULL THEN 0 ELSE 1 END)
)
""",
    "CREATE INDEX orders_of_user ON orders (user_id, id)",
    "CREATE INDEX orders_of_user_by_status ON orders (user_id, status, id)",
    "CREATE INDEX orders_by_status ON orders (status, id)",
    """
CREATE UNIQUE INDEX orders_reference_unique ON orders (user_id, reference)
    WHERE reference IS NOT NULL
""",
    "CREATE INDEX orders_by_reference ON orders (reference, id) WHERE reference IS NOT NULL",
    "CREATE INDEX orders_unprocessed ON orders (id) WHERE processed_at IS NULL",
    """
CREATE FUNCTION orders_keep_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'an order begins PENDING, unprocessed, at version and revision 1'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_lifecycle';
    END IF;
    IF (NEW.id, NEW.user_id, NEW.total_price, NEW.currency, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.user_id, OLD.total_price, OLD.currency, OLD.created_at)
    THEN
        RAISE EXCEPTION 'what was ordered, and by whom, does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_lifecycle';
    END IF;
    IF OLD.processed_at IS NOT NULL AND NEW.processed_at IS DISTINCT FROM OLD.processed_at THEN
        RAISE EXCEPTION 'an order is processed once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_lifecycle';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'PAID'), ('PENDING', 'CANCELED'), ('PAID', 'SHIPPED'), ('PAID', 'CANCELED')
    ) THEN
        RAISE EXCEPTION 'the lifecycle has no step from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_lifecycle';
    END IF;
    IF NEW.version <> OLD.version + (CASE WHEN NEW.status = OLD.status THEN 0 ELSE 1 END)
        OR NEW.revision < OLD.revision
    THEN
        RAISE EXCEPTION 'a version is a step of the lifecycle, and no write goes back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_lifecycle';
    END IF;
    RETURN NEW;
END;
$$
""",
    """
CREATE TRIGGER orders_begin BEFORE INSERT ON orders FOR EACH ROW
    WHEN (NEW.status <> 'PENDING' OR NEW.version <> 1 OR NEW.revision <> 1)
    EXECUTE FUNCTION orders_keep_lifecycle()
""",
    """
CREATE TRIGGER orders_change BEFORE UPDATE ON orders FOR EACH ROW
    EXECUTE FUNCTION orders_keep_lifecycle()
""",
    """
CREATE TABLE order_history (
    order_id uuid NOT NULL,
    version integer NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    reason text,
    at timestamptz NOT NULL,
    CONSTRAINT order_history_pkey PRIMARY KEY (order_id, version),
    CONSTRAINT order_history_order_exists FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT order_history_begins_at_1 CHECK ((version = 1) = (from_status IS NULL)),
    CONSTRAINT order_history_actor_known CHECK (actor_kind IN ('user', 'staff', 'system')),
    CONSTRAINT order_history_reason_length CHECK (length(reason) BETWEEN 1 AND 500)
)
""",
    # There is no foreign key because an event may outlive its order. The audit finds such events.
    """
CREATE TABLE outbox (
    subject uuid NOT NULL,
    revision integer NOT NULL,
    version integer NOT NULL,
    id uuid NOT NULL,
    topic text NOT NULL,
    type text NOT NULL,
    payload bytea,
    at timestamptz NOT NULL,
    traceparent text,
    original_key bytea,
    original_headers json,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    retry_at timestamptz,
    position bigint,
    published_at timestamptz,
    handed_over_at timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (subject, revision),
    CONSTRAINT outbox_position_unique UNIQUE (position),
    CONSTRAINT outbox_published_has_position
        CHECK ((position IS NULL) = (published_at IS NULL)),
    CONSTRAINT outbox_unpublished_has_payload
        CHECK (payload IS NOT NULL OR published_at IS NOT NULL)
)
""",
    """
CREATE INDEX outbox_unpublished ON outbox (subject, revision) WHERE published_at IS NULL
""",
    "CREATE SEQUENCE outbox_position AS bigint",
    """
CREATE TABLE inbox (
    order_id uuid NOT NULL,
    admitted_at timestamptz NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (order_id)
)
""",
    # The order is not unique here, because the audit must be able to find a second effect.
    """
CREATE TABLE effects (
    id bigint GENERATED ALWAYS AS IDENTITY,
    order_id uuid NOT NULL,
    outcome text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT effects_pkey PRIMARY KEY (id),
    CONSTRAINT effects_outcome_known CHECK (outcome IN ('fulfilled', 'skipped'))
)
""",
    "CREATE INDEX effects_of_order ON effects (order_id)",
)

_DOWNGRADE = (
    "DROP TABLE effects, inbox, outbox, order_history, orders, users",
    "DROP SEQUENCE outbox_position",
    "DROP FUNCTION orders_keep_lifecycle",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWNGRADE:
        op.execute(statement)
