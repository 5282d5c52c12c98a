"""The fuzzer's clients: one for each role, and one without a token."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.service import Service, an_email
from tests.fuzz.wire import Header

#: Not the password in the document's examples, because they must not end or change an account.
PASSWORD: Final = "staple horse correct battery"
#: How many accounts there are at a time that requests may close.
_DISPOSABLE: Final = 2


@dataclass(slots=True)
class Actor:
    """A client, with the form that it gets its token for.

    Anonymous clients don't have a token, and only accounts have an id and an address.
    """

    role: str
    form: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    id: str = ""

    @property
    def email(self) -> str:
        """The address of the account, or an empty string."""
        return self.form.get("username", "")

    @property
    def bearer(self) -> tuple[Header, ...]:
        """The Authorization header, if there is a token."""
        return ((b"authorization", f"Bearer {self.token}".encode()),) if self.token else ()


@dataclass(frozen=True, slots=True)
class Actors:
    """The user with all the orders, another user, a member of staff, and a machine client.

    The expendable user doesn't send requests, but others may delete its data. Each disposable user
    changes its password and closes its account, and is then replaced.
    """

    owner: Actor
    other: Actor
    staff: Actor
    machine: Actor
    expendable: Actor
    disposable: tuple[Actor, ...]
    anonymous: Actor

    @property
    def all(self) -> tuple[Actor, ...]:
        """Every client that sends requests, including the anonymous one."""
        return (self.anonymous, self.owner, self.other, self.staff, self.machine)

    def log_in_again(self, service: Service) -> None:
        """Log in every client whose session has been ended by a request."""
        for actor in (self.owner, self.other, self.staff, self.machine):
            if _has_ended(service, actor):
                actor.token = tokens_for(service, actor.form)["access_token"]

    def replace_closed(self, service: Service) -> None:
        """Give every disposable user whose account or session has ended a new account."""
        for actor in self.disposable:
            if _has_ended(service, actor):
                new = _user(service, actor.role, _register(service))
                actor.form, actor.token, actor.id = new.form, new.token, new.id


def actors_of(service: Service) -> Actors:
    """Create a client for each role, with a token."""
    return Actors(
        owner=_user(service, "user", _register(service)),
        other=_user(service, "other user", _register(service)),
        staff=_user(service, "staff", _create_staff(service)),
        machine=_machine_client(service),
        expendable=_user(service, "expendable user", _register(service)),
        disposable=tuple(
            _user(service, "disposable user", _register(service)) for _ in range(_DISPOSABLE)
        ),
        anonymous=Actor("anonymous"),
    )


def tokens_for(service: Service, form: Mapping[str, str]) -> dict[str, Any]:
    """Send a form to `/token/` and return the response."""
    answer = service.http.post("/token/", data=form)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def _has_ended(service: Service, actor: Actor) -> bool:
    headers = {"Authorization": f"Bearer {actor.token}"}
    return service.http.get("/me/", headers=headers).status_code == 401


def _user(service: Service, role: str, email: str) -> Actor:
    form = {"username": email, "password": PASSWORD}
    token = tokens_for(service, form)["access_token"]
    account = service.http.get("/me/", headers={"Authorization": f"Bearer {token}"}).json()
    return Actor(role, form, token, account["id"])


def _register(service: Service) -> str:
    email = an_email()
    answer = service.http.post("/register/", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return email


def _create_staff(service: Service) -> str:
    email = an_email()
    command = ("users", "create", email, "--role", "staff", "--password-stdin")
    done = service.run(*command, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return email


def _machine_client(service: Service) -> Actor:
    scopes = ("--scope", "orders:read", "--scope", "orders:status")
    name = f"fuzzer-{secrets.token_hex(4)}"
    done = service.run("clients", "create", name, *scopes, "--json")
    assert done.returncode == 0, done.stderr
    created = json.loads(done.stdout)
    form = {
        "grant_type": "client_credentials",
        "client_id": created["client_id"],
        "client_secret": created["client_secret"],
    }
    return Actor("machine client", form, tokens_for(service, form)["access_token"])
