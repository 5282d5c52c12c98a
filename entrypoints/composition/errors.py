"""Reasons for which a process cannot start; each message is one sentence."""


class CannotStart(Exception):
    """The process lacks something that it needs: exit status 1."""


class Misconfigured(CannotStart):
    """The settings do not lead to data of this service: exit status 78 (sysexits.h)."""
