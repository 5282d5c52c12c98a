"""The fuzzer's clients: one for each role, and one without a token."""

from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.service import Service, an_email
from tests.fuzz.wire import Header

#: Not the password in the document's examples, because they must not end or change an account.
PASSWORD: Final = "staple horse correct battery"


@dataclass(slots=True)
class Actor:
    """A client. Anonymous clients don't have a token, an id or an address."""

    role: str
    email: str = ""
    id: str = ""
    token: str = ""

    @property
    def bearer(self) -> tuple[Header, ...]:
        """The Authorization header, if there is a token."""
        return ((b"authorization", f"Bearer {self.token}".encode()),) if self.token else ()


@dataclass(frozen=True, slots=True)
class Actors:
    """The user with all the orders, another user, and a member of staff.

    The expendable user doesn't send requests, but others may delete its data.
    """

    owner: Actor
    other: Actor
    staff: Actor
    expendable: Actor
    anonymous: Actor

    @property
    def all(self) -> tuple[Actor, ...]:
        """Every client, including the anonymous one."""
        return (self.anonymous, self.owner, self.other, self.staff)

    def log_in_again(self, service: Service) -> None:
        """Log in every client whose session has been ended by a request."""
        for actor in (self.owner, self.other, self.staff):
            headers = {"Authorization": f"Bearer {actor.token}"}
            if service.http.get("/me/", headers=headers).status_code == 401:
                actor.token = tokens_of(service, actor.email)["access_token"]


def actors_of(service: Service) -> Actors:
    """Create an account for each role and log in."""
    return Actors(
        _log_in(service, "user", register(service)),
        _log_in(service, "other user", register(service)),
        _log_in(service, "staff", _create_staff(service)),
        _log_in(service, "expendable", register(service)),
        Actor("anonymous"),
    )


def register(service: Service) -> str:
    """Create an account and return its address."""
    email = an_email()
    answer = service.http.post("/register/", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return email


def tokens_of(service: Service, email: str) -> dict[str, Any]:
    """Log in, and return the response."""
    answer = service.http.post("/token/", data={"username": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def _create_staff(service: Service) -> str:
    email = an_email()
    command = ("users", "create", email, "--role", "staff", "--password-stdin")
    done = service.run(*command, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return email


def _log_in(service: Service, role: str, email: str) -> Actor:
    token = tokens_of(service, email)["access_token"]
    account = service.http.get("/me/", headers={"Authorization": f"Bearer {token}"}).json()
    return Actor(role, email, account["id"], token)
