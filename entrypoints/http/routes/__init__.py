"""The API's routes and their contracts."""

from typing import Final

from entrypoints.http.routes import (
    accounts,
    docs,
    export,
    home,
    operations,
    orders,
    own_account,
    public_keys,
    sessions,
    tokens,
)

ROUTES: Final = (
    accounts.ROUTES,
    own_account.ROUTES,
    export.ROUTES,
    tokens.ROUTES,
    sessions.ROUTES,
    orders.ROUTES,
    operations.ROUTES,
    public_keys.ROUTES,
    docs.ROUTES,
    home.ROUTES,
)
