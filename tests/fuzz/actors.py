"""The fuzzer's clients: one for each role, and one without a token."""

from dataclasses import dataclass
from typing import Final

from tests.e2e.service import Service, an_email
from tests.fuzz.wire import Header

#: Not the password in the document's examples: those must not end or change an actor's account.
PASSWORD: Final = "staple horse correct battery"


@dataclass(frozen=True, slots=True)
class Actor:
    """A client. Anonymous clients don't have a token, an id or an address."""

    role: str
    token: str = ""
    id: str = ""
    email: str = ""

    @property
    def bearer(self) -> tuple[Header, ...]:
        """The Authorization header, if there is a token."""
        return ((b"authorization", f"Bearer {self.token}".encode()),) if self.token else ()


ANONYMOUS: Final = Actor("anonymous")


@dataclass(frozen=True, slots=True)
class Actors:
    """The user with all the orders, another user, and a member of staff."""

    owner: Actor
    other: Actor
    staff: Actor

    @property
    def all(self) -> tuple[Actor, ...]:
        """Every client, including the anonymous one."""
        return (ANONYMOUS, self.owner, self.other, self.staff)


def actors_of(service: Service) -> Actors:
    """Create an account for each role and log in."""
    return Actors(
        _log_in(service, "user", _register(service)),
        _log_in(service, "other user", _register(service)),
        _log_in(service, "staff", _create_staff(service)),
    )


def is_logged_in(service: Service, actor: Actor) -> bool:
    """Return whether the actor's token is still accepted."""
    headers = {"Authorization": f"Bearer {actor.token}"}
    return service.http.get("/me/", headers=headers).status_code == 200


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


def _log_in(service: Service, role: str, email: str) -> Actor:
    answer = service.http.post("/token/", data={"username": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    account = service.http.get("/me/", headers={"Authorization": f"Bearer {token}"}).json()
    return Actor(role, token, account["id"], email)
