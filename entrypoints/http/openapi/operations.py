"""What the document tells of each route: the one table that it is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler

from application.errors import (
    NOTHING_CHANGED,
    OUTCOME_UNKNOWN,
    ConcurrentUpdate,
    InvalidCredentials,
    NotAuthenticated,
    NotYourOrders,
    RateLimited,
    TokenExpired,
    TokenMissing,
    Unavailable,
)
from domain.errors import (
    EmailTaken,
    OrderNotFound,
    OrderServiceError,
    ReferenceTaken,
    StatusForbidden,
)
from entrypoints.http.about import NAME, VERSION
from entrypoints.http.messages import schemas as shapes
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.parameters import OF_LISTS
from entrypoints.http.problems.errors import InternalError, NoSuchRoute, NotAlive, RepeatedHeader
from entrypoints.http.routes import accounts, docs, home, operations, orders

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
HTML: Final = docs.HTML
ICON: Final = "image/x-icon"
TEXT: Final = "text/plain"

_TRY_AGAIN: Final = RateLimited(12)
#: Operations with these tags cannot do without PostgreSQL.
_OF_THE_STORAGE: Final = ("Accounts", "Orders")


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries, and what may be wrong with it before anybody reads its values."""

    shape: Any
    examples: Mapping[str, Any]
    media_type: str = JSON

    @property
    def refusals(self) -> tuple[OrderServiceError, ...]:
        """What a body can be refused with, whatever it is about."""
        unsupported = examples.NOT_JSON if self.media_type == JSON else examples.NOT_A_FORM
        return (
            examples.BAD_BODY,
            RepeatedHeader(),
            examples.LARGE_BODY,
            unsupported,
            examples.CODED_BODY,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. `headers` are those that only this answer has; no shape: no body.

    `links` name the operations that its order's id leads to.
    """

    status: int
    description: str
    shape: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    media_type: str = JSON
    links: tuple[HTTPRouteHandler, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. `of_its_own` are the refusals that follow from nothing else here."""

    tag: str
    path: str
    handler: HTTPRouteHandler
    answers: tuple[Answer, ...]
    more: str = ""
    parameters: tuple[str, ...] = ()
    body: Body | None = None
    of_its_own: tuple[OrderServiceError, ...] = ()
    needs_token: bool = False
    changes: bool = False
    is_limited: bool = True

    @property
    def method(self) -> str:
        """The method, in capitals."""
        (method,) = self.handler.http_methods
        return method

    @property
    def refusals(self) -> tuple[OrderServiceError, ...]:
        """An example of every refusal that can be met here."""
        return (
            *(self.body.refusals if self.body else ()),
            *((TokenMissing(), TokenExpired(), NotAuthenticated()) if self.needs_token else ()),
            *((RepeatedHeader("Authorization"),) if self.needs_token else ()),
            *((examples.STRAY_PARAMETER,) if self._refuses_parameters else ()),
            *(self._unavailable if self.tag in _OF_THE_STORAGE else ()),
            *((_TRY_AGAIN,) if self.is_limited else ()),
            *self.of_its_own,
            InternalError(),
        )

    @property
    def _refuses_parameters(self) -> bool:
        """Whether every parameter is refused. Probes and pages ignore them; lists know some."""
        return self.tag in _OF_THE_STORAGE and "Limit" not in self.parameters

    @property
    def _unavailable(self) -> tuple[OrderServiceError, ...]:
        if self.changes:
            return Unavailable(NOTHING_CHANGED), Unavailable(OUTCOME_UNKNOWN)
        return (Unavailable(),)


_REGISTER: Final = Operation(
    tag="Accounts",
    path="/register/",
    handler=accounts.register,
    body=Body(shapes.Registration, examples.REGISTRATIONS),
    answers=(
        Answer(
            201,
            "The account that was opened.",
            shapes.Account,
            {"ada": examples.ACCOUNT},
            ("Cache-Control",),
        ),
    ),
    changes=True,
    of_its_own=(EmailTaken(), examples.BAD_REGISTRATION),
)
_LOG_IN: Final = Operation(
    tag="Accounts",
    path="/token/",
    handler=accounts.log_in,
    more="Unknown fields of the form are ignored, `client_id` and an empty Basic header among it.",
    body=Body(shapes.TokenForm, examples.TOKEN_FORMS, FORM),
    answers=(
        Answer(
            200,
            "A token: send it as `Authorization: Bearer ...`.",
            shapes.Token,
            {"token": examples.TOKEN},
            ("Cache-Control",),
        ),
    ),
    of_its_own=(
        InvalidCredentials(),
        examples.BAD_TOKEN_FORM,
        examples.UNESCAPED_PLUS,
        examples.REPEATED_PARAMETER,
    ),
)
_READ_ACCOUNT: Final = Operation(
    tag="Accounts",
    path="/me/",
    handler=accounts.read_account,
    needs_token=True,
    answers=(
        Answer(200, "Your account.", shapes.Account, {"ada": examples.ACCOUNT}, ("Cache-Control",)),
    ),
)
_CREATE_ORDER: Final = Operation(
    tag="Orders",
    path="/orders/",
    handler=orders.create_order,
    more=(
        "Either every item has a price, and `total_price` is their exact sum, or none has, and"
        " `total_price` stands as given. Amounts are read exactly, never through a binary float."
    ),
    needs_token=True,
    changes=True,
    body=Body(shapes.NewOrder, examples.NEW_ORDERS),
    answers=(
        Answer(
            201,
            "The order that was placed.",
            shapes.Order,
            {"pending": examples.PENDING_ORDER},
            ("Location", "ETag", "Cache-Control"),
            links=(orders.read_order, orders.change_status, orders.read_history),
        ),
    ),
    of_its_own=(ReferenceTaken(), examples.BAD_ORDER, examples.BAD_TOTAL),
)
_LIST_ORDERS: Final = Operation(
    tag="Orders",
    path="/orders/",
    handler=orders.list_orders,
    more="Newest first, page by page: `Link` leads to the next one while there is more.",
    needs_token=True,
    parameters=(*OF_LISTS, "UserId"),
    answers=(
        Answer(
            200,
            "A page of orders.",
            list[shapes.Order],
            {"one": [examples.PENDING_ORDER], "none": []},
            ("Link", "Cache-Control"),
        ),
    ),
    of_its_own=(NotYourOrders(), examples.BAD_LIST),
)
_LIST_ORDERS_OF_USER: Final = Operation(
    tag="Orders",
    path="/orders/user/{user_id}/",
    handler=orders.list_orders_of_user,
    more="Newest first. Another user's orders, and those of an id that is nobody's, are for staff.",
    needs_token=True,
    parameters=("UserIdOfPath", *OF_LISTS),
    answers=(
        Answer(
            200,
            "A page of orders.",
            list[shapes.Order],
            {"one": [examples.PAID_ORDER], "none": []},
            ("Link", "Cache-Control"),
        ),
    ),
    of_its_own=(NotYourOrders(), examples.BAD_LIST),
)
_READ_ORDER: Final = Operation(
    tag="Orders",
    path="/orders/{order_id}/",
    handler=orders.read_order,
    more="An unknown id, one that is no UUID, and another user's order are all the same 404.",
    needs_token=True,
    parameters=("OrderId", "IfNoneMatch"),
    answers=(
        Answer(
            200,
            "The order.",
            shapes.Order,
            {"pending": examples.PENDING_ORDER, "processed": examples.PAID_ORDER},
            ("ETag", "X-Cache", "Cache-Control"),
        ),
        Answer(
            304,
            "What you have is still good; there is no body.",
            headers=("ETag", "X-Cache", "Cache-Control"),
        ),
    ),
    of_its_own=(OrderNotFound(),),
)
_CHANGE_STATUS: Final = Operation(
    tag="Orders",
    path="/orders/{order_id}/",
    handler=orders.change_status,
    more=(
        "The status that the order has already is no change: 200, and no event. `next_statuses`"
        " of the order tells which are possible."
    ),
    needs_token=True,
    changes=True,
    parameters=("OrderId", "IfMatch"),
    body=Body(shapes.StatusChange, examples.STATUS_CHANGES),
    answers=(
        Answer(
            200,
            "The order as it is now.",
            shapes.Order,
            {"paid": examples.PAID_ORDER},
            ("ETag", "Cache-Control"),
        ),
    ),
    of_its_own=(
        StatusForbidden("Only staff may set SHIPPED; you may cancel your order."),
        OrderNotFound(),
        examples.NO_WAY_BACK,
        examples.STALE,
        examples.BAD_CHANGE,
        ConcurrentUpdate(),
    ),
)
_READ_HISTORY: Final = Operation(
    tag="Orders",
    path="/orders/{order_id}/history/",
    handler=orders.read_history,
    more="Oldest first, beginning with the order's creation.",
    needs_token=True,
    parameters=("OrderId",),
    answers=(
        Answer(
            200,
            "The steps, each with who took it and why.",
            list[shapes.HistoryStep],
            {"paid": examples.HISTORY},
            ("Cache-Control",),
        ),
    ),
    of_its_own=(OrderNotFound(),),
)
_IS_ALIVE: Final = Operation(
    tag="Operations",
    path="/health/",
    handler=operations.is_alive,
    more="A server that is out of reach is no reason: a restart would not bring it back.",
    is_limited=False,
    of_its_own=(NotAlive("relay has made no progress for 60 s"),),
    answers=(Answer(200, "It serves, and works.", shapes.Health, {"alive": examples.HEALTHY}),),
)
_IS_READY: Final = Operation(
    tag="Operations",
    path="/health/ready/",
    handler=operations.is_ready,
    more="Without Redis or Kafka the service is degraded: every route answers all the same.",
    is_limited=False,
    answers=(
        Answer(
            200,
            "It can do its work, if degraded.",
            shapes.Readiness,
            {"ok": examples.READY, "degraded": examples.DEGRADED},
        ),
        Answer(
            503,
            "PostgreSQL is out of reach.",
            shapes.Readiness,
            {"down": examples.DOWN},
            ("Retry-After",),
        ),
    ),
)
_READ_METRICS: Final = Operation(
    tag="Operations",
    path="/metrics",
    handler=operations.read_metrics,
    more=(
        "Prometheus's text format, version 0.0.4. What cannot be asked within a second is left"
        " out; with several workers their counts are added up."
    ),
    is_limited=False,
    answers=(
        Answer(
            200,
            "The metrics.",
            str,
            {"some": examples.METRICS},
            ("Cache-Control",),
            media_type=TEXT,
        ),
    ),
)
_READ_DOCUMENT: Final = Operation(
    tag="Documents",
    path="/openapi.json",
    handler=docs.read_document,
    answers=(
        Answer(
            200,
            "This document.",
            dict,
            headers=("ETag.document", "Vary", "Content-Encoding", "Cache-Control"),
        ),
        Answer(
            304,
            "What you have is still good; there is no body.",
            headers=("ETag.document", "Vary", "Cache-Control"),
        ),
    ),
)
_READ_PAGE: Final = Operation(
    tag="Documents",
    path="/docs",
    handler=docs.read_page,
    is_limited=False,
    answers=(
        Answer(
            200,
            "The page.",
            str,
            headers=("Content-Security-Policy", "Referrer-Policy", "Cache-Control"),
            media_type=HTML,
        ),
    ),
)
_READ_INDEX: Final = Operation(
    tag="Documents",
    path="/",
    handler=home.read_index,
    more="A browser, whose `Accept` prefers `text/html`, is sent to the documentation.",
    answers=(
        Answer(
            200,
            "Links to what the service offers.",
            home.Index,
            {"index": home.Index(NAME, VERSION, dict(home.PATHS))},
            headers=("Vary", "Cache-Control"),
        ),
        Answer(302, "The documentation.", headers=("Location.docs", "Vary")),
    ),
)
_READ_ICON: Final = Operation(
    tag="Documents",
    path="/favicon.ico",
    handler=home.read_icon,
    answers=(
        Answer(
            200,
            "The icon.",
            Any,
            headers=("ETag.document", "Vary", "Content-Encoding", "Cache-Control"),
            media_type=ICON,
        ),
        Answer(
            304,
            "What you have is still good; there is no body.",
            headers=("ETag.document", "Vary", "Cache-Control"),
        ),
    ),
)
_LIST_PROBLEMS: Final = Operation(
    tag="Documents",
    path="/problems/",
    handler=docs.list_problems,
    more="A page, or JSON if `Accept` prefers it.",
    answers=(
        Answer(
            200,
            "Every kind of problem.",
            str,
            headers=("Content-Security-Policy", "Referrer-Policy", "Cache-Control", "Vary"),
            media_type=HTML,
        ),
        Answer(200, "The same.", list[docs.ProblemKind], {"some": [examples.PROBLEM_KIND]}),
    ),
)
_READ_PROBLEM: Final = Operation(
    tag="Documents",
    path="/problems/{code}",
    handler=docs.read_problem,
    more="Every problem's `type` leads here. A page, or JSON if `Accept` prefers it.",
    parameters=("ProblemCode",),
    answers=(
        Answer(
            200,
            "The page.",
            str,
            headers=("Content-Security-Policy", "Referrer-Policy", "Cache-Control", "Vary"),
            media_type=HTML,
        ),
        Answer(200, "The same.", docs.ProblemKind, {"one": examples.PROBLEM_KIND}),
    ),
    of_its_own=(NoSuchRoute(),),
)

OPERATIONS: Final = (
    _REGISTER,
    _LOG_IN,
    _READ_ACCOUNT,
    _CREATE_ORDER,
    _LIST_ORDERS,
    _LIST_ORDERS_OF_USER,
    _READ_ORDER,
    _CHANGE_STATUS,
    _READ_HISTORY,
    _IS_ALIVE,
    _IS_READY,
    _READ_METRICS,
    _READ_DOCUMENT,
    _READ_PAGE,
    _LIST_PROBLEMS,
    _READ_PROBLEM,
    _READ_INDEX,
    _READ_ICON,
)
