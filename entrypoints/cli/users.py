"""`orders users`: the operator's work on accounts."""

import sys

from application.change_account import DisableAccount, GrantRole
from application.ports.accounts import EmailAddresses
from application.register_user import RegisterUser, Registration
from domain.actor import Role
from domain.faults import Faults
from domain.user import read_password
from entrypoints.composition.service import opened_container
from entrypoints.settings import Settings


async def create(settings: Settings, email: str, role: Role, password: str) -> int:
    """Open an account; the exit status.

    Raises:
        Invalid: the address or the password breaks a rule.
        EmailTaken: there is an account with this address.
    """
    faults = Faults()
    secret = faults.read(read_password, password, "password")
    async with opened_container(settings) as container:
        addresses = await container.get(EmailAddresses)
        address = faults.read(addresses.parse, email, "EMAIL")
        registration = Registration(faults.sound(address), faults.sound(secret), role)
        register = await container.get(RegisterUser)
        user = await register(registration)
    sys.stdout.write(f"{user.email} is {user.role}, id {user.id}.\n")
    return 0


async def grant_role(settings: Settings, email: str, role: Role) -> int:
    """Give an account a role; the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    async with opened_container(settings) as container:
        grant = await container.get(GrantRole)
        addresses = await container.get(EmailAddresses)
        user = await grant(addresses.of(email), role)
    sys.stdout.write(f"{user.email} is {user.role} from now on.\n")
    return 0


async def disable(settings: Settings, email: str) -> int:
    """Disable an account; the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    async with opened_container(settings) as container:
        disable_account = await container.get(DisableAccount)
        addresses = await container.get(EmailAddresses)
        user = await disable_account(addresses.of(email))
    sys.stdout.write(f"{user.email} is disabled.\n")
    return 0
