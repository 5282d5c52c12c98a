"""`orders clients`: manage machine clients."""

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from application.clients.create_client import CreateClient, NewClient
from application.clients.list_clients import ListClients
from application.clients.revoke_client import RevokeClient
from domain.client import MachineClient, parse_client_name
from domain.scope import Scope, parse_scopes
from domain.validation import ValidationErrors
from entrypoints.cli.listing import print_list
from entrypoints.cli.parameters import Flag, Limit
from entrypoints.cli.run import configured, run
from entrypoints.composition.startup import opened_container
from entrypoints.observability.log_secrets import keep_out_of_logs
from entrypoints.settings import Settings


def create(
    name: str,
    *,
    scope: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    json: Flag = False,
) -> None:
    """Create a machine client; its secret is printed once.

    Parameters
    ----------
    name
        The client's name: letters, digits, dots, hyphens and underscores.
    scope
        What the client may do: orders:read or orders:status. Repeat it for both.
    json
        Print a JSON object instead of lines.
    """
    settings = configured()
    errors = ValidationErrors()
    parsed = errors.parse(parse_client_name, name, "NAME")
    scopes = errors.parse(lambda _: parse_scopes(scope), scope, "--scope")
    run(_create(settings, errors.require(parsed), errors.require(scopes), as_json=json))


def show(*, limit: Limit = 100) -> None:
    """List machine clients, the oldest first.

    Parameters
    ----------
    limit
        How many to list, from 1 to 10000.
    """
    run(_show(configured(), limit))


def revoke(client: str) -> None:
    """Revoke a machine client and its tokens.

    Parameters
    ----------
    client
        The client's id or name; `orders clients list` prints both.
    """
    run(_revoke(configured(), client))


async def _create(settings: Settings, name: str, scopes: frozenset[Scope], *, as_json: bool) -> int:
    """Create a client, print its secret and return the exit status.

    Raises:
        ClientNameTaken: there is already a client with this name that has not been revoked.
    """
    async with opened_container(settings) as container:
        create_client = await container.get(CreateClient)
        created = await create_client(name, scopes)
    keep_out_of_logs(created.secret)
    sys.stdout.write(_json(created) if as_json else _text(created))
    return 0


async def _show(settings: Settings, limit: int) -> int:
    """Print the clients, one per line, oldest first. Return the exit status."""
    async with opened_container(settings) as container:
        list_clients = await container.get(ListClients)
        found = await list_clients(limit + 1)
    print_list([_line(each) for each in found], limit, "There is no client.")
    return 0


async def _revoke(settings: Settings, id_or_name: str) -> int:
    """Revoke a client and return the exit status.

    Raises:
        NoSuchClient: there is no client with this id, or no unrevoked one with this name.
    """
    async with opened_container(settings) as container:
        revoke_client = await container.get(RevokeClient)
        client = await revoke_client(id_or_name)
    sys.stdout.write(f"{client.name} is revoked, id {client.id}.\n")
    return 0


def _text(created: NewClient) -> str:
    client = created.client
    return (
        f"{client.name} may use {_scopes(client)}.\n"
        f"client_id={client.id}\n"
        f"client_secret={created.secret}\n"
        "Store the secret now: it is not shown again.\n"
    )


def _json(created: NewClient) -> str:
    client = created.client
    document = {
        "client_id": client.id,
        "client_secret": created.secret,
        "name": client.name,
        "scopes": sorted(client.scopes),
    }
    return f"{msgspec.json.encode(document).decode()}\n"


def _line(client: MachineClient) -> str:
    state = "revoked" if client.revoked_at else "live"
    return f"{client.id} {client.created_at.isoformat()} {state} {_scopes(client)} {client.name}"


def _scopes(client: MachineClient) -> str:
    return ",".join(sorted(client.scopes))
