"""Store sessions and refresh tokens in memory."""

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.storage import MemoryStorage, StoredToken
from application.accounts.refresh_policy import ENDING, GRACE, judge
from application.ports.sessions import MAX_SESSIONS, RefreshToken, Renewal, Session, Verdict
from domain.ids import SessionId, UserId


class MemorySessions:
    """`Sessions` and `SessionAdmin` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._sessions = storage.sessions
        self._tokens = storage.refresh_tokens

    async def begin(self, session: Session, token: RefreshToken, password_hash: str) -> bool:
        """Store a new session, unless the account has another password or is disabled."""
        await sleep(0)
        login = self._storage.logins.get(session.user_id)
        if login is None or login.account.disabled or login.password_hash != password_hash:
            return False
        self._sessions[session.id] = session
        self._storage.session_ids_by_handle[token.handle_hash] = session.id
        self._tokens[session.id] = {token.token_hash: StoredToken()}
        for oldest in self._ids_of(session.user_id)[MAX_SESSIONS:]:
            self._storage.end_session(oldest)
        return True

    async def renew(self, renewal: Renewal) -> tuple[Verdict, Session | None]:
        """Exchange a token for its successor, and return the session as it is afterwards."""
        await sleep(0)
        session_id = self._storage.session_ids_by_handle.get(renewal.token.handle_hash)
        if session_id is None:
            return Verdict.UNKNOWN, None
        session, tokens = self._sessions[session_id], self._tokens[session_id]
        stored = tokens.get(renewal.token.token_hash)
        verdict = judge(
            session,
            renewal,
            is_live=stored is not None,
            spent_at=stored.spent_at if stored else None,
            disabled=self._storage.logins[session.user_id].account.disabled,
        )
        if verdict is Verdict.RENEWED:
            session = self._renewed(session, renewal)
        elif verdict in ENDING:
            self._storage.end_session(session_id)
        return verdict, session

    def _renewed(self, session: Session, renewal: Renewal) -> Session:
        now, tokens, token_hash = renewal.now, self._tokens[session.id], renewal.token.token_hash
        spent = tokens[token_hash]
        # A token whose successor is used is forgotten at once, so using it again ends the session.
        kept = {
            each: token
            for each, token in tokens.items()
            if each != spent.predecessor
            and (token.spent_at is None or now - token.spent_at <= GRACE)
        }
        self._tokens[session.id] = kept | {
            token_hash: replace(spent, spent_at=spent.spent_at or now),
            renewal.successor.token_hash: StoredToken(predecessor=token_hash),
        }
        self._sessions[session.id] = renewed = replace(
            session,
            last_used_at=now,
            expires_at=renewal.expires_at,
            tokens_expire_at=max(session.tokens_expire_at, renewal.tokens_expire_at),
            address=renewal.device.address,
            user_agent=renewal.device.user_agent,
        )
        return renewed

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """Return the user's sessions that have not expired, newest first."""
        await sleep(0)
        sessions = [self._sessions[each] for each in self._ids_of(user_id)]
        return [session for session in sessions if session.expires_at > now]

    async def end(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """End a user's session and return it, or None if the user has no such session."""
        session = self._sessions.get(session_id)
        if session is None or session.user_id != user_id:
            return None
        self._storage.end_session(session_id)
        return session

    async def end_by_token(self, token: RefreshToken) -> Session | None:
        """End the session of a token, even if it was spent. Return it, or None if it's unknown."""
        session_id = self._storage.session_ids_by_handle.get(token.handle_hash)
        if session_id is None:
            return None
        session = self._sessions[session_id]
        self._storage.end_session(session_id)
        return session

    async def end_all(self, user_id: UserId) -> Sequence[Session]:
        """End all sessions and outside tokens of a user. Return the sessions."""
        ended = [self._sessions[each] for each in self._ids_of(user_id)]
        self._storage.end_sessions_of(user_id)
        self._storage.end_outside_tokens(user_id)
        return ended

    def _ids_of(self, user_id: UserId) -> list[SessionId]:
        """Return the ids of a user's sessions, newest first."""
        ids = (each.id for each in self._sessions.values() if each.user_id == user_id)
        return sorted(ids, reverse=True)
