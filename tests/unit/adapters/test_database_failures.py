from collections.abc import Callable

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi

from adapters.postgres.database import translated
from application.errors import Unavailable

FROM_THE_POOL: Callable[[str], Exception] = AsyncAdapt_asyncpg_dbapi.Error
OUT_OF_REACH = [
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError("terminating connection"),
    asyncpg.InvalidPasswordError("password authentication failed"),
    asyncpg.InvalidCatalogNameError('database "orders" does not exist'),
    ConnectionRefusedError(),
]


@pytest.mark.parametrize("failure", OUT_OF_REACH, ids=lambda failure: type(failure).__name__)
async def test_a_server_that_lets_nobody_in_is_out_of_reach_whoever_says_so(
    failure: Exception,
) -> None:
    with pytest.raises(Unavailable), translated():
        raise failure
    with pytest.raises(Unavailable), translated():
        raise FROM_THE_POOL("it says") from failure


async def test_a_statement_that_is_wrong_is_not() -> None:
    failure = asyncpg.PostgresSyntaxError("syntax error")
    with pytest.raises(AsyncAdapt_asyncpg_dbapi.Error), translated():
        raise FROM_THE_POOL("it says") from failure
