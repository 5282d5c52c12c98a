"""The session routes: list and end your sessions. Staff can end those of a user."""

from http import HTTPStatus

import msgspec
from dishka import FromDishka
from litestar import Response, delete, get
from litestar.params import FromPath

from application.accounts.sessions import EndSession, EndSessionsOf, ListSessions
from application.errors import SessionNotFound, StaffOnly
from application.ports.sessions import Session
from domain.ids import SessionId
from entrypoints.http.guards import address_of, for_users
from entrypoints.http.messages import schemas
from entrypoints.http.messages.path_ids import session_id_of, user_id_of
from entrypoints.http.messages.query import refuse_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import Answer, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.raw_response import RawResponse

_SECRET = (b"cache-control", b"no-store")


@get("/me/sessions", before_request=for_users())
@operation(
    description="Newest first. A session begins with a login and lives as long as it is refreshed.",
    answers=(
        Answer(
            200,
            "Your sessions that have not expired.",
            list[schemas.SessionSchema],
            {"one": [examples.SESSION]},
            ("Cache-Control",),
        ),
    ),
)
async def list_sessions(request: ApiRequest, sessions_of: FromDishka[ListSessions]) -> RawResponse:
    """List your sessions."""
    refuse_query(request)
    caller = request.user
    shown = [_shown(each, caller.session_id) for each in await sessions_of(caller.user_id)]
    return RawResponse(msgspec.json.encode(shown), headers=[_SECRET])


@delete("/me/sessions/{session_id:str}", before_request=for_users(), status_code=204)
@operation(
    description="Its tokens are refused, in every process within 2 s.",
    parameters=("SessionId",),
    answers=(Answer(204, "The session has ended.", headers=("Cache-Control",)),),
    errors=(SessionNotFound(),),
    changes=True,
)
async def end_session(
    request: ApiRequest, session_id: FromPath[str], end: FromDishka[EndSession]
) -> Response[None]:
    """End one of your sessions."""
    refuse_query(request)
    await end(request.user.user_id, session_id_of(session_id), address_of(request))
    return _nothing()


@delete("/users/{user_id:str}/sessions", before_request=for_users(), status_code=204)
@operation(
    description="Only for staff. The user has to log in again, on every device.",
    parameters=("UserIdOfPath",),
    answers=(Answer(204, "The user has no sessions.", headers=("Cache-Control",)),),
    errors=(StaffOnly(),),
    changes=True,
)
async def end_sessions_of_user(
    request: ApiRequest, user_id: FromPath[str], end: FromDishka[EndSessionsOf]
) -> Response[None]:
    """End all sessions of a user."""
    refuse_query(request)
    await end(request.user, user_id_of(user_id), address_of(request))
    return _nothing()


def _shown(session: Session, current: SessionId | None) -> schemas.SessionSchema:
    return schemas.SessionSchema(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        address=session.address,
        user_agent=session.user_agent,
        current=session.id == current,
    )


def _nothing() -> Response[None]:
    return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})


ROUTES = Routes("Accounts", (list_sessions, end_session, end_sessions_of_user))
