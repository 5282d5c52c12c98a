"""`orders users`: manage accounts."""

import sys
from collections.abc import Awaitable, Callable
from getpass import getpass

from application.accounts.change_account import DisableAccount, EnableAccount, GrantRole
from application.accounts.list_accounts import ListAccounts
from application.accounts.register import RegisterUser, Registration
from application.accounts.sessions import EndSessionsByEmail
from application.accounts.set_password import SetPassword
from application.ports.accounts import EmailAddress
from domain.account import Account
from domain.actor import Role
from domain.errors import Invalid
from domain.validation import ValidationErrors
from entrypoints.cli.listing import print_list
from entrypoints.cli.parameters import Flag, Limit
from entrypoints.cli.run import configured, run
from entrypoints.composition.providers.system import email_addresses, password_policy
from entrypoints.composition.startup import opened_container
from entrypoints.observability.log_secrets import keep_out_of_logs
from entrypoints.settings import Settings


def create(
    email: str,
    *,
    role: Role = Role.USER,
    password_stdin: Flag = False,
) -> None:
    """Create an account; the password prompt has no echo.

    Parameters
    ----------
    email
        The account's address.
    role
        The role of the account.
    password_stdin
        Read the password from the first line of standard input instead.
    """
    settings = configured()
    registration = _read_registration(email, role, from_stdin=password_stdin)
    run(_create(settings, registration))


def show(*, limit: Limit = 100) -> None:
    """List accounts, the oldest first.

    Parameters
    ----------
    limit
        How many to list, from 1 to 10000.
    """
    run(_show(configured(), limit))


def grant_role(email: str, *, role: Role) -> None:
    """Change the role of an account: user or staff.

    Parameters
    ----------
    email
        The account's address.
    role
        The new role of the account.
    """
    run(_grant_role(configured(), email, role))


def disable(email: str) -> None:
    """Disable an account: no login; its orders stay.

    Parameters
    ----------
    email
        The account's address.
    """
    run(_disable(configured(), email))


def enable(email: str) -> None:
    """Enable a disabled account.

    Parameters
    ----------
    email
        The account's address.
    """
    run(_enable(configured(), email))


def set_password(email: str, *, password_stdin: Flag = False) -> None:
    """Replace an account's password; the prompt has no echo.

    Parameters
    ----------
    email
        The account's address.
    password_stdin
        Read the password from the first line of standard input instead.
    """
    settings = configured()
    password = _read_new_password(email_addresses().of(email), from_stdin=password_stdin)
    run(_set_password(settings, email, password))


def end_sessions(email: str) -> None:
    """End all sessions of an account.

    Parameters
    ----------
    email
        The account's address.
    """
    run(_end_sessions(configured(), email))


def _read_new_password(email: EmailAddress, *, from_stdin: bool) -> str:
    """Read a password from a line of standard input, or twice from the terminal without echo.

    Raises:
        Invalid: it breaks a rule, the two passwords differ, or there is no terminal.
    """
    faults = ValidationErrors()
    typed = _typed(from_stdin=from_stdin)
    password = faults.parse(lambda value: password_policy().parse(value, email), typed, "password")
    sound = faults.require(password)
    keep_out_of_logs(sound)
    return sound


def _read_registration(email: str, role: Role, *, from_stdin: bool) -> Registration:
    """Read a new account, checking the address before prompting for the password.

    Raises:
        Invalid: the address or the password breaks a rule, or there is no terminal.
    """
    faults = ValidationErrors()
    address = faults.parse(email_addresses().parse, email, "EMAIL")
    known = faults.require(address)
    return Registration(known, _read_new_password(known, from_stdin=from_stdin), role)


async def _create(settings: Settings, registration: Registration) -> int:
    """Create an account and return the exit status.

    Raises:
        EmailTaken: there is already an account with this address.
    """
    async with opened_container(settings) as container:
        register = await container.get(RegisterUser)
        user = await register(registration)
    sys.stdout.write(f"{user.email} is {user.role}, id {user.id}.\n")
    return 0


async def _show(settings: Settings, limit: int) -> int:
    """Print the accounts, one per line, oldest first. Return the exit status."""
    async with opened_container(settings) as container:
        list_accounts = await container.get(ListAccounts)
        found = await list_accounts(limit + 1)
    print_list([_line(each) for each in found], limit, "There is no account.")
    return 0


async def _grant_role(settings: Settings, email: str, role: Role) -> int:
    """Change an account's role and return the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    user = await _changed(settings, GrantRole, email, role)
    sys.stdout.write(f"{user.email} is {user.role} from now on.\n")
    return 0


async def _disable(settings: Settings, email: str) -> int:
    """Disable an account and return the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    user = await _changed(settings, DisableAccount, email)
    sys.stdout.write(f"{user.email} is disabled.\n")
    return 0


async def _enable(settings: Settings, email: str) -> int:
    """Enable a disabled account and return the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    user = await _changed(settings, EnableAccount, email)
    sys.stdout.write(f"{user.email} is enabled.\n")
    return 0


async def _set_password(settings: Settings, email: str, password: str) -> int:
    """Replace an account's password and return the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    user = await _changed(settings, SetPassword, email, password)
    sys.stdout.write(
        f"{user.email} has a new password. Its sessions have ended, in every process within 2 s.\n"
    )
    return 0


async def _end_sessions(settings: Settings, email: str) -> int:
    """End all sessions of an account and return the exit status.

    Raises:
        NoSuchAccount: there is no account with this address.
    """
    async with opened_container(settings) as container:
        end = await container.get(EndSessionsByEmail)
        user, count = await end(email_addresses().of(email))
    sys.stdout.write(f"Ended the sessions of {user.email}: {count}.\n")
    return 0


async def _changed(
    settings: Settings, kind: type[Callable[..., Awaitable[Account]]], email: str, *values: object
) -> Account:
    """Run a use case on the account with this address, and return the changed account."""
    async with opened_container(settings) as container:
        change = await container.get(kind)
        user: Account = await change(email_addresses().of(email), *values)
    return user


def _typed(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Invalid.value(
            "no-terminal",
            "There is no terminal to type the password on: pass --password-stdin.",
        )
    try:
        password = getpass("Password: ")
        repeated = getpass("Again: ")
    except EOFError:
        raise Invalid.value("no-password", "No password was typed.") from None
    if password != repeated:
        raise Invalid.value("passwords-differ", "The two passwords differ.")
    return password


def _line(user: Account) -> str:
    state = "disabled" if user.disabled else "enabled"
    return f"{user.id} {user.created_at.isoformat()} {user.role} {state} {user.email}"
