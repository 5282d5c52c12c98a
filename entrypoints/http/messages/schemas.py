"""The bodies of requests and answers: what msgspec decodes, and what OpenAPI shows."""

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
    Moment,
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
    UserName,
    WantedStatus,
    WrittenAmount,
)


# Rules over several fields are described in words: generators of clients make classes of an `anyOf`
# and drop the properties beside it.
class NewOrderItem(Struct, forbid_unknown_fields=True):
    """A line of a new order: a `product_id`, a `name`, or both."""

    product_id: ProductId | NumericProductId | None = None
    name: ProductName | None = None
    quantity: Quantity = 1
    price: Price = None
    attributes: NewAttributes | None = None


class NewOrder(Struct, forbid_unknown_fields=True):
    """An order to be placed. Either every item has a price, and they add up, or none has."""

    items: Annotated[list[NewOrderItem], Meta(min_length=1, max_length=MAX_LINES)]
    total_price: Amount
    currency: KnownCurrency | None = None
    reference: Reference | None = None


class StatusChange(Struct, forbid_unknown_fields=True):
    """The status that an order is to have, and why."""

    status: WantedStatus
    reason: Reason | None = None


class Registration(Struct, forbid_unknown_fields=True):
    """An account to be opened."""

    email: NewEmail
    password: NewPassword


class TokenForm(Struct):
    """The form that asks for a token (RFC 6749, section 4.3.2); unknown fields are ignored."""

    username: UserName
    password: Password
    grant_type: Literal["password"] = "password"
    scope: str = ""


class Account(Struct):
    """An account."""

    id: UUID
    email: Email
    role: Role
    created_at: Moment


class Token(Struct):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[1800])]


class OrderItem(Struct, omit_defaults=True):
    """A line of an order; `price` is for one piece."""

    quantity: Quantity
    product_id: ProductId | None = None
    name: ProductName | None = None
    price: WrittenAmount | None = None
    attributes: Attributes | None = None


class Order(Struct, omit_defaults=True):
    """An order."""

    id: UUID
    user_id: UUID
    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=MAX_LINES)]
    total_price: WrittenAmount
    currency: CurrencyCode
    status: OrderStatus
    next_statuses: list[OrderStatus]
    version: Annotated[int, Meta(ge=1, description="Counts the steps of the lifecycle.")]
    created_at: Moment
    updated_at: Moment
    processed_at: Moment | None
    reference: Reference | None = None


class HistoryActor(Struct):
    """Who took a step; the service itself has no id."""

    kind: ActorKind
    id: UUID | None


class HistoryStep(Struct, rename={"before": "from", "after": "to"}):
    """A step of an order's lifecycle."""

    version: Annotated[int, Meta(ge=1)]
    before: OrderStatus | None
    after: OrderStatus
    actor: HistoryActor
    reason: str | None
    at: Moment


class Health(Struct):
    """That the process serves."""

    status: Literal["ok"]


class Readiness(Struct):
    """Whether the service can do its work, and how each of its dependencies is."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, Literal["ok", "down"]]
    reasons: Annotated[
        dict[str, str], Meta(description="Why each dependency that is down is so, with the remedy.")
    ]


class ProblemFault(Struct, omit_defaults=True):
    """One thing that is wrong with the input: at a `pointer`, in a `parameter` or a `header`."""

    detail: str
    code: str
    pointer: Annotated[str, Meta(description="RFC 6901.")] | None = None
    parameter: str | None = None
    header: str | None = None


class Problem(Struct, omit_defaults=True):
    """What went wrong (RFC 9457). `code` is what a program may branch on."""

    type: Annotated[str, Meta(description="The address of the page that explains it.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Meta(description="The path that was asked for.")]
    code: Annotated[str, Meta(pattern="^[a-z]+(-[a-z]+)*$")]
    errors: list[ProblemFault] | None = None
    error: Annotated[str, Meta(description="What OAuth clients read (RFC 6749).")] | None = None
    current_status: OrderStatus | None = None
    next_statuses: list[OrderStatus] | None = None


class ProblemKind(Struct):
    """One kind of problem; `type` is the address of its page."""

    type: str
    code: str
    status: int
    title: str
    meaning: str
    remedy: str


class Index(Struct):
    """The service, and links to what it offers."""

    name: str
    version: str
    links: dict[str, str]
