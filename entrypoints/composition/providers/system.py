"""The adapters that do not need a backing service."""

from collections.abc import AsyncIterator
from time import monotonic

from dishka import AnyOf, Provider, Scope, provide

from adapters.fulfilment import SimulatedFulfilment
from adapters.memory.access_state import FollowedAccess
from adapters.memory.outside_tokens import NoOutsideTokens
from adapters.security.client_secrets import RandomClientSecrets
from adapters.security.common_passwords import PackagedCommonPasswords
from adapters.security.cursors import SignedCursors
from adapters.security.ed25519 import KeyPairs
from adapters.security.keys import SigningKeys
from adapters.security.passwords import Argon2Passwords
from adapters.security.refresh_tokens import RandomRefreshTokens
from adapters.security.tokens import JwtTokens
from adapters.serialisation.erasure import JsonPersonalDataEraser
from adapters.serialisation.orders import JsonChangeRenderer, JsonOrderRenderer
from adapters.system.clock_and_ids import SystemClock, Uuid7Generator
from application.accounts.password_policy import PasswordPolicy
from application.ports.access_changes import AccessChanges, AccessState
from application.ports.accounts import (
    Accounts,
    EmailAddresses,
    PasswordHasher,
    PublishedKeys,
    TokenIssuer,
    TokenVerifier,
)
from application.ports.authentication_log import AuthenticationLog
from application.ports.clients import ClientSecrets
from application.ports.erasures import PersonalDataEraser
from application.ports.events import MessageEncoder
from application.ports.orders import ChangeRenderer, OrderRenderer
from application.ports.outside_issuer import OutsideTokens
from application.ports.paging import Cursors
from application.ports.sessions import RefreshTokens
from application.ports.stored_records import RecordDecoder
from application.ports.system import Clock, IdGenerator
from application.ports.tasks import Fulfilment
from entrypoints.messaging.cloud_events import CloudEventsDecoder, CloudEventsEncoder
from entrypoints.observability.authentication_log import StructlogAuthenticationLog
from entrypoints.settings import Settings


class SystemProvider(Provider):
    """Clock, ids, serialisation and fulfilment."""

    scope = Scope.APP

    clock = provide(SystemClock, provides=Clock)
    ids = provide(Uuid7Generator, provides=IdGenerator)
    orders = provide(JsonOrderRenderer, provides=OrderRenderer)
    changes = provide(JsonChangeRenderer, provides=ChangeRenderer)
    eraser = provide(JsonPersonalDataEraser, provides=PersonalDataEraser)
    messages = provide(CloudEventsEncoder, provides=MessageEncoder)
    records = provide(CloudEventsDecoder, provides=RecordDecoder)

    @provide
    def fulfilment(self, settings: Settings) -> Fulfilment:
        """The simulated fulfilment. A real shop replaces this."""
        return SimulatedFulfilment(settings.processing_delay)


def password_policy() -> PasswordPolicy:
    """Return the rules for new passwords, for commands that check one before they start."""
    return PasswordPolicy(PackagedCommonPasswords())


def email_addresses() -> EmailAddresses:
    """Return the e-mail address parser, for commands that check an address before they start."""
    # Only imported when used: compiling its patterns costs a process 0.1 s of CPU time.
    from adapters.security.email_addresses import (  # noqa: PLC0415 - as above
        ValidatedAddresses,
    )

    return ValidatedAddresses()


class SecurityProvider(Provider):
    """E-mail addresses, accounts, passwords, tokens and cursors."""

    scope = Scope.APP

    authentication_log = provide(StructlogAuthenticationLog, provides=AuthenticationLog)
    cursors = provide(SignedCursors, provides=Cursors)

    @provide
    def addresses(self) -> EmailAddresses:
        """The e-mail address parser."""
        return email_addresses()

    client_secrets = provide(RandomClientSecrets, provides=ClientSecrets)

    @provide
    def refresh_tokens(self, settings: Settings) -> RefreshTokens:
        """The maker of refresh tokens."""
        return RandomRefreshTokens(settings.refresh_token_ttl)

    @provide
    def password_policy(self) -> PasswordPolicy:
        """The rules for new passwords."""
        return password_policy()

    @provide
    def access_state(self, changes: AccessChanges, accounts: Accounts, clock: Clock) -> AccessState:
        """This process's view of accounts and revoked tokens."""
        return FollowedAccess(changes, accounts, clock, monotonic)

    @provide
    def pairs(self, settings: Settings) -> AnyOf[KeyPairs, PublishedKeys]:
        """The Ed25519 keys in the settings."""
        return KeyPairs(settings.jwt_signing_key_file, settings.jwt_previous_public_key_files)

    @provide
    def tokens(
        self, keys: SigningKeys, pairs: KeyPairs, settings: Settings
    ) -> AnyOf[JwtTokens, TokenIssuer, TokenVerifier]:
        """The issuer and verifier of access tokens."""
        return JwtTokens(keys, settings.access_token_ttl, pairs=pairs)

    @provide
    async def outside_tokens(self, settings: Settings) -> AsyncIterator[OutsideTokens]:
        """The verifier of tokens from the issuer in the settings."""
        if settings.oidc_issuer is None or settings.oidc_audience is None:
            yield NoOutsideTokens()
            return
        # Only imported when used: cryptography and httpx cost a process 15 MiB.
        from adapters.security.issuer_client import IssuerClient  # noqa: PLC0415 - as above
        from adapters.security.issuer_keys import IssuerKeys  # noqa: PLC0415 - as above
        from adapters.security.outside_tokens import IssuerTokens  # noqa: PLC0415 - as above

        keys = IssuerKeys(IssuerClient(settings.oidc_issuer).fetch, monotonic)
        yield IssuerTokens(settings.oidc_issuer, settings.oidc_audience, keys)
        await keys.close()

    @provide
    async def passwords(self, settings: Settings) -> AsyncIterator[PasswordHasher]:
        """The password hasher, which has its own thread pool."""
        passwords = Argon2Passwords(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
        )
        yield passwords
        passwords.close()
