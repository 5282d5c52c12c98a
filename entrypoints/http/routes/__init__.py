"""The API's routes and their contracts."""

from typing import Final

from entrypoints.http.routes import accounts, docs, home, operations, orders, sessions, tokens

ROUTES: Final = (
    accounts.ROUTES,
    tokens.ROUTES,
    sessions.ROUTES,
    orders.ROUTES,
    operations.ROUTES,
    docs.ROUTES,
    home.ROUTES,
)
