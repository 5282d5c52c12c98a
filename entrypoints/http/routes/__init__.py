"""The API's routes and their contracts."""

from typing import Final

from entrypoints.http.routes import accounts, docs, home, operations, orders

ROUTES: Final = (accounts.ROUTES, orders.ROUTES, operations.ROUTES, docs.ROUTES, home.ROUTES)
