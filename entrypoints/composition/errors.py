"""Why a process cannot start, in one sentence."""


class CannotStart(Exception):
    """Something that the process cannot do without is not to be had."""
