"""The bodies of requests and responses, for msgspec and for OpenAPI."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from domain.actor import ActorKind, Role
from domain.order.lines import MAX_LINES
from domain.order.status import OrderStatus
from entrypoints.http.messages.values import (
    Amount,
    Attributes,
    CurrencyCode,
    Email,
    KnownCurrency,
    NewAttributes,
    NewEmail,
    NewPassword,
    NumericProductId,
    Password,
    Price,
    ProductId,
    ProductName,
    Quantity,
    Reason,
    Reference,
    Timestamp,
    UserName,
    WantedStatus,
    WrittenAmount,
)


# Rules that involve several fields are only in the descriptions. If there were an `anyOf`, client
# generators would make classes without the properties next to it.
class NewOrderItem(Struct, forbid_unknown_fields=True):
    """A line of a new order: a `product_id`, a `name`, or both."""

    product_id: ProductId | NumericProductId | None = None
    name: ProductName | None = None
    quantity: Quantity = 1
    price: Price = None
    attributes: NewAttributes | None = None


class NewOrder(Struct, forbid_unknown_fields=True):
    """An order to place. Either all items have prices that add up to the total, or none do."""

    items: Annotated[list[NewOrderItem], Meta(min_length=1, max_length=MAX_LINES)]
    total_price: Amount
    currency: KnownCurrency | None = None
    reference: Reference | None = None


class StatusChange(Struct, forbid_unknown_fields=True):
    """The new status of an order, and the reason."""

    status: WantedStatus
    reason: Reason | None = None


class Confidential(Struct):
    """A body with secrets or personal data. They are not in its `repr`."""

    def __repr__(self) -> str:
        """Return the name of the class."""
        return f"{type(self).__name__}(...)"


class RegistrationSchema(Confidential, forbid_unknown_fields=True):
    """An account to open."""

    email: NewEmail
    password: NewPassword


class TokenForm(Confidential):
    """The form of a token request (RFC 6749). Unknown fields are ignored.

    It has either a `username` and a `password`, or a `grant_type` with a `refresh_token`, or a
    `grant_type` with a `client_id` and a `client_secret`.
    """

    grant_type: Literal["password", "refresh_token", "client_credentials"] = "password"
    username: UserName | None = None
    password: Password | None = None
    refresh_token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    scope: str = ""


class PasswordChangeSchema(Confidential, forbid_unknown_fields=True):
    """The current password and a new one."""

    current_password: Password
    new_password: NewPassword


class AccountClosureSchema(Confidential, forbid_unknown_fields=True):
    """The current password, which confirms that the account should be closed."""

    password: Password


class RevocationForm(Confidential):
    """The form of a revocation (RFC 7009). Unknown fields are ignored."""

    token: Annotated[str, Meta(min_length=1)]
    token_type_hint: str = ""


class AccountSchema(Confidential):
    """An account."""

    id: UUID
    email: Email
    role: Role
    created_at: Timestamp


class Token(Confidential, omit_defaults=True):
    """An access token (RFC 6749, section 5.1).

    Accounts also get a `refresh_token`, and machine clients the `scope` of their token.
    """

    access_token: str
    token_type: Literal["bearer"]
    expires_in: Annotated[int, Meta(description="Lifetime in seconds.", examples=[1800])]
    refresh_token: str | None = None
    scope: str | None = None


class SessionSchema(Struct):
    """A session: a login and all tokens that follow from it."""

    id: UUID
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    address: Annotated[str, Meta(description="The IPv4 address or the IPv6 /64 that used it last.")]
    user_agent: str
    current: Annotated[bool, Meta(description="Whether the request's token belongs to it.")]


class AccountLine(Confidential, tag_field="type", tag="account"):
    """The account's line of an export."""

    id: UUID
    email: str
    role: Role
    created_at: Timestamp


class IdentityLine(Struct, tag_field="type", tag="identity"):
    """A line of an export: the issuer of a token and its subject, which the account belongs to."""

    issuer: str
    subject: str


class SessionLine(Struct, tag_field="type", tag="session"):
    """A session's line of an export. `address` and `user_agent` are those of its last use."""

    id: UUID
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    address: str
    user_agent: str


class EndLine(Struct, tag_field="type", tag="end"):
    """The last line of a complete export, with the numbers of exported sessions and orders."""

    sessions: int
    orders: int


class OrderItem(Struct, omit_defaults=True):
    """A line of an order. `price` is per unit."""

    quantity: Quantity
    product_id: ProductId | None = None
    name: ProductName | None = None
    price: WrittenAmount | None = None
    attributes: Attributes | None = None


class OrderSchema(Struct, omit_defaults=True):
    """An order."""

    id: UUID
    user_id: UUID
    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=MAX_LINES)]
    total_price: WrittenAmount
    currency: CurrencyCode
    status: OrderStatus
    next_statuses: list[OrderStatus]
    version: Annotated[int, Meta(ge=1, description="Counts the steps of the order's lifecycle.")]
    created_at: Timestamp
    updated_at: Timestamp
    processed_at: Timestamp | None
    reference: Reference | None = None


class HistoryActor(Struct):
    """The user who took the step. Steps taken by the service itself do not have an id."""

    kind: ActorKind
    id: UUID | None


class HistoryStep(Struct, rename={"before": "from", "after": "to"}):
    """A step of an order's lifecycle."""

    version: Annotated[int, Meta(ge=1)]
    before: OrderStatus | None
    after: OrderStatus
    actor: HistoryActor
    reason: str | None
    at: Timestamp


class HistoryLine(
    Struct, tag_field="type", tag="history", rename={"before": "from", "after": "to"}
):
    """A step's line of an export."""

    order_id: UUID
    version: int
    before: OrderStatus | None
    after: OrderStatus
    actor: HistoryActor
    reason: str | None
    at: Timestamp


class Health(Struct):
    """The process serves requests."""

    status: Literal["ok"]


class ReadinessSchema(Struct):
    """The state of the service and of each of its dependencies."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, Literal["ok", "down"]]
    reasons: Annotated[
        dict[str, str],
        Meta(description="The reason and the remedy for each dependency that is down."),
    ]


class ProblemFault(Struct, omit_defaults=True):
    """An invalid value: at a `pointer` in the body, or in a `parameter` or a `header`."""

    detail: str
    code: str
    pointer: Annotated[str, Meta(description="RFC 6901.")] | None = None
    parameter: str | None = None
    header: str | None = None


class Problem(Struct, omit_defaults=True):
    """A problem (RFC 9457). Branch on its `code`."""

    type: Annotated[str, Meta(description="The address of a page about the problem.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Meta(description="The path of the request.")]
    code: Annotated[str, Meta(pattern="^[a-z]+(-[a-z]+)*$")]
    errors: list[ProblemFault] | None = None
    error: Annotated[str, Meta(description="For OAuth clients (RFC 6749).")] | None = None
    current_status: OrderStatus | None = None
    next_statuses: list[OrderStatus] | None = None


class PublicJwk(Struct):
    """An Ed25519 public key (RFC 7517, RFC 8037). `kid` is its thumbprint (RFC 7638)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JwkSet(Struct):
    """A JWK set (RFC 7517)."""

    keys: list[PublicJwk]


class ProblemKind(Struct):
    """A kind of problem. `type` is the address of its page."""

    type: str
    code: str
    status: int
    title: str
    meaning: str
    remedy: str


class Index(Struct):
    """The name and the version of the service, and links to its routes."""

    name: str
    version: str
    links: dict[str, str]
