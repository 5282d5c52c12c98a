"""Reasons why a process cannot start. Each message is one sentence."""


class CannotStart(Exception):
    """Something that the process needs is missing or unavailable. The exit status is 1."""


class Misconfigured(CannotStart):
    """The settings or options lead to wrong data, or a wrong topic. The exit status is 78."""
