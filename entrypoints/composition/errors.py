"""The reasons for which a process cannot start, each in one sentence."""


class CannotStart(Exception):
    """The process cannot get something that it needs: exit status 1."""


class Misconfigured(CannotStart):
    """The settings lead to something that is not this service's: exit status 78 (sysexits.h)."""
