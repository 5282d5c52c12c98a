"""The adapters that need no backing service."""

from collections.abc import AsyncIterator
from time import monotonic

from dishka import AnyOf, Provider, Scope, provide

from adapters.fulfilment import SimulatedFulfilment
from adapters.memory.account_cache import TimedAccountCache
from adapters.security.cursors import SignedCursors
from adapters.security.email_addresses import ValidatedAddresses
from adapters.security.keys import SigningKeys
from adapters.security.passwords import Argon2Passwords
from adapters.security.tokens import JwtTokens
from adapters.serialisation.orders import JsonChangeRenderer, JsonOrderRenderer
from adapters.system.clock_and_ids import SystemClock, Uuid7Generator
from application.ports.accounts import (
    AccountCache,
    Accounts,
    EmailAddresses,
    PasswordHasher,
    TokenIssuer,
    TokenVerifier,
)
from application.ports.events import MessageEncoder
from application.ports.orders import ChangeRenderer, OrderRenderer
from application.ports.paging import Cursors
from application.ports.system import Clock, IdGenerator
from application.ports.tasks import Fulfilment
from entrypoints.messaging.cloud_events import CloudEventsEncoder
from entrypoints.settings import Settings


class SystemProvider(Provider):
    """Clock, ids, serialisation, fulfilment."""

    scope = Scope.APP

    clock = provide(SystemClock, provides=Clock)
    ids = provide(Uuid7Generator, provides=IdGenerator)
    orders = provide(JsonOrderRenderer, provides=OrderRenderer)
    changes = provide(JsonChangeRenderer, provides=ChangeRenderer)
    messages = provide(CloudEventsEncoder, provides=MessageEncoder)

    @provide
    def fulfilment(self, settings: Settings) -> Fulfilment:
        """The simulated fulfilment; a shop replaces it."""
        return SimulatedFulfilment(settings.processing_delay)


def email_addresses() -> EmailAddresses:
    """Return the parser of e-mail addresses, for commands that check one before they start."""
    return ValidatedAddresses()


class SecurityProvider(Provider):
    """Addresses, accounts, passwords, tokens, cursors."""

    scope = Scope.APP

    cursors = provide(SignedCursors, provides=Cursors)

    @provide
    def addresses(self) -> EmailAddresses:
        """The parser of e-mail addresses."""
        return email_addresses()

    @provide
    def account_cache(self, accounts: Accounts) -> AccountCache:
        """The accounts of this process, each at most a second old."""
        return TimedAccountCache(accounts, monotonic)

    @provide
    def tokens(
        self, keys: SigningKeys, settings: Settings
    ) -> AnyOf[JwtTokens, TokenIssuer, TokenVerifier]:
        """Access tokens."""
        return JwtTokens(keys, settings.access_token_ttl)

    @provide
    async def passwords(self) -> AsyncIterator[PasswordHasher]:
        """The password hasher, with a thread pool of its own."""
        passwords = Argon2Passwords()
        yield passwords
        passwords.close()
